"""Prepared data set -> global batches.

A split is one uint8 array, in memory where it fits and read from disk where
it does not; both index alike. The batch of a step follows from the seed and
the step alone: an epoch is a permutation keyed by (seed, epoch), so a run's
position in its data is its step.
"""

import dataclasses
import functools
import os
import pathlib
import re
import zlib
from collections.abc import Iterator
from typing import Any, Protocol

import grain
import numpy as np

# The command that builds a data set from Lakh.
BUILT_BY = 'python -m tfds_lakh.build --config={config} --data_dir={dir}'
# Records read at once when a split is loaded: large enough to amortise the
# call, small next to the split.
_BLOCK = 512
_FIELDS = ('phrases', 'genres', 'song', 'bar', 'programs', 'tempo')


class DatasetError(ValueError):
  """A data set is missing, unreadable or too small; one line says which."""


class MissingDataset(DatasetError):
  """There is no data set of that name in the folder."""


class StoredPhrases:
  """The phrases of a split on disk: indexes like an array uint8[n, t, 4].

  A record holds several phrases of one song; reading a phrase reads its
  record.
  """

  dtype = np.dtype(np.uint8)

  def __init__(self, source, counts: np.ndarray, timesteps: int):
    self._source = source
    self._starts = np.concatenate([[0], np.cumsum(counts)])
    self.shape = (int(self._starts[-1]), timesteps, 4)

  def __len__(self) -> int:
    return self.shape[0]

  def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
    """Returns the phrases at `rows`, uint8[len(rows), t, 4]."""
    if isinstance(rows, slice):
      rows = np.arange(*rows.indices(len(self)))
    record = np.searchsorted(self._starts, rows, side='right') - 1
    wanted, where = np.unique(record, return_inverse=True)
    read = self._source.__getitems__([int(r) for r in wanted])
    out = np.empty((len(rows), *self.shape[1:]), np.uint8)
    for i, example in enumerate(read):
      mine = where == i
      out[mine] = example['phrases'][rows[mine] - self._starts[wanted[i]]]
    return out


