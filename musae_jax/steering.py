"""Codes moved so that their phrases have more or less of an attribute.

A change of 0.5 is half a standard deviation of the data.
"""

import functools
from collections.abc import Collection, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, UInt8

from musae_jax import attributes, batches, descent, directions
from musae_jax.directions import Directions
from musae_jax.errors import UserError
from musae_jax.models import Autoencoder
from musae_jax.pianoroll import TRACKS, canonical

METHODS = ('difference', 'ridge', 'gradient')
# Searched along, it moves register best and the others about as well as any, by
# experiments/benchmarks/editing.py; the directions take a tenth of the time.
DEFAULT = 'gradient'

# How far along a way an edit may go, in what a method finds right.
_AMOUNTS = (0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3)
_BATCH = 64  # one shape, so one compilation
# Beside a squared distance of 1 standard deviation from what is asked: one of
# another attribute from what it was; a nat that a track's tokens differ by,
# where it is to be kept and where not; and a nat an axis that a code gets less
# likely by.
_OTHERS, _KEPT, _REST, _PRIOR = 0.3, 10.0, 0.3, 1.0


def fit(
  model: Autoencoder,
  params: dict,
  phrases: UInt8[np.ndarray, 'n t 4'],
  tags: Bool[np.ndarray, 'n k'],
) -> Directions:
  """The attributes' deviations, and their directions, in these phrases.

  Args:
    model: networks and prior.
    params: the model's.
    phrases: of the training split, some thousands.
    tags: their genres.
  """
  codes = _in_batches(lambda x: _encode(model, params, x), phrases)
  return directions.fit(codes, attributes.measure(phrases), model.prior, tags)


def move(
  model: Autoencoder,
  params: dict,
  z: Float[np.ndarray, 'n d'],
  num_steps: int,
  targets: Mapping[str, float],
  fitted: Directions,
  method: str = DEFAULT,
  keep: Collection[str] = (),
) -> Float[np.ndarray, 'n d']:
  """Codes moved as a method has it; how far that brings them is not looked at.

  Arguments as those of `edit`.
  """
  _check(targets, fitted, method, keep)
  if method != 'gradient':
    change = np.array([targets.get(n, 0) for n in fitted.names])
    steps = change @ getattr(fitted, method)
    return np.float32(z + steps * model.prior.std)
  goal = _goal(targets, fitted, keep)
  return _in_batches(
    lambda z: descent.descend(model, num_steps, fitted.names, params, goal, z),
    z,
  )


def edit(
  model: Autoencoder,
  params: dict,
  z: Float[np.ndarray, 'n d'],
  num_steps: int,
  targets: Mapping[str, float],
  fitted: Directions,
  method: str = DEFAULT,
  keep: Collection[str] = (),
) -> Float[np.ndarray, 'n d']:
  """Codes of phrases whose attributes differ by as much as was asked.

  A method says which way each code is to go. Along it several places are
  decoded and measured, and the best is taken: where the attributes are nearest
  to what was asked, and the others of the same place to what they were.

  Args:
    model: networks and prior.
    params: the model's.
    z: codes, in the prior's axes.
    num_steps: length of a phrase in timesteps.
    targets: changes by attribute, in the data's standard deviations.
    fitted: the attributes' steps and deviations.
    method: one of METHODS. 'difference' and 'ridge' take those directions;
      'gradient' goes down a slope until what the decoder is expected to play
      has what is asked, and stays likely under the prior, and else as it was.
    keep: tracks that are to stay, which only 'gradient' heeds.

  Raises:
    UserError: there is no such attribute, method or track, or no direction.
  """
  end = move(model, params, z, num_steps, targets, fitted, method, keep)
  goal = _goal(targets, fitted, keep)
  before = _measured(model, params, z, num_steps, goal, fitted.names)
  best, least = z, np.full(len(z), np.inf)
  for amount in _AMOUNTS:
    there = z + np.float32(amount) * (end - z)
    found = _measured(model, params, there, num_steps, goal, fitted.names)
    off = found - before - goal.change
    # What a phrase has not, now or then, is as wrong as if nothing were done.
    off = np.where(np.isnan(off), goal.change, off)
    cost = (goal.weights * off**2).sum(-1)
    best = np.where((cost < least)[:, None], there, best)
    least = np.minimum(cost, least)
  return best


def _measured(model, params, z, num_steps, goal, names):
  """The attributes of decoded codes, in standard deviations, a column each."""
  tokens = _in_batches(lambda z: _most_likely(model, num_steps, params, z), z)
  values = attributes.measure(canonical(tokens.swapaxes(0, 1)).swapaxes(0, 1))
  return np.stack([values[name] for name in names], -1) / goal.std


def _in_batches(function, rows):
  parts = [
    np.asarray(function(batch))[mask]
    for batch, mask in batches.padded_batches(rows, _BATCH)
  ]
  return np.concatenate(parts)


@functools.partial(jax.jit, static_argnums=0)
def _encode(model, params, tokens):
  return model.encode(params, tokens).mean


@functools.partial(jax.jit, static_argnums=(0, 1))
def _most_likely(model, num_steps, params, z):
  return model.decode(params, z, num_steps).argmax(-1).astype(jnp.uint8)


def _check(targets, fitted, method, keep):
  for name in targets:
    if name not in fitted.names:
      raise UserError(
        f'there is no attribute {name!r}, expected one of '
        + ', '.join(fitted.names)
      )
  for what, found, known in (
    ('method', {method}, METHODS),
    ('track', set(keep), TRACKS),
  ):
    for name in found - set(known):
      raise UserError(
        f'there is no {what} {name!r}, expected one of {", ".join(known)}'
      )
  if method == 'gradient':
    return
  for name in targets:
    if not getattr(fitted, method)[fitted.names.index(name)].any():
      raise UserError(
        f'{name} has no direction of its own, expected method=gradient'
      )


def _goal(targets, fitted, keep) -> descent.Goal:
  beside = {
    o for name in targets for o in directions.others(name, attributes.NAMES)
  }
  weights = [
    1.0 if n in targets else _OTHERS * (n in beside) for n in fitted.names
  ]
  change = [targets.get(n, 0) for n in fitted.names]
  tracks = [_KEPT if track in keep else _REST for track in TRACKS]
  return descent.Goal(
    *map(np.float32, (change, fitted.std, weights, tracks, _PRIOR))
  )
