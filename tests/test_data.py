"""Splits in memory and on disk, and the batches that follow from a step."""

import itertools
import pathlib

import numpy as np
import pytest

from musae_jax import batches, data

NAME = 'lakh_pianoroll/2bar'


class FakeSource(list):
  def __getitems__(self, rows):
    return [self[row] for row in rows]


@pytest.fixture(scope='module')
def memory(tiny_data):
  return data.load(NAME, tiny_data, 'train', in_memory='true')


@pytest.fixture(scope='module')
def stored(tiny_data):
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


def test_disk_and_memory_hold_the_same(memory, stored):
  assert isinstance(stored.phrases, np.memmap)
  assert not isinstance(memory.phrases, np.memmap)
  assert stored.phrases.shape == memory.phrases.shape
  rows = np.array([5, 0, 5, len(memory) - 1, 17])
  np.testing.assert_array_equal(stored.phrases[rows], memory.phrases[rows])
  np.testing.assert_array_equal(stored.phrases[3:], memory.phrases[3:])
  np.testing.assert_array_equal(stored.genres, memory.genres)
  np.testing.assert_array_equal(stored.song, memory.song)
  assert stored.crc32 == memory.crc32


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


def test_auto_keeps_a_small_split_in_memory(tiny_data, monkeypatch):
  split = data.load(NAME, tiny_data, 'train')
  assert not isinstance(split.phrases, np.memmap)
  monkeypatch.setattr(data, '_physical_memory', lambda: 100)
  split = data.load(NAME, tiny_data, 'train')
  assert isinstance(split.phrases, np.memmap)


def test_an_epoch_visits_each_phrase_at_most_once():
  rows = [batches.batch_rows(10, 3, 7, step) for step in range(6)]
  first, second = np.concatenate(rows[:3]), np.concatenate(rows[3:])
  assert len(set(first)) == len(set(second)) == 9  # the tenth is dropped
  assert set(first) | set(second) <= set(range(10))
  assert list(first) != list(second)


def test_order_follows_from_the_seed_alone():
  # Written down, since a change would break the resumption of old runs.
  order = batches.permutation
  assert list(order(8, 1, 2)) == list(order(8, 1, 2))
  assert list(order(8, 1, 2)) != list(order(8, 2, 1))
  assert list(order(8, 0, 0)) == [5, 0, 6, 1, 7, 2, 4, 3]


def test_disk_yields_the_batches_of_memory(memory, stored):
  pairs = zip(batches.make(memory, 16, 3), batches.make(stored, 16, 3))
  for a, b in itertools.islice(pairs, 2 * len(memory) // 16 + 1):
    np.testing.assert_array_equal(a['phrases'], b['phrases'])
    np.testing.assert_array_equal(a['genres'], b['genres'])


@pytest.mark.parametrize(
  'kinds', list(itertools.product(('memory', 'stored'), repeat=2))
)
def test_position_resumes_in_either_kind(kinds, request):
  before, after = map(request.getfixturevalue, kinds)
  undisturbed = batches.make(before, 8, 5)
  for _ in range(20):
    next(undisturbed)
  resumed = batches.make(after, 8, 5)
  resumed.set_state(undisturbed.get_state())
  for _ in range(3):
    a, b = next(undisturbed), next(resumed)
    np.testing.assert_array_equal(a['phrases'], b['phrases'])
    np.testing.assert_array_equal(a['genres'], b['genres'])


def test_padded_batches_cover_the_rows_once(memory, stored):
  rows = np.arange(11)[::-1]
  tokens, masks = zip(*batches.padded_batches(stored.phrases, 4, rows))
  assert [list(m) for m in masks] == [[True] * 4] * 2 + [[True] * 3 + [False]]
  assert not tokens[-1][3].any()
  np.testing.assert_array_equal(
    np.concatenate(tokens)[:11], memory.phrases[rows]
  )
  masks = [m for _, m in batches.padded_batches(memory.phrases, 4)]
  assert sum(m.sum() for m in masks) == len(memory)


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


def test_too_few_phrases_for_a_batch(memory):
  with pytest.raises(data.DatasetError, match='batch_size=1000'):
    batches.make(memory, 1000, 0)
