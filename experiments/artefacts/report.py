"""The latent report: do codes match the prior, and what do they know?"""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import UInt8

from experiments.artefacts.artefact import Artefact
from experiments.artefacts.subject import Subject
from musae_jax import (
  charts,
  evaluation,
  latent,
  metrics,
  neighbours,
  pianoroll,
  priors,
)

# Of a genre, to have a distance of its own.
_LEAST_PHRASES = 100
_SAMPLES = 2_000
_SEARCHED = 256
_LIKELIEST = ', likeliest tokens'


def make(subject: Subject) -> Artefact:
  """Returns how far codes and samples are from what they should be."""
  facts, samples = measure(subject)
  nearest = _nearest(subject, samples)
  facts['nearest_training_phrase'] = {
    kind: {
      'median_share_of_tokens_differing': float(np.median(found)),
      'searched': len(found),
      'copies': int((found == 0).sum()),
      'shares': found.tolist(),
    }
    for kind, found in nearest.items()
  }
  genres = _by_genre(subject)
  ratio = latent.scale_ratio(subject.prior, subject.codes)
  rows = [{'of': 'all', **facts['prior_match']}, *genres]
  return Artefact(
    'Latent report',
    _caption(facts),
    {
      '': lambda: charts.latent_report(
        ratio, genres, nearest, samples.distances
      )
    },
    rows,
    facts,
  )


class Samples(NamedTuple):
  """Phrases decoded from draws of the prior.

  Attributes:
    phrases: their tokens.
    distances: of metrics' distributions from the data's, of these and of
      reconstructions, in either reading, and of other phrases of the data, by
      metric.
  """

  phrases: UInt8[np.ndarray, 'n t 4']
  distances: dict[str, dict[str, float]]


