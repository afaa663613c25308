"""The phrases of a corpus that are most like others."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from musae_jax.pianoroll import DRUMS, NUM_PITCHES, TRACKS

# Phrases of the corpus at once: their counts of 256 phrases stay in a cache.
_BLOCK = 8192
_NO_TOKEN = 255


class Neighbours(NamedTuple):
  """What is most like some phrases, the nearest first.

  Attributes:
    distance: 0 of the same code, 1 of two draws of the prior, in the mean.
    row: which of the others; of several as near, those that come first.
  """

  distance: Float[np.ndarray, 'n k']
  row: Int[np.ndarray, 'n k']


def by_code(
  codes: Float[np.ndarray, 'n d'],
  others: Float[np.ndarray, 'm d'],
  std: Float[np.ndarray, 'd'],
  k: int = 1,
) -> Neighbours:
  """Returns the k nearest of other codes to each, or all if they are fewer.

  Args:
    codes: in the prior's axes.
    others: in the same.
    std: the prior's, along each axis; distances are in these.
    k: how many.
  """
  others = others / std
  k = min(k, len(others))
  squares = (others**2).sum(-1)
  found = np.empty((len(codes), k), np.float32), np.empty((len(codes), k), int)
  for i, z in enumerate(codes / std):
    far = np.maximum(squares - 2 * others @ z + z @ z, 0) / (2 * len(z))
    found[1][i] = np.argsort(far, kind='stable')[:k]
    found[0][i] = far[found[1][i]]
  return Neighbours(*found)


def nearest(
  phrases: UInt8[np.ndarray, 'n t 4'],
  corpus: UInt8[np.ndarray, 'm t 4'],
  k: int = 1,
  in_any_key: bool = False,
) -> tuple[Float[np.ndarray, 'n k'], Int[np.ndarray, 'n k']]:
  """Returns the k nearest of a corpus to each phrase, the nearest first.

  Near is who shares many tokens: the Hamming distance, as a share of all.

  Args:
    phrases: that are looked for.
    corpus: where.
    k: how many.
    in_any_key: compares as if all had the same first pitch.

  Returns:
    The distances, in [0, 1], and the rows of the corpus; of several as near,
    those that come first.
  """
  best = np.empty((len(phrases), 0), np.int64)
  for start in range(0, len(corpus), _BLOCK):
    block = corpus[start : start + _BLOCK]
    missing = [(0, _BLOCK - len(block)), (0, 0), (0, 0)]
    padded = np.pad(block, missing, constant_values=_NO_TOKEN)
    found = np.asarray(
      _in_block(phrases, padded, min(k, len(block)), in_any_key)
    )
    # One number that sorts by distance, then by row.
    distance, row = np.divmod(found.astype(np.int64), _BLOCK)
    keys = np.concatenate([best, distance << 32 | start + row], 1)
    best = np.sort(keys, 1)[:, :k]
  return (best >> 32) / np.prod(phrases.shape[1:]), best & 0xFFFFFFFF


@functools.partial(jax.jit, static_argnames=('k', 'in_any_key'))
def _in_block(phrases, block, k, in_any_key):
  """The k least of each phrase's distances * _BLOCK + rows."""
  if in_any_key:
    phrases, block = _in_one_key(phrases), _in_one_key(block)
  queries, block = (x.reshape(len(x), -1).T for x in (phrases, block))

  def compare(differing, of):
    query, row = of
    return differing + (query[:, None] != row).astype(jnp.uint16), None

  # A timestep of a track at a time: counts stay in a cache meanwhile.
  none = jnp.zeros((queries.shape[1], _BLOCK), jnp.uint16)
  differing, _ = jax.lax.scan(compare, none, (queries, block))
  keys = differing.astype(jnp.int32) * _BLOCK + jnp.arange(_BLOCK)
  if k == 1:
    return keys.min(1, keepdims=True)
  return -jax.lax.top_k(-keys, k)[0]


def _in_one_key(tokens: UInt8[Array, 'n t 4']) -> UInt8[Array, 'n t 4']:
  """Phrases, each moved so that the first of its pitches, not a drum, is 0."""
  pitched = (tokens < NUM_PITCHES) & (jnp.arange(len(TRACKS)) != DRUMS)
  first = pitched.reshape(len(tokens), -1).argmax(1)
  base = tokens.reshape(len(tokens), -1)[jnp.arange(len(tokens)), first]
  moved = (tokens - base[:, None, None]) % NUM_PITCHES
  return jnp.where(pitched, moved, tokens)
