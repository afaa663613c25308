"""The batches that follow from a step, in memory and from disk."""

import itertools

import numpy as np
import pytest

from musae_jax import batches, data

NAME = 'lakh_pianoroll/2bar'


@pytest.fixture(scope='module')
def memory(tiny_data):
  return data.load(NAME, tiny_data, 'train', in_memory='true')


@pytest.fixture(scope='module')
def stored(tiny_data):
  return data.load(NAME, tiny_data, 'train', in_memory='false')


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


def test_the_disk_is_asked_for_a_whole_batch_before_it_is_gathered(
  stored, monkeypatch
):
  asked = []
  monkeypatch.setattr(
    batches.stored, 'read_ahead', lambda phrases, rows: asked.append(list(rows))
  )
  next(batches.make(stored, 16, 3))
  assert list(batches.batch_rows(len(stored), 16, 3, 0)) in asked


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


def test_too_few_phrases_for_a_batch(memory):
  with pytest.raises(data.DatasetError, match='batch_size=1000'):
    batches.make(memory, 1000, 0)
