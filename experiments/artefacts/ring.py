"""The order of the genres on the ring: how good, and how certain it is."""

import numpy as np
from jaxtyping import Bool, Float

from experiments.artefacts.artefact import Artefact, NotApplicable
from experiments.artefacts.subject import Subject
from musae_jax import charts, data, genres

_RANDOM = 2_000
_RESAMPLED = 50


def make(subject: Subject) -> Artefact:
  """Returns the ring of the data set.

  Raises:
    NotApplicable: it has too few genres for an order.
  """
  names = list(subject.genres)
  if len(names) < 4:
    raise NotApplicable(f'{subject.name}: {len(names)} genres have no order')
  tags = np.concatenate([_of_songs(split) for split in subject.splits])
  tags = tags[:, : len(names)]
  alike = genres.cosines(tags)
  rng = np.random.default_rng(0)
  quality = genres.neighbours_similarity(alike)
  random = np.array(
    [
      genres.neighbours_similarity(alike[np.ix_(order, order)])
      for order in (rng.permutation(len(names)) for _ in range(_RANDOM))
    ]
  )
  kept = _stability(tags, rng)
  rows = [
    {
      'genre': name,
      'songs': int(tags[:, i].sum()),
      'next': names[(i + 1) % len(names)],
      'similarity_to_next': float(alike[i, (i + 1) % len(names)]),
      'neighbours_kept': float(kept[i]),
    }
    for i, name in enumerate(names)
  ]
  facts = {
    'similarity_of_neighbours': quality,
    'of_random_rings': float(random.mean()),
    'best_of_random_rings': float(random.max()),
    'neighbours_kept_when_artists_are_resampled': float(kept.mean()),
    'neighbours_kept_by_chance': 2 / (len(names) - 1),
  }
  return Artefact(
    'The ring of genres',
    'Genres in their order on the ring; lines join those whose songs share '
    'tags, the darker the more (cosine of their song indicators). Neighbours '
    f'are alike by {quality:.3f} in the mean; on {_RANDOM:,} random rings by '
    f'{random.mean():.3f}, {random.max():.3f} at best. Ordered anew for '
    f'{_RESAMPLED} resamplings of the artists, a genre keeps '
    f'{kept.mean():.0%} of its neighbours (by chance '
    f'{2 / (len(names) - 1):.0%}), the larger its dot the more. Songs with the '
    "very same tags count as one artist's, since tags are given to artists.",
    {'': lambda: charts.ring(names, alike, kept)},
    rows,
    facts,
  )


def _of_songs(split: data.Split) -> Bool[np.ndarray, 's k']:
  """Returns the tags of each song."""
  _, first = np.unique(split.song, return_index=True)
  tags = split.genres[first]
  return tags[tags.any(-1)]


def _stability(tags, rng) -> Float[np.ndarray, 'k']:
  """Returns how much of its neighbours each genre keeps in resampled data."""
  k = tags.shape[1]
  artists, counts = np.unique(tags, axis=0, return_counts=True)
  kept = np.zeros(k)
  for _ in range(_RESAMPLED):
    times = np.bincount(
      rng.integers(len(artists), size=len(artists)), minlength=len(artists)
    )
    alike = genres.cosines(np.repeat(artists, counts * times, axis=0))
    order = np.array(genres.ring_order(alike))
    place = np.argsort(order)
    for i in range(k):
      there = {int(order[(place[i] + step) % k]) for step in (-1, 1)}
      kept[i] += len(there & {(i - 1) % k, (i + 1) % k}) / 2
  return kept / _RESAMPLED