@dataclasses.dataclass(frozen=True)
class Split:
  """One split of a prepared data set; arrays run over its phrases.

  Attributes:
    name: data set, configuration and version, 'lakh_pianoroll/2bar/1.0.0'.
    phrases: tokens uint8[n, t, 4], in memory or on disk.
    genres: multi-hot bool[n, 32]; a column is a petal of the flower.
    song: int32[n], index into `songs`.
    bar: int32[n], the window's first bar in its song.
    programs: General MIDI programs uint8[n, 4].
    tempo: float32[n], beats per minute.
    songs: the songs' keys.
    genre_names: names of the first columns of `genres`, in the ring's order.
    crc32: checksum of everything stored, record by record; the same in memory
      and on disk.
  """

  name: str
  phrases: np.ndarray | StoredPhrases
  genres: np.ndarray
  song: np.ndarray
  bar: np.ndarray
  programs: np.ndarray
  tempo: np.ndarray
  songs: tuple[str, ...]
  genre_names: tuple[str, ...]
  crc32: int

  def __len__(self) -> int:
    return len(self.song)

  @property
  def timesteps(self) -> int:
    """Timesteps of a phrase."""
    return self.phrases.shape[1]

  def batch(self, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the phrases and genres at `rows`."""
    return {'phrases': self.phrases[rows], 'genres': self.genres[rows]}


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


def load(
  name: str,
  data_dir: str | os.PathLike,
  split: str,
  in_memory: str = 'auto',
  built_by: str = BUILT_BY,
) -> Split:
  """Returns the split 'train' or 'validation' of a prepared data set.

  Args:
    name: data set and configuration, 'lakh_pianoroll/16bar'.
    data_dir: the folder given to the build command.
    split: the split's name.
    in_memory: 'true', 'false', or 'auto': whether the phrases take less than
      a third of the machine's memory (loading holds them twice for a moment).
    built_by: the command to name where the data set is missing; {config} and
      {dir} in it stand for the configuration and `data_dir`.

  Raises:
    MissingDataset: it has not been built.
    DatasetError: it cannot be read.
  """
  # TFDS takes a second to import, which `musae --help` need not wait for.
  import tensorflow_datasets as tfds

  directory = _directory(name, data_dir, built_by)
  try:
    builder = tfds.builder_from_directory(directory)
    info = builder.info.splits[split]
    source = builder.as_data_source(split)
    if in_memory == 'auto':
      keep = info.num_bytes < _physical_memory() // 3
    else:
      keep = in_memory == 'true'
    return _read(source, directory, builder.info.metadata or {}, keep)
  except DatasetError:
    raise
  except Exception as error:  # TFDS, protobuf and ArrayRecord have their own
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    raise DatasetError(
      f'{directory}: cannot read split {split!r} of {name}: {reason}'
    ) from error


def batches(split: Split, batch_size: int, seed: int) -> Batches:
  """Returns the endless global batches of a run, from its first step.

  Each epoch visits the phrases in an order keyed by (seed, epoch) and drops
  its last, incomplete batch. From disk, threads of Grain read ahead.

  Raises:
    DatasetError: the split has not one batch.
  """
  check_size(split, batch_size)

  def batch_at(step: int) -> dict[str, np.ndarray]:
    return split.batch(batch_rows(len(split), batch_size, seed, step))

  if isinstance(split.phrases, np.ndarray):
    return _MemoryBatches(batch_at)
  steps = grain.MapDataset.range(np.iinfo(np.int64).max).map(batch_at)
  # A thread reads a whole batch, so as many threads as processors will do.
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
  phrases: np.ndarray | StoredPhrases,
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


def _read(source, directory: pathlib.Path, metadata, keep: bool) -> Split:
  """Returns a split from its records; the phrases too where `keep`."""
  columns = {k: [] for k in ('genres', 'song', 'bar', 'programs', 'tempo')}
  phrases, counts, songs = [], [], {}
  timesteps = crc32 = 0
  for start in range(0, len(source), _BLOCK):
    block = range(start, min(start + _BLOCK, len(source)))
    for example in source.__getitems__(list(block)):
      for field in _FIELDS:
        crc32 = zlib.crc32(np.asarray(example[field]), crc32)
      count, timesteps, _ = example['phrases'].shape
      counts.append(count)
      if keep:
        phrases.append(example['phrases'])
      key = example['song']
      key = key.decode() if isinstance(key, bytes) else key
      song = songs.setdefault(key, len(songs))
      columns['song'].append(np.full(count, song, np.int32))
      columns['genres'].append(
        np.tile(example['genres'].astype(bool), (count, 1))
      )
      columns['tempo'].append(np.full(count, example['tempo'], np.float32))
      columns['bar'].append(example['bar'])
      columns['programs'].append(example['programs'])
  if not counts:
    raise DatasetError(f'{directory}: split is empty; expected some phrases')
  if keep:
    tokens = np.concatenate(phrases)
  else:
    tokens = StoredPhrases(source, np.array(counts), timesteps)
  return Split(
    name='/'.join(directory.parts[-3:]),
    phrases=tokens,
    songs=tuple(songs),
    genre_names=tuple(metadata.get('genres', ())),
    crc32=crc32,
    **{key: np.concatenate(parts) for key, parts in columns.items()},
  )


def _directory(
  name: str, data_dir: str | os.PathLike, built_by: str
) -> pathlib.Path:
  """Returns the folder of a data set's newest version."""
  parent = pathlib.Path(data_dir) / name
  versions = {
    tuple(map(int, path.parent.name.split('.'))): path.parent
    for path in parent.glob('*/dataset_info.json')
    # Not '1.0.0.incompleteAB12', which TFDS leaves when it is interrupted.
    if re.fullmatch(r'\d+\.\d+\.\d+', path.parent.name)
  }
  if not versions:
    command = built_by.replace('{config}', parent.name)
    command = command.replace('{dir}', str(data_dir))
    raise MissingDataset(
      f'no data set {name} in {data_dir}; build it with: {command}'
    )
  return versions[max(versions)]


def _physical_memory() -> int:
  """Returns the machine's memory in bytes."""
  return os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
