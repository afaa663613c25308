"""Moments and densities against their formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from musae_jax import priors

PRIORS = (
  priors.Gaussian(5),
  priors.Flower(5),
  priors.Flower(3, num_components=2),
  priors.SwissRoll(4),
)


def draw(prior, components, seed=0):
  return np.asarray(prior.sample(jax.random.key(seed), jnp.asarray(components)))


def paper_covariance(i, n, dim, a1, a2):
  """Eqs. 15-18, letter by letter."""
  cos, sin = np.cos(2 * np.pi * i / n), np.sin(2 * np.pi * i / n)
  m = np.eye(dim)
  m[:2, :2] = np.array([[cos, sin], [-sin, cos]]).T
  s = np.diag([a1] + [a2] * (dim - 1))
  return m @ s @ np.linalg.inv(m)


@pytest.mark.parametrize('prior', PRIORS, ids=repr)
def test_std_and_means_are_those_of_the_draws(prior):
  k = prior.num_components
  components = np.arange(200_000) % k
  z = draw(prior, components)
  np.testing.assert_allclose(z.std(0), prior.std, rtol=0.02)
  means = [z[components == i].mean(0) for i in range(k)]
  np.testing.assert_allclose(means, prior.means, atol=0.02)


def test_a_petal_is_the_papers_gaussian():
  flower, i = priors.Flower(4), 5
  covariance = paper_covariance(i, 32, 4, 0.1, 0.001)
  z = draw(flower, np.full(200_000, i))
  np.testing.assert_allclose(np.cov(z.T), covariance, atol=1e-3)
  angle = 2 * np.pi * i / 32
  mean = [np.cos(angle), np.sin(angle), 0, 0]
  np.testing.assert_allclose(flower.means[i], mean, atol=1e-6)
  expected = stats.multivariate_normal(mean, covariance).logpdf(z[:50])
  np.testing.assert_allclose(
    flower.log_prob(z[:50], i), expected, rtol=1e-3, atol=1e-2
  )


def test_the_flowers_std_by_hand():
  # Half of the plane's variance along each axis: (1 + .1 + .001) / 2.
  expected = [0.5505**0.5, 0.5505**0.5, 0.001**0.5]
  np.testing.assert_allclose(priors.Flower(3).std, expected, rtol=1e-5)


def test_gaussian_density_at_the_origin():
  expected = -1.5 * np.log(2 * np.pi)
  log_prob = priors.Gaussian(3).log_prob(jnp.zeros((2, 3)))
  np.testing.assert_allclose(log_prob, [expected] * 2, rtol=1e-6)


@pytest.mark.parametrize(
  'prior',
  [priors.Flower(2, 4, 0.1, 0.02), priors.SwissRoll(2, 4, variance=0.01)],
  ids=repr,
)
def test_densities_have_mass_one_and_agree_with_the_draws(prior):
  edges = np.linspace(-2.5, 2.5, 401)
  centres = (edges[1:] + edges[:-1]) / 2
  grid = np.stack(np.meshgrid(centres, centres, indexing='ij'), -1)
  cell = (edges[1] - edges[0]) ** 2
  flat = jnp.asarray(grid.reshape(-1, 2), jnp.float32)
  for component in (None, 1):
    density = np.exp(prior.log_prob(flat, component)).reshape(400, 400)
    assert density.sum() * cell == pytest.approx(1, abs=1e-3)
    components = np.arange(40_000) % 4 if component is None else [1] * 40_000
    z = draw(prior, np.asarray(components))
    counts, _, _ = np.histogram2d(*z.T, bins=edges[::40])
    mass = density.reshape(10, 40, 10, 40).sum((1, 3)) * cell
    np.testing.assert_allclose(counts / len(z), mass, atol=0.015)


def test_a_mixture_is_the_mean_of_its_components():
  flower = priors.Flower(3, num_components=5)
  z = draw(flower, np.arange(5))
  each = [flower.log_prob(z, jnp.full(5, i)) for i in range(5)]
  expected = np.log(np.mean(np.exp(each), axis=0))
  np.testing.assert_allclose(flower.log_prob(z), expected, rtol=1e-5)


def test_components_are_drawn_from_the_set_bits_or_from_all():
  genres = np.zeros((3, 4), bool)
  genres[0, 2] = True
  genres[1, [0, 3]] = True
  rows = np.repeat(genres, 20_000, axis=0)
  drawn = priors.draw_components(jax.random.key(0), jnp.asarray(rows))
  shares = [np.bincount(d, minlength=4) / 20_000 for d in np.split(drawn, 3)]
  expected = [[0, 0, 1, 0], [0.5, 0, 0, 0.5], [0.25] * 4]
  np.testing.assert_allclose(shares, expected, atol=0.015)
  assert shares[1][1] == shares[1][2] == 0
