"""t-SNE in batches, against scikit-learn's."""

import jax
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness

from musae_jax import tsne

COUNTS = 256, 90


@pytest.fixture(scope='module')
def sets():
  """Points of two clouds each, filled up to one shape."""
  rng = np.random.default_rng(0)
  x = rng.normal(size=(2, 256, 20)).astype('f')
  x[:, :40] += 1.5
  known = np.arange(256) < np.array(COUNTS)[:, None]
  return np.where(known[..., None], x, 1e3), known


@pytest.fixture(scope='module')
def planes(sets):
  return jax.device_get(tsne.planes(*sets))


@pytest.mark.parametrize('i', [0, 1])
def test_components_are_the_principal_ones(sets, planes, i):
  x = sets[0][i, : COUNTS[i]]
  expected = PCA(2).fit_transform(x)
  found = planes[0][i, : COUNTS[i]]
  # Either way along an axis is as good.
  sign = np.sign((found * expected).sum(0))
  np.testing.assert_allclose(sign * found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('i', [0, 1])
def test_neighbours_stay_as_near_as_by_scikit_learn(sets, planes, i):
  x, found = sets[0][i, : COUNTS[i]], planes[1][i, : COUNTS[i]]
  perplexity = min(30, (COUNTS[i] - 1) / 3)
  theirs = TSNE(perplexity=perplexity, init='pca', random_state=0)
  expected = trustworthiness(x, theirs.fit_transform(x), n_neighbors=10)
  assert trustworthiness(x, found, n_neighbors=10) > expected - 0.02
  # And the clouds are apart.
  clouds = found[:40], found[40:]
  gap = np.linalg.norm(clouds[0].mean(0) - clouds[1].mean(0))
  assert gap > max(cloud.std() for cloud in clouds)


def test_perplexities_are_met(sets):
  x, known = sets
  distinct = jax.jit(tsne._alike)(x[0], known[0])
  assert float(distinct.sum()) == pytest.approx(1)
  np.testing.assert_allclose(distinct, distinct.T)
  filled = jax.jit(tsne._alike)(x[1], known[1])
  assert float(filled[90:].sum()) == 0
