"""A prepared data set, read.

A split's phrases are one uint8 array, in memory where they fit and mapped from
disk where they do not.
"""

import dataclasses
import math
import os
import pathlib
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from musae_jax import cache, machine, stored
from musae_jax.errors import UserError, first_line

# The command that builds a data set from Lakh.
BUILT_BY = 'python -m tfds_lakh.build --config={config} --data_dir={dir}'
# Records read at once when a split is loaded: large enough to amortise the
# call, small next to the split.
_BLOCK = 512
_FIELDS = ('phrases', 'genres', 'song', 'bar', 'programs', 'tempo')
_GIB = 2**30


class DatasetError(UserError):
  """A data set is missing, unreadable or too small; one line says which."""


class MissingDataset(DatasetError):
  """There is no data set of that name in the folder."""


@dataclasses.dataclass(frozen=True)
class Split:
  """One split of a prepared data set; arrays run over its phrases.

  Attributes:
    name: data set, configuration and version, 'lakh_pianoroll/2bar/1.0.0'.
    phrases: tokens uint8[n, t, 4]; an `np.memmap` where they are on disk.
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
  phrases: np.ndarray
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

  def describe(self) -> dict[str, Any]:
    """Returns, as JSON, what tells this split from another's."""
    return {
      'name': self.name,
      'timesteps': self.timesteps,
      'genres': list(self.genre_names),
      'train_phrases': len(self),
      'train_crc32': self.crc32,
    }

  def batch(self, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the phrases and genres at `rows`."""
    return {'phrases': self.phrases[rows], 'genres': self.genres[rows]}


def check_same(
  folder: str | os.PathLike, here: Mapping[str, Any], known: Mapping[str, Any]
) -> None:
  """Passes a data set that is described as the one that a model was trained on.

  Args:
    folder: of the data set.
    here: what describes it.
    known: what described that one; fields that both have are compared.

  Raises:
    DatasetError: one differs.
  """
  for field in here:
    if field in known and here[field] != known[field]:
      raise DatasetError(
        f'{folder}: {field} of the data set is {here[field]}, but the model '
        f'was trained on one with {known[field]}'
      )


def load(
  name: str,
  data_dir: str | os.PathLike,
  split: str,
  in_memory: str = 'auto',
  built_by: str = BUILT_BY,
  memory: int | None = None,
) -> Split:
  """Returns the split 'train' or 'validation' of a prepared data set.

  Args:
    name: data set and configuration, 'lakh_pianoroll/16bar'.
    data_dir: the folder given to the build command.
    split: the split's name.
    in_memory: 'true', 'false', or 'auto': whether the phrases take less than
      a third of `memory` (loading holds them twice for a moment).
      Where not, they are written to a file beside the data set, or in the
      user's cache folder where that is read-only, and mapped from there.
    built_by: the command to name where the data set is missing; {config} and
      {dir} in it stand for the configuration and `data_dir`.
    memory: bytes that the process may have; what the machine leaves it.

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
      keep = info.num_bytes < (memory or machine.memory()) // 3
    else:
      keep = in_memory == 'true'
    return _read(source, directory, split, builder.info.metadata or {}, keep)
  except DatasetError:
    raise
  except Exception as error:  # TFDS, protobuf and ArrayRecord have their own
    raise DatasetError(
      f'{directory}: cannot read split {split!r} of {name}: {first_line(error)}'
    ) from error


def _read(source, directory: pathlib.Path, split: str, metadata, keep) -> Split:
  """Returns a split from its records; its phrases in memory where `keep`."""
  # One entry a record: some of them hold for each of its phrases.
  columns = {k: [] for k in ('genres', 'song', 'bar', 'programs', 'tempo')}
  phrases, counts, songs = [], [], {}
  timesteps = crc32 = 0
  for example in _examples(source):
    for field in _FIELDS:
      crc32 = zlib.crc32(np.asarray(example[field]), crc32)
    count, timesteps, _ = example['phrases'].shape
    counts.append(count)
    if keep:
      phrases.append(example['phrases'])
    key = example['song']
    key = key.decode() if isinstance(key, bytes) else key
    columns['song'].append(songs.setdefault(key, len(songs)))
    for field in ('genres', 'bar', 'programs', 'tempo'):
      columns[field].append(example[field])
  if not counts:
    raise DatasetError(f'{directory}: split is empty; expected some phrases')
  name = '/'.join(directory.parts[-3:])
  if keep:
    tokens = np.concatenate(phrases)
  else:
    shape = sum(counts), timesteps, 4
    tokens = _stored(source, directory, name, f'{split}-{crc32:08x}', shape)

  def of_records(field, dtype):
    return np.repeat(np.array(columns[field], dtype), counts, axis=0)

  return Split(
    name=name,
    phrases=tokens,
    genres=of_records('genres', bool),
    song=of_records('song', np.int32),
    bar=np.concatenate(columns['bar']),
    programs=np.concatenate(columns['programs']),
    tempo=of_records('tempo', np.float32),
    songs=tuple(songs),
    genre_names=tuple(metadata.get('genres', ())),
    crc32=crc32,
  )


def _examples(source) -> Iterator[dict]:
  """Yields the records in order."""
  for start in range(0, len(source), _BLOCK):
    block = range(start, min(start + _BLOCK, len(source)))
    yield from source.__getitems__(list(block))


def _stored(source, directory, name, key, shape) -> np.memmap:
  """Returns the phrases on disk, from a file that is written if need be."""
  folders = directory, cache.folder(name)
  try:
    return stored.phrases(
      folders,
      f'phrases-{key}.npy',
      shape,
      lambda: (example['phrases'] for example in _examples(source)),
    )
  except OSError as error:
    raise DatasetError(
      f'{error.filename}: cannot write the phrases that are to be read from '
      f'disk, {math.prod(shape) / _GIB:.2f} GiB: {error.strerror}'
    ) from error


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
