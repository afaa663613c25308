"""t-SNE of many small sets of points at once.

Van der Maaten and Hinton 2008, exact, with its early exaggeration, momentum
and gains; begun from the two principal components, so that there is nothing to
draw. Written here because a page of all pairs of genres wants hundreds.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

_PERPLEXITY = 30.0
_EXAGGERATED, _UPDATES = 150, 350
_EXAGGERATION = 12.0


def pca(x: Float[Array, 'n d'], known: Bool[Array, 'n']) -> Float[Array, 'n 2']:
  """The first two principal components of the points that are known."""
  weight = known[:, None] / known.sum()
  centred = (x - (weight * x).sum(0)) * known[:, None]
  # Of the two products the smaller one: points are fewer than axes.
  values, vectors = jnp.linalg.eigh(centred @ centred.T)
  return vectors[:, :-3:-1] * jnp.sqrt(jnp.maximum(values[:-3:-1], 0))


def tsne(
  x: Float[Array, 'n d'], known: Bool[Array, 'n']
) -> Float[Array, 'n 2']:
  """Places in a plane in which near points stay near.

  Args:
    x: points; perplexity is 30, or what a third of them allow.
    known: False where a row only fills the shape.
  """
  alike = _alike(x, known)
  places = pca(x, known)
  places = 1e-2 * places / jnp.maximum(places.std(0), 1e-12)
  pairs = _pairs(known)
  rate = jnp.maximum(known.sum() / _EXAGGERATION / 4, 50)

  def update(carry, i):
    y, step, gain = carry
    early = i < _EXAGGERATED
    near = pairs / (1 + _squares(y))
    pull = jnp.where(early, _EXAGGERATION, 1) * alike - near / near.sum()
    force = pull * near
    grad = 4 * (force.sum(1)[:, None] * y - force @ y)
    gain = jnp.where(grad * step < 0, gain + 0.2, gain * 0.8)
    gain = jnp.maximum(gain, 0.01)
    step = jnp.where(early, 0.5, 0.8) * step - rate * gain * grad
    return (y + step, step, gain), None

  start = places, jnp.zeros_like(places), jnp.ones_like(places)
  steps = jnp.arange(_EXAGGERATED + _UPDATES)
  return jax.lax.scan(update, start, steps)[0][0]


@functools.partial(jax.jit, static_argnums=2)
def planes(
  x: Float[np.ndarray, 's n d'], known: Bool[np.ndarray, 's n'], block: int = 2
) -> tuple[Float[Array, 's n 2'], Float[Array, 's n 2']]:
  """`pca` and `tsne` of each set, so many sets at once."""

  def both(of):
    return pca(*of), tsne(*of)

  return jax.lax.map(both, (x, known), batch_size=block)


def _pairs(known):
  """1 for two different points that are known, else 0."""
  return jnp.float32(known[:, None] & known & ~jnp.eye(len(known), dtype=bool))


def _squares(y):
  length = (y**2).sum(-1)
  square = length[:, None] + length - 2 * y @ y.T
  return jnp.maximum(square, 0)


def _alike(x, known):
  """The joint probabilities of two points; of each, its perplexity's."""
  pairs = _pairs(known)
  square = _squares(x)
  square = square / jnp.maximum((square * pairs).sum() / pairs.sum(), 1e-12)
  entropy = jnp.log(jnp.minimum(_PERPLEXITY, (known.sum() - 1) / 3))

  def of(log_precision):
    score = -jnp.exp(log_precision)[:, None] * square
    score = jnp.where(pairs > 0, score, -jnp.inf)
    log_p = jax.nn.log_softmax(jnp.where(known[:, None], score, 0), -1)
    p = jnp.exp(log_p) * pairs
    return p, -(p * jnp.where(p > 0, log_p, 0)).sum(-1)

  def halve(bounds, _):
    low, high = bounds
    middle = (low + high) / 2
    wide = of(middle)[1] > entropy
    return (jnp.where(wide, middle, low), jnp.where(wide, high, middle)), None

  ends = jnp.full(len(x), -10.0), jnp.full(len(x), 15.0)
  (low, high), _ = jax.lax.scan(halve, ends, length=30)
  p = of((low + high) / 2)[0]
  return (p + p.T) / (p + p.T).sum()
