"""The rows that a step finds on the device are those of its batch."""

import jax
import numpy as np
import pytest

from musae_jax import batches, data, parallel, resident

NUM_ROWS, BATCH, SEED = 10, 4, 3


@pytest.fixture
def split():
  zeros = np.zeros(NUM_ROWS, np.int32)
  return data.Split(
    name='rows',
    phrases=np.arange(NUM_ROWS * 8, dtype=np.uint8).reshape(NUM_ROWS, 2, 4),
    genres=np.eye(NUM_ROWS, 32, dtype=bool),
    song=zeros,
    bar=zeros,
    programs=np.zeros((NUM_ROWS, 4), np.uint8),
    tempo=np.zeros(NUM_ROWS, np.float32),
    songs=('song',),
    genre_names=(),
    crc32=0,
  )


@pytest.mark.parametrize('num_updates', [1, 2, 5])
def test_a_call_finds_the_batches_of_its_steps(split, num_updates):
  mesh = parallel.make_mesh(2)
  held = resident.Resident(split, BATCH, SEED, num_updates, mesh)
  for start in range(0, 12, num_updates):
    arrays = held.at(start)
    for step in range(start, start + num_updates):
      rows = arrays['order'][step - arrays['first']]
      expected = batches.batch_rows(NUM_ROWS, BATCH, SEED, step)
      np.testing.assert_array_equal(rows, expected)
      np.testing.assert_array_equal(
        arrays['phrases'][rows], split.phrases[expected]
      )


def test_only_an_epoch_s_beginning_sends_anything(split):
  held = resident.Resident(split, BATCH, SEED, 1, parallel.make_mesh(1))
  first = held.at(0)  # of two batches
  with jax.transfer_guard('disallow_explicit'):
    assert held.at(1) is first
  with pytest.raises(Exception, match='transfer'):
    with jax.transfer_guard('disallow_explicit'):
      held.at(2)


def test_a_cpu_keeps_its_data_on_the_host(split):
  assert not resident.fits(split, parallel.make_mesh(1))


def test_too_few_phrases_are_refused(split):
  with pytest.raises(data.DatasetError, match='batch_size=11'):
    resident.Resident(split, 11, SEED, 1, parallel.make_mesh(1))
