"""The phrases of a corpus that are most like others."""

import numpy as np
from jaxtyping import Float, Int, UInt8

# Phrases of the corpus at once: as many as stay in a cache.
_BLOCK = 8192


def nearest(
  phrases: UInt8[np.ndarray, 'n t 4'],
  corpus: UInt8[np.ndarray, 'm t 4'],
  k: int = 1,
) -> tuple[Float[np.ndarray, 'n k'], Int[np.ndarray, 'n k']]:
  """Returns the k nearest of a corpus to each phrase, the nearest first.

  Near is who shares many tokens: the Hamming distance, as a share of all.

  Returns:
    The distances, in [0, 1], and the rows of the corpus; of several as near,
    those that come first.
  """
  queries = phrases.reshape(len(phrases), -1)
  best = np.full((len(queries), k), np.iinfo(np.int64).max)
  for start in range(0, len(corpus), _BLOCK):
    block = corpus[start : start + _BLOCK]
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


def _least(x: np.ndarray, k: int) -> np.ndarray:
  return np.partition(x, k - 1)[:k] if k < len(x) else x
