"""The phrases of a corpus that are most like others."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from musae_jax.pianoroll import DRUMS, NUM_PITCHES

# Phrases of the corpus at once: as many as stay in a cache.
_BLOCK = 8192


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
  as_is = _in_one_key if in_any_key else lambda tokens: tokens
  queries = as_is(phrases).reshape(len(phrases), -1)
  best = np.full((len(queries), k), np.iinfo(np.int64).max)
  for start in range(0, len(corpus), _BLOCK):
    block = as_is(corpus[start : start + _BLOCK])
    # A timestep of a track in a row, so that a processor compares many at once.
    columns = np.ascontiguousarray(block.reshape(len(block), -1).T)
    rows = np.arange(start, start + len(block))
    for i, query in enumerate(queries):
      differing = np.zeros(len(block), np.uint16)
      for column, token in zip(columns, query):
        differing += column != token
      # One number that sorts by distance, then by row.
      found = (differing.astype(np.int64) << 32) | rows
      best[i] = np.sort(np.concatenate([best[i], _least(found, k)]))[:k]
  return (best >> 32) / queries.shape[1], best & 0xFFFFFFFF


def _in_one_key(
  tokens: UInt8[np.ndarray, 'n t 4'],
) -> UInt8[np.ndarray, 'n t 4']:
  """Phrases, each moved so that the first of its pitches, not a drum, is 0."""
  pitched = tokens < NUM_PITCHES
  pitched[..., DRUMS] = False
  first = pitched.reshape(len(tokens), -1).argmax(1)
  base = tokens.reshape(len(tokens), -1)[np.arange(len(tokens)), first]
  moved = (tokens - base[:, None, None]) % NUM_PITCHES
  return np.where(pitched, moved, tokens)


def _least(x: np.ndarray, k: int) -> np.ndarray:
  return np.partition(x, k - 1)[:k] if k < len(x) else x
