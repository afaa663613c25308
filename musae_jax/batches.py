"""Global batches of a prepared data set: which phrases a step sees.

The batch of a step follows from the seed and the step alone: an epoch is a
permutation keyed by (seed, epoch), so a run's position in its data is its
step.
"""

import functools
import os
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from musae_jax import stored
from musae_jax.data import DatasetError, Split


class Batches(Protocol):
  """An endless iterator over global batches whose position can be kept."""

  def __iter__(self) -> Iterator[dict[str, np.ndarray]]: ...

  def __next__(self) -> dict[str, np.ndarray]: ...

  def get_state(self) -> dict[str, Any]:
    """Returns the position, as JSON."""
    ...

  def set_state(self, state: dict[str, Any]) -> None:
    """Goes to a position; the next batch is the one that followed it."""
    ...


class _MemoryBatches:
  """Batches gathered from an array; Grain's state, so the two can change."""

  def __init__(self, batch_at):
    self._batch_at = batch_at
    self._step = 0

  def __iter__(self):
    return self

  def __next__(self):
    self._step += 1
    return self._batch_at(self._step - 1)

  def get_state(self):
    return {'next_index': self._step}

  def set_state(self, state):
    self._step = state['next_index']


def make(
  split: Split,
  batch_size: int,
  seed: int,
  share: np.ndarray | slice = slice(None),
) -> Batches:
  """Returns the endless global batches of a run, from its first step.

  Each epoch visits the phrases in an order keyed by (seed, epoch) and drops
  its last, incomplete batch. From disk, threads of Grain gather ahead.

  Args:
    split: the data set.
    batch_size: phrases of a global batch.
    seed: of the order.
    share: the places in each batch that are read; all by default.

  Raises:
    DatasetError: the split has not one batch.
  """
  check_size(split, batch_size)

  on_disk = isinstance(split.phrases, np.memmap)

  def batch_at(step: int) -> dict[str, np.ndarray]:
    rows = batch_rows(len(split), batch_size, seed, step)[share]
    if on_disk:
      stored.read_ahead(split.phrases, rows)
    return split.batch(rows)

  if not on_disk:
    return _MemoryBatches(batch_at)
  import grain  # takes half a second, which those without a disk need not wait

  steps = grain.MapDataset.range(np.iinfo(np.int64).max).map(batch_at)
  # A thread gathers a whole batch, so as many threads as processors will do.
  options = grain.ReadOptions(
    num_threads=os.cpu_count() or 1, prefetch_buffer_size=16
  )
  return iter(steps.to_iter_dataset(options))


def check_size(split: Split, batch_size: int) -> None:
  """Raises a DatasetError where the split has not one batch."""
  if len(split) < batch_size:
    raise DatasetError(
      f'{split.name}: {len(split)} training phrases; expected at least '
      f'batch_size={batch_size}'
    )


def batch_rows(
  num_rows: int, batch_size: int, seed: int, step: int
) -> np.ndarray:
  """Returns the rows int64[batch_size] of the batch at `step`."""
  epoch, index = divmod(step, num_rows // batch_size)
  return epoch_rows(num_rows, batch_size, seed, epoch)[index]


def epoch_rows(
  num_rows: int, batch_size: int, seed: int, epoch: int
) -> np.ndarray:
  """Returns the rows int64[num_batches, batch_size] of an epoch's batches."""
  order = permutation(num_rows, seed, epoch)
  return order[: num_rows - num_rows % batch_size].reshape(-1, batch_size)


@functools.lru_cache(maxsize=4)
def permutation(num_rows: int, seed: int, epoch: int) -> np.ndarray:
  """Returns the order int64[num_rows] of an epoch; the same on any machine."""
  key = np.array([seed, epoch], np.uint64)
  order = np.random.Generator(np.random.Philox(key=key)).permutation(num_rows)
  order.setflags(write=False)  # the cache hands out one array
  return order


def padded_batches(
  phrases: np.ndarray,
  batch_size: int,
  rows: np.ndarray | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Yields every phrase once, in batches of one shape, with their mask.

  Args:
    phrases: uint8[n, t, 4].
    batch_size: phrases of a batch; the last one is filled with zeros.
    rows: which phrases, in this order; all of them by default.

  Yields:
    Tokens uint8[batch_size, t, 4], and bool[batch_size], False where filled.
  """
  num_rows = len(phrases) if rows is None else len(rows)
  for start in range(0, num_rows, batch_size):
    block = slice(start, start + batch_size)
    found = phrases[block if rows is None else rows[block]]
    tokens = np.zeros((batch_size, *found.shape[1:]), found.dtype)
    tokens[: len(found)] = found
    yield tokens, np.arange(batch_size) < len(found)
