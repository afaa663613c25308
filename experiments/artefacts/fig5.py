"""Fig. 5: the codes of two genres, for every pair of genres."""

import functools
import itertools
import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.manifold import TSNE

from experiments.artefacts.artefact import Artefact, NotApplicable
from experiments.artefacts.subject import Subject
from musae_jax import batches, latent, plots
from musae_jax.progress import progress

_EACH = 128


class Pair(NamedTuple):
  """The codes of two genres in the plane; those of the first come first."""

  names: tuple[str, str]
  first: Bool[np.ndarray, 'n']
  pca: Float[np.ndarray, 'n 2']
  tsne: Float[np.ndarray, 'n 2']


def make(subject: Subject) -> Artefact:
  """Returns projections of every pair, and how well a line parts them.

  Raises:
    NotApplicable: the data set has not two genres.
  """
  names = subject.genres
  if len(names) < 2:
    raise NotApplicable(f'{subject.name}: its data set has {len(names)} genres')
  split = subject.splits.validation
  chosen = {
    (a, b): (_choose(split, a, b), _choose(split, b, a))
    for a, b in itertools.combinations(range(len(names)), 2)
  }
  used = np.unique(np.concatenate([*itertools.chain(*chosen.values())]))
  codes = subject.instrument.encode(split.phrases[used]) / subject.prior.std

  def of(rows):
    return codes[np.searchsorted(used, rows)]

  sets = {
    pair: tuple(map(of, both))
    for pair, both in chosen.items()
    if min(map(len, both)) >= 2
  }
  pairs = {
    (a, b): Pair((names[a], names[b]), *plane)
    for (a, b), plane in zip(sets, _planes(sets.values()))
  }
  auc = probes(subject)
  rows = [
    {
      'first': names[a],
      'second': names[b],
      'first_phrases': len(sets[a, b][0]),
      'second_phrases': len(sets[a, b][1]),
      'probe_auc': float(auc[a, b]),
    }
    for a, b in pairs
  ]
  figures: dict[str, Callable] = {
    '': lambda: plots.probes(auc, names),
    'pca': lambda: plots.pair_grid(pairs, names, 'pca'),
    'tsne': lambda: plots.pair_grid(pairs, names, 'tsne'),
  }
  for pair in pairs.values():
    stem = '-'.join(name.replace('/', ' ') for name in pair.names)
    figures[stem] = functools.partial(plots.pair, pair)
  known = auc[np.triu_indices(len(names), 1)]
  best, worst = (
    max(rows, key=lambda row: sign * np.nan_to_num(row['probe_auc'], nan=0.5))
    for sign in (1, -1)
  )
  return Artefact(
    'Fig. 5: pairs of genres',
    f'Of each two genres, codes of {_EACH} + {_EACH} validation phrases with '
    'one tag and not the other, in the plane of their first two principal '
    'components, and by t-SNE (perplexity 30). The matrix: how well a straight '
    'line in the latent space tells the two apart on songs that it was not '
    'fitted to (area under the ROC curve of a linear discriminant; .5: not at '
    f'all). Mean {np.nanmean(known):.2f}; best {best["first"]} and '
    f'{best["second"]}, {best["probe_auc"]:.2f}; worst {worst["first"]} and '
    f'{worst["second"]}, {worst["probe_auc"]:.2f}.',
    figures,
    rows,
    {'mean_auc': float(np.nanmean(known)), 'pairs': len(rows)},
  )


def _choose(split, genre: int, but: int) -> Int[np.ndarray, 'n']:
  """Returns rows of phrases with one tag and not the other."""
  found = np.flatnonzero(split.genres[:, genre] & ~split.genres[:, but])
  order = batches.permutation(len(found), genre, but) if len(found) else []
  return np.sort(found[order[:_EACH]])


def _planes(sets: Iterable) -> Iterable[tuple]:
  """Yields which codes are the first's, and both planes, of each pair."""
  sets = list(sets)
  workers = min(os.cpu_count() or 1, 16)
  # Not forked: JAX has threads.
  context = multiprocessing.get_context('spawn')
  with ProcessPoolExecutor(workers, mp_context=context) as pool:
    yield from progress(
      pool.map(_plane, sets, chunksize=4), len(sets), 'Fig. 5', 'pair'
    )


def _plane(both) -> tuple:
  """Returns which codes are the first's, and both planes."""
  z = np.concatenate(both)
  centred = z - z.mean(0)
  _, _, axes = np.linalg.svd(centred, full_matrices=False)
  pca = centred @ axes[:2].T
  perplexity = min(30, (len(z) - 1) / 3)
  tsne = TSNE(perplexity=perplexity, init='pca', random_state=0)
  return np.arange(len(z)) < len(both[0]), pca, tsne.fit_transform(z)


def probes(subject: Subject) -> Float[np.ndarray, 'k k']:
  """Returns the AUC of each pair's linear probe, on songs held out from it."""
  return latent.probe_aucs(
    subject.means / subject.prior.std,
    subject.tags[:, : len(subject.genres)],
    subject.songs % 2 == 0,
  )
