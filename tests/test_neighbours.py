"""Nearest phrases, against a search one by one."""

import numpy as np
import pytest

from musae_jax import neighbours, pianoroll


@pytest.mark.parametrize('k', [1, 3, 20_000])
def test_the_nearest_come_first(k):
  rng = np.random.default_rng(0)
  corpus = rng.integers(0, 3, (20_000, 2, 4), dtype=np.uint8)
  phrases = rng.integers(0, 3, (5, 2, 4), dtype=np.uint8)
  distances, rows = neighbours.nearest(phrases, corpus, k)
  for phrase, distance, row in zip(phrases, distances, rows):
    differing = (corpus != phrase).reshape(len(corpus), -1).mean(1)
    expected = np.argsort(differing, kind='stable')[:k]
    np.testing.assert_array_equal(row, expected)
    np.testing.assert_allclose(distance, differing[expected])


def test_a_copy_is_found():
  rng = np.random.default_rng(0)
  corpus = rng.integers(0, 130, (9_000, 256, 4), dtype=np.uint8)
  altered = corpus[[8_500, 3]].copy()
  altered[1, :64, 2] ^= 1
  distances, rows = neighbours.nearest(altered, corpus)
  assert rows.tolist() == [[8_500], [3]]
  assert distances.tolist() == [[0], [64 / 1024]]


def test_a_copy_in_another_key_is_found():
  rng = np.random.default_rng(0)
  corpus = rng.integers(0, 130, (9_000, 32, 4), dtype=np.uint8)
  corpus[7, :, 1:] = 128  # no pitch but the drums'
  moved = pianoroll.transpose(corpus[[8_500, 7]], np.array([5, 5]))
  assert (moved[0] != corpus[8_500]).any()
  distances, rows = neighbours.nearest(moved, corpus, in_any_key=True)
  assert rows.tolist() == [[8_500], [7]]
  # Those that left 0..127 went an octave the other way.
  assert distances[0, 0] < 0.05 and distances[1, 0] == 0
  higher = corpus[[8_500]].copy()
  higher[..., 0] = corpus[9, :, 0]
  distances, _ = neighbours.nearest(higher, corpus, in_any_key=True)
  assert distances[0, 0] == (higher != corpus[8_500]).mean()


def test_the_nearest_codes_are_those_of_least_distance():
  """An axis of scale 2 counts half."""
  codes, std = np.array([[0.0, 0.0]]), np.array([1.0, 2.0])
  others = np.array([[1.0, 0], [0, 1], [0, 0], [0, -1]])
  found = neighbours.by_code(codes, others, std, k=3)
  assert found.row.tolist() == [[2, 1, 3]]
  np.testing.assert_allclose(found.distance, [[0, 1 / 16, 1 / 16]])


def test_two_draws_are_one_apart_in_the_mean():
  rng = np.random.default_rng(0)
  std = np.array([0.1, 1, 3])
  codes, others = (rng.normal(size=(300, 3)) * std for _ in range(2))
  found = neighbours.by_code(codes, others, std, k=300)
  assert found.distance.mean() == pytest.approx(1, abs=0.1)
