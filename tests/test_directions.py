"""Directions recover what was planted in codes."""

import numpy as np
import pytest

from musae_jax import directions, priors

DIM = 8
FLOWER = priors.Flower(DIM, 4)


@pytest.fixture(scope='module')
def planted():
  """Codes, two attributes that go together, and the axes that make them."""
  rng = np.random.default_rng(0)
  u = rng.normal(size=(4000, DIM))
  slopes = np.zeros((2, DIM))
  slopes[0, [0, 2, 3]] = 0.5, 2, 1
  slopes[1, [3, 4]] = 3, 1
  values = u @ slopes.T + 0.1 * rng.normal(size=(4000, 2))
  tags = rng.random((4000, 4)) < 0.3
  return u * FLOWER.std, values.T, slopes, tags


def fit(planted, prior=FLOWER, names=('a/bass', 'b/bass')):
  codes, values, _, tags = planted
  return directions.fit(codes, dict(zip(names, values)), prior, tags)


def test_deviations_are_the_data_s(planted):
  np.testing.assert_allclose(fit(planted).std, planted[1].std(1), rtol=1e-5)


def test_a_step_adds_a_deviation(planted):
  fitted, slopes = fit(planted), planted[2]
  for steps in (fitted.difference, fitted.ridge):
    own = (steps * slopes).sum(1) / fitted.std
    np.testing.assert_allclose(own, 1, atol=0.1)


def test_the_difference_takes_along_what_goes_together(planted):
  fitted, slopes = fit(planted), planted[2]
  assert fitted.difference[0] @ slopes[1] / fitted.std[1] > 0.3
  assert abs(fitted.difference[0, 0]) > 0.05


def test_the_ridge_leaves_the_other_and_the_ring(planted):
  fitted, slopes = fit(planted), planted[2]
  for i in range(2):
    other = fitted.ridge[i] @ slopes[1 - i] / fitted.std[1 - i]
    assert abs(other) < 0.02
  np.testing.assert_allclose(fitted.ridge[:, :2], 0, atol=1e-6)


def test_an_attribute_of_another_track_is_none_of_its_others(planted):
  apart = fit(planted, names=('a/bass', 'b/guitar'))
  assert apart.ridge[0] @ planted[2][1] > 0.3
  assert directions.others('a/bass', ('a', 'b', 'a/bass', 'b/bass')) == (
    'b/bass',
  )
  assert directions.others('a', ('a', 'b', 'b/bass')) == ('b',)


def test_phrases_without_a_value_are_left_out(planted):
  codes, values, slopes, tags = planted
  values = values.copy()
  values[0, ::2] = np.nan
  fitted = fit((codes, values, slopes, tags))
  assert np.isfinite(fitted.ridge).all()
  np.testing.assert_allclose(fitted.ridge, fit(planted).ridge, atol=0.05)


def test_what_does_not_vary_has_no_direction(planted):
  codes, values, _, tags = planted
  still = {'a': values[0], 'b': 0 * values[0] + 3.3, 'c': values[0] * np.nan}
  fitted = directions.fit(codes, still, FLOWER, tags)
  assert fitted.names == ('a',)
  assert fitted.ridge.shape == (1, DIM)
  none = directions.fit(codes, {'b': still['b']}, FLOWER, tags)
  assert none.difference.shape == (0, DIM)


def test_a_way_of_which_nothing_is_left_is_none(planted):
  codes, values, _, tags = planted
  u = codes / FLOWER.std
  fitted = directions.fit(codes, {'a': u[:, 0], 'b': values[0]}, FLOWER, tags)
  assert not fitted.ridge[0].any()  # it is the ring's
  assert fitted.ridge[1].any()


def test_without_petals_the_tags_say_what_genre_is():
  rng = np.random.default_rng(1)
  way = rng.normal(size=DIM)
  tags = rng.random((5000, 1)) < 0.5
  codes = rng.normal(size=(5000, DIM)) + 3 * tags * way
  tags = np.concatenate([tags, ~tags], 1)
  axes = directions.genre_axes(codes, priors.Gaussian(DIM), tags)
  assert axes.shape == (1, DIM)
  assert abs(axes[0] @ way) > 0.99 * np.linalg.norm(way)
  none = directions.genre_axes(codes, priors.Gaussian(DIM), tags & False)
  assert none.shape == (0, DIM)


def test_a_flower_s_genre_is_its_plane():
  codes = np.random.default_rng(0).normal(size=(9, DIM))
  axes = directions.genre_axes(codes, FLOWER, np.ones((9, 4), bool))
  assert axes.shape == (2, DIM)
  np.testing.assert_allclose(axes[:, 2:], 0, atol=1e-6)