def measure(subject: Subject) -> tuple[dict[str, Any], Samples]:
  """Returns what the report tells of all phrases together, but for copies."""
  prior, codes, tags = subject.prior, subject.codes, subject.tags
  overall = latent.match(prior, codes, tags)
  ratio = latent.scale_ratio(prior, codes)
  draws = np.asarray(priors.draw(prior, jax.random.key(5), tags))
  centred = codes + (draws.mean(0) - codes.mean(0))
  facts: dict[str, Any] = {
    'phrases': len(codes),
    'prior_match': overall._asdict()
    | {
      'sliced_wasserstein_over_floor': overall.over_floor,
      'of_codes_moved_to_its_mean': latent.sliced_over_floor(
        prior, centred, tags
      ),
      'classifier_accuracy': latent.classifier_accuracy(prior, codes, tags),
      'scale_ratio_median': float(np.median(ratio)),
      'scale_ratio_least': float(ratio.min()),
      'scale_ratio_most': float(ratio.max()),
      'kurtosis': latent.kurtosis(codes),
      'kurtosis_of_draws': latent.kurtosis(draws),
    },
    'dimensions': prior.dim,
    'active_dimensions': latent.active_dimensions(prior, subject.means),
  }
  if prior.num_components > 1:
    facts['petals'] = latent.petals(prior, codes, tags)._asdict()
  if len(subject.genres) > 1:
    facts['probe_auc_mean'] = latent.mean_auc(subject.probe_aucs)
    facts['probe_auc_mean_of_draws'] = latent.mean_auc(subject.probe(draws))
  count = min(_SAMPLES, len(codes) // 2)
  z = np.asarray(priors.draw(prior, jax.random.key(4), tags[:count]))
  samples, facts['reconstructions'] = _decode(subject, z)
  again = subject.instrument.encode(samples.phrases)
  facts['cycle_error'] = latent.relative_error(prior, z, again)
  facts['metric_distances'] = samples.distances
  for name, mean in (('', np.nanmean), ('_median', np.nanmedian)):
    facts[f'metric_distance{name}'] = {
      kind: float(mean([*found.values()]))
      for kind, found in samples.distances.items()
    }
  return facts, samples


def _decode(
  subject: Subject, z: np.ndarray
) -> tuple[Samples, dict[str, dict[str, float]]]:
  """Returns the codes' phrases, and how right reconstructions are."""
  real, others = np.split(subject.phrases[: 2 * len(z)], 2)
  means, instrument = subject.means[: len(z)], subject.instrument
  kinds = {
    'samples': instrument.decode(z),
    'reconstructions': instrument.decode(means),
    f'samples{_LIKELIEST}': instrument.likeliest(z),
    f'reconstructions{_LIKELIEST}': instrument.likeliest(means),
    'other phrases of the data': others,
  }
  data = metrics.columns(metrics.measure(real))
  distances = {
    kind: metrics.distance(metrics.columns(metrics.measure(found)), data)
    for kind, found in kinds.items()
  }
  right = {
    kind: _right(found, real)
    for kind, found in kinds.items()
    if kind.startswith('reconstructions')
  }
  return Samples(kinds['samples'], distances), right


def _right(found: np.ndarray, real: np.ndarray) -> dict[str, float]:
  """Returns how right phrases are, mean over the tracks."""
  sums = evaluation.compare(found, real)
  rows = jax.tree.map(lambda x: x.sum((0, 1)), sums)
  sound, expected = (
    pianoroll.sounding(x.swapaxes(0, 1)) for x in (found, real)
  )
  return {
    name: float(np.mean(values))
    for name, values in evaluation.scores(rows).items()
  } | {'sounding': float((sound == expected).mean())}


def _nearest(subject: Subject, samples: Samples) -> dict[str, np.ndarray]:
  """Returns distances to the nearest training phrase, in any key, by what."""

  def distance(phrases):
    training = subject.splits.train.phrases
    # A phrase whose first note differs is found as it is, or not at all.
    ways = (
      neighbours.nearest(phrases[:_SEARCHED], training, in_any_key=moved)
      for moved in (False, True)
    )
    return np.minimum(*(found[:, 0] for found, _ in ways))

  return {
    'samples': distance(samples.phrases),
    'validation': distance(subject.phrases),
  }


def _by_genre(subject: Subject) -> list[dict[str, Any]]:
  """Returns the match of the phrases of each genre, of as many of each.

  A floor falls with their number, and the distance of what differs does not.
  """
  has = subject.tags[:, : len(subject.genres)]
  counts = has.sum(0)
  count = min(counts[counts >= _LEAST_PHRASES], default=0)
  rows = []
  for i, genre in enumerate(subject.genres):
    if counts[i] >= _LEAST_PHRASES:
      of = np.flatnonzero(has[:, i])[:count]
      found = latent.match(subject.prior, subject.codes[of], subject.tags[of])
      rows.append(
        {
          'of': genre,
          'phrases': int(count),
          **found._asdict(),
          'sliced_wasserstein_over_floor': found.over_floor,
        }
      )
  return rows


def _caption(facts) -> str:
  match = facts['prior_match']
  far = {
    kind: f'{mean:.2f} ({facts["metric_distance_median"][kind]:.2f})'
    for kind, mean in facts['metric_distance'].items()
  }
  right = {
    kind: f'{found["sounding"]:.1%}'
    for kind, found in facts['reconstructions'].items()
  }
  nearest = facts['nearest_training_phrase']
  text = (
    f'Of {facts["phrases"]:,} validation phrases, and as many of each genre '
    'that has 100. Codes against draws of the '
    'prior for the same tags: sliced Wasserstein distance '
    f'{match["sliced_wasserstein_over_floor"]:.1f} times that of draws from '
    f'draws (the fewer phrases, the nearer to 1; with all codes moved so that '
    f"their mean is the draws', {match['of_codes_moved_to_its_mean']:.1f}), "
    f'MMD^2 {match["mmd"]:.4f} '
    f'(draws from draws {match["mmd_floor"]:.4f}); a classifier tells them '
    f'apart {match["classifier_accuracy"]:.1%} of the time (.5 where they '
    'match); the scale of an axis is in the median '
    f"{match['scale_ratio_median']:.2f} of the prior's, and the kurtosis "
    f'{match["kurtosis"]:.2f} (draws: {match["kurtosis_of_draws"]:.2f}). '
    f'{facts["active_dimensions"]} of {facts["dimensions"]} axes differ '
    'between phrases. '
  )
  if 'petals' in facts:
    petals = facts['petals']
    text += (
      f'A code lies on a petal of its own tags {petals["accuracy"]:.1%} of the '
      f'time (by chance {petals["chance"]:.1%}, draws from the prior '
      f'{petals["ceiling"]:.1%}). '
    )
  if np.isfinite(facts.get('probe_auc_mean', np.nan)):
    text += (
      'A straight line tells two genres apart on other songs with an AUC of '
      f'{facts["probe_auc_mean"]:.2f} in the mean (draws from the prior for '
      f'the same tags: {facts["probe_auc_mean_of_draws"]:.2f}). '
    )
  return text + (
    'Samples of the prior, decoded and encoded again, miss their code by '
    f'{facts["cycle_error"]:.2f} (0: none, 1: no relation). Distributions of '
    "metrics lie apart from the data's, in its standard deviations, in the "
    'mean (median) of those that vary in the data: samples '
    f'{far["samples"]}, reconstructions {far["reconstructions"]}; of the '
    "likeliest tokens, the paper's reading, "
    f'{far[f"samples{_LIKELIEST}"]} and '
    f'{far[f"reconstructions{_LIKELIEST}"]}; other phrases of the data '
    f'{far["other phrases of the data"]}. What sounds is right in '
    f'{right["reconstructions"]} of the timesteps of reconstructions '
    f'(likeliest tokens: {right[f"reconstructions{_LIKELIEST}"]}). '
    f'Of {nearest["samples"]["searched"]} samples '
    f'{nearest["samples"]["copies"]} are training phrases, in the same key or '
    'with all moved alike. The nearest one differs in the median in '
    f'{nearest["samples"]["median_share_of_tokens_differing"]:.0%} of the '
    'tokens of a sample, and in '
    f'{nearest["validation"]["median_share_of_tokens_differing"]:.0%} of those '
    'of a validation phrase.'
  )
