"""A latent space measured: what draws of the prior score, and what not."""

import jax
import numpy as np
import pytest

from musae_jax import latent, priors

COUNT = 1500
FLOWER = priors.Flower(8, num_components=6)


def tags(count=COUNT, seed=0):
  hot = np.random.default_rng(seed).random((count, 6)) < 0.2
  hot[0] = False
  return hot


def draws(prior=FLOWER, seed=5):
  return np.asarray(priors.draw(prior, jax.random.key(seed), tags()))


def naive_mmd(a, b):
  def k(x, y):
    square = ((x[:, None] - y) ** 2).sum(-1)
    scales = 2 * x.shape[1] * np.array([0.1, 0.2, 0.5, 1, 2, 5, 10])
    return sum(c / (c + square) for c in scales)

  n = len(a)
  off = 1 - np.eye(n)
  within = ((k(a, a) + k(b, b)) * off).sum() / (n * (n - 1))
  return within - 2 * k(a, b).mean()


def test_mmd_is_the_sum_over_pairs_whatever_the_blocks(monkeypatch):
  monkeypatch.setattr(latent, '_BLOCK', 70)
  latent._kernel_mean.clear_cache()
  rng = np.random.default_rng(0)
  a, b = rng.normal(size=(2, 150, 4)).astype('f')
  b *= 1.5
  found = (
    latent._kernel_mean(a, a, True)
    + latent._kernel_mean(b, b, True)
    - 2 * latent._kernel_mean(a, b, False)
  )
  np.testing.assert_allclose(found, naive_mmd(a, b), rtol=1e-3)
  latent._kernel_mean.clear_cache()


@pytest.mark.parametrize('prior', [FLOWER, priors.Gaussian(8)])
def test_draws_match_the_prior(prior):
  found = latent.match(prior, draws(prior), tags())
  assert 0.6 < found.over_floor < 1.6
  alone = latent.sliced_over_floor(prior, draws(prior), tags())
  assert alone == pytest.approx(found.over_floor)
  assert abs(found.mmd) < 0.005
  assert 0.45 < latent.classifier_accuracy(prior, draws(prior), tags()) < 0.55


def test_kurtosis_is_of_tails_whatever_the_scale():
  rng = np.random.default_rng(0)
  scale = np.array([1, 0.01, 100])
  gaussian = rng.normal(size=(100_000, 3))
  assert latent.kurtosis(gaussian * scale + scale) == pytest.approx(3, abs=0.1)
  two = np.sign(gaussian)  # values of one size: the lightest there are
  assert latent.kurtosis(two) == pytest.approx(1, abs=1e-3)
  laplace = rng.laplace(size=(100_000, 3))
  assert latent.kurtosis(laplace * scale) == pytest.approx(6, abs=0.5)


@pytest.mark.parametrize('wrong', ['wide', 'moved', 'thin'])
def test_other_codes_do_not(wrong):
  z = {
    'wide': 1.5 * draws(),
    'moved': draws() + FLOWER.std,
    'thin': draws() * np.array([1, 1, 1, 1, 1, 1, 1, 0.1]),
  }[wrong]
  found = latent.match(FLOWER, z.astype('f'), tags())
  assert found.over_floor > 1.7
  assert found.mmd > 5 * abs(found.mmd_floor)
  assert latent.classifier_accuracy(FLOWER, z.astype('f'), tags()) > 0.65


def test_a_scale_ratio_is_the_codes_over_the_priors():
  z = np.random.default_rng(0).normal(size=(40_000, 8)) * FLOWER.std * 3
  np.testing.assert_allclose(latent.scale_ratio(FLOWER, z), 3, rtol=0.02)


def test_active_dimensions_are_those_that_differ():
  z = draws().copy()
  z[:, 3] = 1
  z[:, 5] *= 0.09  # a variance of .008 of the prior's
  assert latent.active_dimensions(FLOWER, z) == 6


def test_codes_of_the_prior_lie_on_their_tags_petals():
  found = latent.petals(FLOWER, draws(), tags())
  assert found.accuracy > 0.97 and found.ceiling > 0.97
  # Tags dealt out anew have a petal about as often as they are many.
  tagged = tags()[tags().any(-1)]
  assert found.chance == pytest.approx(tagged.mean(), abs=0.04)
  opposite = draws() * np.array([-1, -1, 1, 1, 1, 1, 1, 1], 'f')
  assert latent.petals(FLOWER, opposite, tags()).accuracy < 0.6


def test_the_bayes_rule_is_right_as_often_as_the_specification_says():
  flower = priors.Flower(2)
  components = np.arange(32_000) % 32
  z = flower.sample(jax.random.key(0), components)
  right = latent.likeliest(flower, np.asarray(z)) == components
  assert right.mean() == pytest.approx(0.974, abs=0.005)


def test_relative_error_is_none_for_the_same_and_one_for_another():
  a, b = draws(seed=1), draws(seed=2)[::-1]
  assert latent.relative_error(FLOWER, a, a) == 0
  assert latent.relative_error(FLOWER, a, b) == pytest.approx(1, abs=0.1)
