"""Fig. 3: what phrases from each petal are like, around the ring."""

import jax
import numpy as np
from jaxtyping import Float

from experiments.artefacts.artefact import Artefact, NotApplicable
from experiments.artefacts.subject import Subject
from musae_jax import charts, metrics

_SAMPLES = 256
_SHUFFLES = 2_000


def make(subject: Subject) -> Artefact:
  """Returns each metric's mean of each component, against its mean of all.

  Raises:
    NotApplicable: the prior has one component only.
  """
  k = subject.prior.num_components
  if k < 3:
    raise NotApplicable(f'{subject.name}: its prior has {k} component, no ring')
  components = np.repeat(np.arange(k), _SAMPLES)
  z = subject.prior.sample(jax.random.key(3), components)
  decoded = subject.instrument.likeliest(np.asarray(z))
  columns = metrics.columns(metrics.measure(decoded))
  values = np.array([*columns.values()])
  table, _ = metrics.means(values.reshape(len(values), k, -1))
  overall, defined = metrics.means(values)
  with np.errstate(invalid='ignore', divide='ignore'):
    relative = (table - overall[:, None]) / np.abs(overall[:, None])
  relative[~np.isfinite(relative)] = np.nan
  found = roughness(table)
  rng = np.random.default_rng(0)
  shuffled = np.array(
    [roughness(table[:, rng.permutation(k)]) for _ in range(_SHUFFLES)]
  )
  labels = _labels(columns, overall, defined)
  genres = [*subject.genres, *[''] * (k - len(subject.genres))]
  rows = [
    {
      'metric': name,
      'global_mean': mean,
      'defined': share,
      **dict(zip(genres, row)),
    }
    for name, mean, share, row in zip(
      columns, overall.tolist(), defined.tolist(), relative.tolist()
    )
  ]
  facts = {
    'roughness': found,
    'roughness_of_shuffled_rings': float(np.mean(shuffled)),
    'share_of_shuffled_rings_as_smooth': float(np.mean(shuffled <= found)),
  }
  return Artefact(
    'Fig. 3: metrics around the ring',
    f'{_SAMPLES} samples of each component of the prior, decoded: the mean of '
    'each metric relative to its mean over all, which stands beside its name '
    'with the share of phrases in which it is defined, where that is below 1. '
    'Grey: defined in none, or 0 in the mean. Roughness is the mean squared '
    'step from a component to the next over twice the variance, 1 for a ring '
    'in any order: '
    f'here {found:.2f}, on shuffled rings {np.mean(shuffled):.2f}; '
    f'{facts["share_of_shuffled_rings_as_smooth"]:.1%} of them are as smooth.',
    {'': lambda: charts.heat_map(relative, labels, genres)},
    rows,
    facts,
  )


def _labels(names, overall, defined) -> list[str]:
  return [
    f'{name}  {mean:.3g}' + (f'  ({share:.0%})' if share < 1 else '')
    for name, mean, share in zip(names, overall, defined)
  ]


def roughness(table: Float[np.ndarray, 'm k']) -> float:
  """Returns how much metrics jump from a component to the next on the ring.

  Von Neumann 1941's ratio, on a circle: the mean squared difference of
  neighbours over twice the variance, mean over the metrics that vary. 1 for
  components in any order, 0 for a ring that changes slowly.
  """
  steps = (table - np.roll(table, 1, axis=1)) ** 2
  variance = np.nanvar(table, axis=1)
  varies = variance > 1e-12
  return float(
    np.mean(np.nanmean(steps[varies], axis=1) / (2 * variance[varies]))
  )
