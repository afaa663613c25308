"""Fig. 5: the codes of two genres, for every pair of genres."""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from experiments.artefacts.artefact import Artefact, NotApplicable
from experiments.artefacts.subject import Subject
from musae_jax import batches, charts, latent, tsne
from musae_jax.progress import progress

_EACH = 128
# Pairs whose planes are found at once.
_BLOCK = 32


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
    for (a, b), plane in zip(sets, _planes([*sets.values()]))
  }
  auc = subject.probe_aucs
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
    '': lambda: charts.probes(auc, names),
    'pca': lambda: charts.pair_grid(pairs, names, 'pca'),
    'tsne': lambda: charts.pair_grid(pairs, names, 'tsne'),
  }
  for pair in pairs.values():
    stem = '-'.join(name.replace('/', ' ') for name in pair.names)
    figures[stem] = functools.partial(charts.pair, pair)
  mean = latent.mean_auc(auc)
  return Artefact(
    'Fig. 5: pairs of genres',
    f'Of each two genres, codes of {_EACH} + {_EACH} validation phrases with '
    'one tag and not the other, in the plane of their first two principal '
    "components, and by t-SNE (perplexity 30); in the grids the row's genre is "
    "blue, the column's orange. The matrix: how well a straight "
    'line in the latent space tells the two apart on songs that it was not '
    'fitted to (area under the ROC curve of a linear discriminant; .5: not at '
    f'all). {_extremes(rows, mean)} {_left_out(len(names), rows)}',
    figures,
    rows,
    {'mean_auc': mean, 'pairs': len(rows)},
  )


def _extremes(rows: Sequence[dict], mean: float) -> str:
  """Returns a sentence on the pairs told apart best and worst."""
  known = [row for row in rows if np.isfinite(row['probe_auc'])]
  if not known:
    return 'Grey: there are too few songs to say.'
  known.sort(key=lambda row: row['probe_auc'])
  worst, best = (
    f'{row["first"]} and {row["second"]}, {row["probe_auc"]:.2f}'
    for row in (known[0], known[-1])
  )
  return f'Mean {mean:.2f}; best {best}; worst {worst}.'


def _left_out(num_genres: int, rows: Sequence[dict]) -> str:
  """Returns a sentence on pairs without a picture, or without an area."""
  without = num_genres * (num_genres - 1) // 2 - len(rows)
  grey = sum(not np.isfinite(row['probe_auc']) for row in rows)
  said = []
  if without:
    said.append(f'{without} pairs have not two phrases of either tag alone.')
  if 0 < grey < len(rows):
    said.append(f'Of {grey} more there are too few songs for an area: grey.')
  return ' '.join(said)


def _choose(split, genre: int, but: int) -> Int[np.ndarray, 'n']:
  """Returns rows of phrases with one tag and not the other."""
  found = np.flatnonzero(split.genres[:, genre] & ~split.genres[:, but])
  order = batches.permutation(len(found), genre, but) if len(found) else []
  return np.sort(found[order[:_EACH]])


def _planes(sets: Sequence) -> Iterator[tuple]:
  """Yields which codes are the first's, and both planes, of each pair."""
  shape = 2 * _EACH, sets[0][0].shape[1]
  blocks = [sets[i : i + _BLOCK] for i in range(0, len(sets), _BLOCK)]
  for block in progress(blocks, len(blocks), 'Fig. 5', 'block'):
    # Filled up to one shape, so that there is one program.
    z = np.zeros((_BLOCK, *shape), np.float32)
    known = np.zeros((_BLOCK, len(z[0])), bool)
    for i, both in enumerate(block):
      found = np.concatenate(both)
      z[i, : len(found)], known[i, : len(found)] = found, True
    pca, plane = map(np.asarray, tsne.planes(z, known))
    for i, (first, second) in enumerate(block):
      count = len(first) + len(second)
      yield np.arange(count) < len(first), pca[i, :count], plane[i, :count]
