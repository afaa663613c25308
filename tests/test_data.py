"""Splits in memory and on disk, and what is told of those that are not."""

import errno
import pathlib
import shutil

import numpy as np
import pytest

from musae_jax import data, stored

NAME = 'lakh_pianoroll/2bar'


class FakeSource(list):
  def __getitems__(self, rows):
    return [self[row] for row in rows]


@pytest.fixture(scope='module')
def memory(tiny_data):
  return data.load(NAME, tiny_data, 'train', in_memory='true')


@pytest.fixture(scope='module')
def disk(tiny_data):
  return data.load(NAME, tiny_data, 'train', in_memory='false')


def test_split_holds_what_was_written(memory):
  assert memory.name == 'lakh_pianoroll/2bar/1.0.0'
  assert memory.genre_names == ('rock', 'pop', 'jazz')
  assert memory.phrases.dtype == np.uint8
  assert memory.phrases.shape == (len(memory), 8, 4)
  assert memory.timesteps == 8
  assert memory.genres.dtype == bool
  assert len(memory.songs) == 20  # of 40 records, two a song
  assert set(memory.song) == set(range(20))
  assert memory.programs.shape == (len(memory), 4)
  assert set(memory.tempo) == {120}
  # A window's record restarts its bars at 0 here, so each 0 opens a record.
  assert (memory.bar == 0).sum() == 40
  assert (memory.phrases[:, 1:, 0] == 129).all()
  assert (memory.phrases[:, 0] < 64).all()


def test_disk_and_memory_hold_the_same(memory, disk):
  assert isinstance(disk.phrases, np.memmap)
  assert not isinstance(memory.phrases, np.memmap)
  assert disk.phrases.shape == memory.phrases.shape
  rows = np.array([5, 0, 5, len(memory) - 1, 17])
  np.testing.assert_array_equal(disk.phrases[rows], memory.phrases[rows])
  np.testing.assert_array_equal(disk.phrases[3:], memory.phrases[3:])
  np.testing.assert_array_equal(disk.genres, memory.genres)
  np.testing.assert_array_equal(disk.song, memory.song)
  assert disk.crc32 == memory.crc32


def test_checksum_sees_every_field():
  def crc32(**changes):
    record = {
      'phrases': np.zeros((2, 8, 4), np.uint8),
      'genres': np.zeros(32, np.uint8),
      'song': 'a',
      'bar': np.zeros(2, np.int32),
      'programs': np.zeros((2, 4), np.uint8),
      'tempo': np.float32(120),
    }
    source = FakeSource([record, {**record, **changes}])
    folder = pathlib.Path('a/b/1.0.0')
    return data._read(source, folder, 'train', {}, keep=True).crc32

  phrases = np.zeros((2, 8, 4), np.uint8)
  phrases[1, 7, 3] = 1
  found = [
    crc32(),
    crc32(phrases=phrases),
    crc32(genres=np.eye(32, dtype=np.uint8)[0]),
    crc32(song='b'),
    crc32(bar=np.arange(2, dtype=np.int32)),
    crc32(programs=np.ones((2, 4), np.uint8)),
    crc32(tempo=np.float32(121)),
  ]
  assert len(set(found)) == len(found)
  assert crc32() == found[0]


def test_auto_keeps_a_small_split_in_memory(tiny_data):
  split = data.load(NAME, tiny_data, 'train')
  assert not isinstance(split.phrases, np.memmap)
  split = data.load(NAME, tiny_data, 'train', memory=100)
  assert isinstance(split.phrases, np.memmap)


@pytest.fixture
def copied(tiny_data, tmp_path):
  """The folder of a data set that nobody has streamed yet."""
  shutil.copytree(
    tiny_data, tmp_path / 'data', ignore=shutil.ignore_patterns('*.npy')
  )
  return tmp_path / 'data'


def phrase_files(folder):
  return sorted(path.name for path in folder.rglob('*.npy*'))


def test_streamed_phrases_lie_beside_the_records(copied):
  splits = [
    data.load(NAME, copied, split, in_memory='false')
    for split in ('train', 'validation', 'train')
  ]
  folder = copied / NAME / '1.0.0'
  assert phrase_files(folder) == [
    f'phrases-train-{splits[0].crc32:08x}.npy',
    f'phrases-validation-{splits[1].crc32:08x}.npy',
  ]
  assert phrase_files(copied) == phrase_files(folder)
  data.load(NAME, copied, 'train', in_memory='true')
  np.testing.assert_array_equal(splits[2].phrases, splits[0].phrases)


def test_streaming_from_a_read_only_folder_writes_to_the_cache(
  copied, tmp_path, monkeypatch
):
  alone = stored.alone

  def refuse(folder):
    if copied in folder.parents:
      raise PermissionError(errno.EACCES, 'Permission denied')
    return alone(folder)

  monkeypatch.setattr(stored, 'alone', refuse)
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  split = data.load(NAME, copied, 'train', in_memory='false')
  assert not phrase_files(copied)
  folder = tmp_path / 'cache/musae_jax' / NAME / '1.0.0'
  assert phrase_files(folder) == [f'phrases-train-{split.crc32:08x}.npy']
  monkeypatch.setattr(stored, '_write', None)  # it is found there again
  again = data.load(NAME, copied, 'train', in_memory='false')
  np.testing.assert_array_equal(again.phrases, split.phrases)


def test_full_disk_is_one_line(copied, monkeypatch):
  def full(*args):
    raise OSError(errno.ENOSPC, 'No space left on device')

  monkeypatch.setattr(stored, '_write', full)
  with pytest.raises(data.DatasetError) as error:
    data.load(NAME, copied, 'train', in_memory='false')
  assert str(copied / NAME / '1.0.0/phrases-train-') in str(error.value)
  assert 'GiB: No space left on device' in str(error.value)
  assert '\n' not in str(error.value)


def test_missing_data_set_names_its_command(tmp_path):
  with pytest.raises(data.DatasetError) as error:
    data.load('lakh_pianoroll/16bar', tmp_path, 'train')
  command = f'tfds_lakh.build --config=16bar --data_dir={tmp_path}'
  assert command in str(error.value)
  assert '\n' not in str(error.value)


def test_command_may_hold_other_braces(tmp_path):
  built_by = 'build {x} {} { --config={config} --data_dir={dir}'
  with pytest.raises(data.MissingDataset) as error:
    data.load('lakh/2bar', tmp_path, 'train', built_by=built_by)
  expected = f'build {{x}} {{}} {{ --config=2bar --data_dir={tmp_path}'
  assert str(error.value).endswith(expected)


def test_unreadable_data_set_is_one_line(tiny_data, tmp_path):
  folder = tmp_path / NAME / '1.0.0'
  folder.mkdir(parents=True)
  (folder / 'dataset_info.json').write_text('{')
  with pytest.raises(data.DatasetError) as error:
    data.load(NAME, tmp_path, 'train')
  assert str(folder) in str(error.value)
  assert '\n' not in str(error.value)
  with pytest.raises(data.DatasetError, match="'test'"):
    data.load(NAME, tiny_data, 'test')


def test_newest_version_is_read(tmp_path):
  others = ('2.0.0.incompleteAB12', '2.0.0-old', '2.0', 'x')
  for version in ('1.9.0', '1.10.0', '1.2.0', *others):
    folder = tmp_path / NAME / version
    folder.mkdir(parents=True)
    (folder / 'dataset_info.json').write_text('{')
  with pytest.raises(data.DatasetError, match=r'/1\.10\.0: '):
    data.load(NAME, tmp_path, 'train')
