"""Distances to the prior: against naive sums, and that they lead there."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from musae_jax import priors, regularisers
from musae_jax.models import Posterior

FLOWER = priors.Flower(6, num_components=4)


def codes(seed, shape=(12, 5), scale=1.0):
  return (scale * np.random.default_rng(seed).normal(size=shape)).astype('f')


def tags(seed, count=12):
  hot = np.random.default_rng(seed).random((count, 4)) < 0.4
  hot[0] = False
  return hot


def naive_mmd(a, b, hot):
  """Pair by pair, as Gretton et al. write it."""

  def k(x, y):
    square = ((x - y) ** 2).sum()
    scales = 2 * len(x) * np.array([0.1, 0.2, 0.5, 1, 2, 5, 10])
    return (scales / (scales + square)).sum()

  def cosine(x, y):
    lengths = np.linalg.norm(x) * np.linalg.norm(y)
    return x @ y / lengths if lengths else 0

  n = len(a)
  total = 0
  for i in range(n):
    for j in range(n):
      if i != j:
        pair = k(a[i], a[j]) + k(b[i], b[j]) - k(a[i], b[j]) - k(a[j], b[i])
        total += pair * (1 + cosine(hot[i], hot[j]))
  return total / (n * (n - 1))


def test_mmd_is_the_sum_over_pairs():
  a, b, hot = codes(0), codes(1, scale=2), tags(2).astype('f')
  np.testing.assert_allclose(
    regularisers.mmd(a, b, hot), naive_mmd(a, b, hot), rtol=1e-4
  )


def test_mmd_is_unbiased_and_sees_where_tags_lie():
  hot = np.eye(4, dtype='f')[np.arange(400) % 4]
  means = 3 * np.arange(400)[:, None] % 4
  found = [
    float(regularisers.mmd(codes(i, (400, 3)), codes(50 + i, (400, 3)), hot))
    for i in range(20)
  ]
  assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
  # The same codes, but each tag has another's.
  a = codes(0, (400, 3)) + means
  b = codes(1, (400, 3)) + np.roll(means, 1, axis=0)
  assert regularisers.mmd(a, b, hot) > 20 * np.std(found)
  assert abs(regularisers.mmd(a, b, 0 * hot)) < 10 * np.std(found)


def test_sliced_wasserstein_of_a_move_is_its_square():
  a = codes(0, (300, 5))
  moved = a + np.array([3, 0, 0, 4, 0], 'f')
  none = np.zeros((300, 0), 'f')
  found = regularisers.sliced_wasserstein(jax.random.key(0), a, moved, none)
  # Over directions, the mean square of a projection is 25 / 5, times 5.
  np.testing.assert_allclose(found, 25, rtol=0.25)
  again = regularisers.sliced_wasserstein(jax.random.key(0), a, a[::-1], none)
  assert again == 0


def test_sliced_wasserstein_sees_where_tags_lie():
  hot = np.eye(4, dtype='f')[np.arange(400) % 4]
  a = codes(0, (400, 3)) + 3 * np.arange(400)[:, None] % 4
  b = np.roll(a, 1, axis=0)
  key = jax.random.key(0)
  assert regularisers.sliced_wasserstein(key, a, b, 0 * hot) == 0
  assert regularisers.sliced_wasserstein(key, a, b, hot) > 0.1


def test_log_prior_is_the_mixture_of_a_phrases_petals():
  hot = tags(3)
  z = FLOWER.sample(jax.random.key(0), np.arange(12) % 4)
  each = [FLOWER.log_prob(z, k) for k in range(4)]
  expected = [
    np.log(np.mean([np.exp(each[k][i]) for k in np.flatnonzero(row)]))
    for i, row in enumerate(hot | ~hot.any(-1, keepdims=True))
  ]
  found = regularisers.log_prior(FLOWER, z, hot)
  np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_kl_of_gaussians_is_the_closed_form():
  prior = priors.Gaussian(3)
  mean, scale = codes(0, (1, 3)), np.abs(codes(1, (1, 3)))
  wide = Posterior(np.repeat(mean, 40_000, 0), np.repeat(scale, 40_000, 0))
  z = wide.sample(jax.random.key(0))
  found = regularisers.kl(prior, wide, z, np.zeros((40_000, 1), bool))
  expected = 0.5 * (mean**2 + scale**2 - 1 - 2 * np.log(scale)).sum()
  np.testing.assert_allclose(found, expected, rtol=0.02)


@pytest.mark.parametrize('name', ['mmd', 'sliced_wasserstein'])
def test_descending_it_brings_codes_to_the_prior(name):
  hot = np.eye(4, dtype=bool)[np.arange(64) % 4]
  std = FLOWER.std

  def loss(z, key):
    draws = FLOWER.sample(key, np.arange(64) % 4)
    distance = getattr(regularisers, name)
    given = (z, draws / std, jnp.float32(hot))
    return distance(*((key,) if name != 'mmd' else ()), *given)

  z = 0.5 * codes(0, (64, 6))
  step = jax.jit(jax.value_and_grad(loss))
  keys = jax.random.split(jax.random.key(1), 200)
  first = np.mean([step(z, key)[0] for key in keys[:20]])
  rate = {'mmd': 20, 'sliced_wasserstein': 2}[name]
  for key in keys:
    z = z - rate * step(z, key)[1]
  last = np.mean([step(z, key)[0] for key in keys[:20]])
  assert last < first / 2
  assert np.isfinite(z).all()
