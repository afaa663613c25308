"""Ways from one code to another."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

Codes = Float[np.ndarray, 'n d']


def line(
  a: Codes, b: Codes, t: Float[np.ndarray, 's']
) -> Float[np.ndarray, 's n d']:
  """Straight, at even speed: (1 - t) a + t b."""
  t = t[:, None, None]
  return (1 - t) * a + t * b


def sphere(
  a: Codes, b: Codes, t: Float[np.ndarray, 's']
) -> Float[np.ndarray, 's n d']:
  """Around the origin, at even turn and even change of length.

  Shoemake 1985's great arc (White 2016 has it for latent codes): draws from a
  Gaussian of many axes have all about one length, and so has what lies on it.
  The axes should have one scale. Straight where the two point the same way.
  """
  lengths = [np.linalg.norm(z, axis=-1, keepdims=True) for z in (a, b)]
  unit = [z / np.maximum(r, 1e-12) for z, r in zip((a, b), lengths)]
  cosine = np.clip((unit[0] * unit[1]).sum(-1, keepdims=True), -1, 1)
  angle = np.arccos(cosine)
  t = t[:, None, None]
  length = (1 - t) * lengths[0] + t * lengths[1]
  with np.errstate(invalid='ignore', divide='ignore'):
    turned = (
      np.sin((1 - t) * angle) * unit[0] + np.sin(t * angle) * unit[1]
    ) / np.sin(angle)
  straight = np.sin(angle) < 1e-6
  return np.where(straight, line(a, b, t[:, 0, 0]), length * turned)


def arc(
  a: Codes, b: Codes, t: Float[np.ndarray, 's']
) -> Float[np.ndarray, 's n d']:
  """Along the flower's ring: the angle in its plane turns the shorter way.

  The plane is that of the first two axes. The distance from the centre and
  all other axes go straight, so that no petal is left for the empty middle.
  """
  radius = [np.hypot(z[:, 0], z[:, 1]) for z in (a, b)]
  angle = [np.arctan2(z[:, 1], z[:, 0]) for z in (a, b)]
  turn = (angle[1] - angle[0] + np.pi) % (2 * np.pi) - np.pi
  path = line(a, b, t)
  t = t[:, None]
  r = (1 - t) * radius[0] + t * radius[1]
  at = angle[0] + t * turn
  path[..., 0], path[..., 1] = r * np.cos(at), r * np.sin(at)
  return path


def turned(z: Codes, angle: float, amount: float) -> Codes:
  """Codes turned about the ring's centre towards an angle, the shorter way.

  The plane is that of the first two axes; all other axes, and the distance from
  the centre, stay.

  Args:
    z: codes.
    angle: in radians.
    amount: 0 leaves them where they are, 1 turns them all the way.
  """
  turn = angle - np.arctan2(z[:, 1], z[:, 0])
  turn = amount * ((turn + np.pi) % (2 * np.pi) - np.pi)
  cos, sin = np.cos(turn), np.sin(turn)
  plane = [z[:, 0] * cos - z[:, 1] * sin, z[:, 0] * sin + z[:, 1] * cos]
  return np.concatenate([np.stack(plane, -1), z[:, 2:]], -1).astype(z.dtype)


def between(
  name: str,
  a: Codes,
  b: Codes,
  t: Float[np.ndarray, 's'],
  std: Float[np.ndarray, 'd'],
) -> Float[np.ndarray, 's n d']:
  """The path of that name, at `t` from 0 to 1.

  A sphere's is that of the axes whitened by `std`, where it is round.
  """
  if name == 'sphere':
    return sphere(a / std, b / std, t) * std
  return PATHS[name](a, b, t)


PATHS: dict[str, Callable] = {'line': line, 'sphere': sphere, 'arc': arc}
