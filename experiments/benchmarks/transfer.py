"""Genre transfer: how far towards a genre it goes, and what it leaves.

    python -m experiments.benchmarks.transfer --workdir=DIR

A classifier that has never seen the model, fitted to the metrics of training
phrases, says how probable a genre is; of validation phrases, whose songs it has
not heard, that are not of the genre already. Content is what stays of the
phrase's reconstruction.
"""

import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from experiments import build
from musae_jax import arguments, batches, latent, metrics
from musae_jax.editing import MusAE
from musae_jax.errors import UserError
from musae_jax.pianoroll import NUM_PITCHES

AMOUNTS = (0, 0.25, 0.5, 0.75, 1)
_FITTED, _ASKED = 20_000, 5_000
_LEAST = 20  # phrases with a tag, and without, for an area under the curve

Listener = Callable[[UInt8[np.ndarray, 'n t 4']], Float[np.ndarray, 'n k']]


class Row(NamedTuple):
  """What an amount of transfer does, the mean over genres and phrases.

  Attributes:
    aimed: probability of the genre aimed at.
    others: of the genres that neither are aimed at nor the phrase's own.
    tokens: share of timesteps as in the reconstruction.
    onsets: F1 of notes begun at the same timestep with the same pitch.
  """

  aimed: float
  others: float
  tokens: float
  onsets: float


def fit(
  phrases: UInt8[np.ndarray, 'n t 4'], tags: Bool[np.ndarray, 'n k']
) -> Listener:
  """Returns what tells how probable each tag of a phrase is.

  A logistic regression a tag on all metrics; one that is undefined is taken for
  its mean, and that it is undefined is another one.
  """
  model = make_pipeline(
    SimpleImputer(add_indicator=True, keep_empty_features=True),
    StandardScaler(),
    OneVsRestClassifier(LogisticRegression(C=0.1, max_iter=500)),
  ).fit(_features(phrases), tags.astype(int))
  return lambda phrases: model.predict_proba(_features(phrases))


def _features(phrases) -> Float[np.ndarray, 'n c']:
  return np.stack(list(metrics.columns(metrics.measure(phrases)).values()), -1)


def areas(
  probability: Float[np.ndarray, 'n k'], tags: Bool[np.ndarray, 'n k']
) -> Float[np.ndarray, 'k']:
  """Returns how well each tag is told, as an area under the ROC curve.

  NaN of tags that too few phrases have, or lack.
  """
  return np.array(
    [
      latent.area_under_curve(p[has], p[~has])
      if min(has.sum(), (~has).sum()) >= _LEAST
      else np.nan
      for p, has in zip(probability.T, tags.T)
    ]
  )


def onsets_kept(
  before: UInt8[np.ndarray, 'n t 4'], after: UInt8[np.ndarray, 'n t 4']
) -> float:
  """Returns the F1 of notes begun at the same place with the same pitch."""
  begun = [tokens < NUM_PITCHES for tokens in (before, after)]
  same = (begun[0] & (before == after)).sum()
  return float(2 * same / max(sum(x.sum() for x in begun), 1))


def moved(
  instrument: MusAE,
  listen: Listener,
  phrases: UInt8[np.ndarray, 'n t 4'],
  tags: Bool[np.ndarray, 'n k'],
  genres: list[int],
) -> dict[float, Row]:
  """Returns what transfer to each of `genres` does, by amount."""
  names = instrument.genres
  rows = {amount: [] for amount in AMOUNTS}
  for genre in genres:
    others = ~tags[:, genre]
    some, own = phrases[others], tags[others]
    reference = instrument.reconstruct(some)
    unrelated = ~own
    unrelated[:, genre] = False
    for amount in AMOUNTS:
      found = instrument.transfer(some, names[genre], amount)
      probability = listen(found)
      rows[amount].append(
        Row(
          probability[:, genre].mean(),
          metrics.means(probability[unrelated])[0],
          (found == reference).mean(),
          onsets_kept(reference, found),
        )
      )
  return {
    amount: Row(*np.mean(found, axis=0).tolist())
    for amount, found in rows.items()
  }


def report(instrument: MusAE, splits: build.Splits, num_phrases: int) -> str:
  """Returns the classifier's worth, and what it says of transfer, as Markdown.

  Raises:
    UserError: the model has no petals, or no genre can be told.
  """
  train, asked = splits.train, splits.validation
  k = len(instrument.genres)
  rows = np.sort(batches.permutation(len(train), 2, 0)[:_FITTED])
  listen = fit(train.phrases[rows], train.genres[rows, :k])
  rows = np.sort(batches.permutation(len(asked), 1, 0)[:_ASKED])
  phrases, tags = asked.phrases[rows], asked.genres[rows, :k]
  heard = listen(phrases)
  area = areas(heard, tags)
  genres = np.flatnonzero(area > 0.5).tolist()
  if not genres:
    raise UserError(f'{asked.name}: no genre can be told from the metrics')
  lines = [
    f'The classifier tells {len(genres)} of {k} tags with an area under the '
    f'curve of {area[genres].mean():.3f} in the mean (.5 by chance), on '
    f'{len(phrases):,} validation phrases.',
    '',
    '| phrases | probability of the genre |',
    '|---|---:|',
  ]

  def said(what, values):
    lines.append(f'| {what} | {np.mean(values):.4f} |')

  has = [tags[:, g] for g in genres]
  said('real, of the genre', [heard[h, g].mean() for g, h in zip(genres, has)])
  said('real, of others', [heard[~h, g].mean() for g, h in zip(genres, has)])
  again = listen(instrument.reconstruct(phrases))
  said(
    'reconstructed, of the genre',
    [again[h, g].mean() for g, h in zip(genres, has)],
  )
  drawn = [
    listen(instrument.sample(instrument.genres[g], 256, seed=g))[:, g].mean()
    for g in genres
  ]
  said("samples of the genre's petal", drawn)
  some = batches.permutation(len(phrases), 3, 0)[:num_phrases]
  lines += [
    '',
    '| amount | genre aimed at | other genres | tokens kept | onsets kept |',
    '|---:|---:|---:|---:|---:|',
  ]
  found = moved(instrument, listen, phrases[some], tags[some], genres)
  for amount, row in found.items():
    lines.append(
      f'| {amount:g} | {row.aimed:.4f} | {row.others:.4f} '
      f'| {row.tokens:.3f} | {row.onsets:.3f} |'
    )
  return '\n'.join(lines)


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = arguments.Parser(
    prog='python -m experiments.benchmarks.transfer', description=__doc__
  )
  add = parser.add_argument
  add('--workdir', type=arguments.path, required=True, help="a run's folder")
  add(
    '--data_dir',
    type=arguments.path,
    help="the data set's folder; as in training by default",
  )
  add(
    '--phrases',
    type=arguments.positive,
    default=256,
    help='how many are transferred to each genre; 256 by default',
  )
  args = parser.parse_args(argv)
  try:
    loaded, splits = build.trained(args.workdir, args.data_dir)
    print(report(MusAE.of(loaded), splits, args.phrases))
  except (*build.ERRORS, UserError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  return 0


if __name__ == '__main__':
  sys.exit(main())
