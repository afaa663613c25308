"""Pictures of a trained model, into the run's folder.

    python -m experiments.figures --workdir=runs/flower16

Writes into DIR/figures: curves.png, reconstructions.png, codes.png.
"""

import json
import os
import pathlib
import sys

import jax
import numpy as np

from experiments import build, writer
from musae_jax import arguments, batches, data, editing, plots, priors

_NUM_RECONSTRUCTIONS = 4
_NUM_CODES = 2_000


class FigureError(ValueError):
  """A file that a picture shows cannot be read; one line says which."""


def draw(workdir: str | os.PathLike, data_dir: str | None = None) -> list:
  """Draws all pictures; returns their paths.

  Raises:
    FigureError, `build.ERRORS`: of one line each.
  """
  loaded, (_, validation) = build.trained(workdir, data_dir)
  instrument = editing.Instrument.of(loaded)
  figures = {
    'curves': plots.curves(writer.read(workdir), _baselines(workdir)),
    'reconstructions': plots.piano_rolls(
      reconstructions(instrument, validation), columns=2
    ),
    'codes': codes(instrument, validation),
  }
  folder = pathlib.Path(workdir) / 'figures'
  folder.mkdir(exist_ok=True)
  paths = []
  for name, figure in figures.items():
    paths.append(folder / f'{name}.png')
    plots.save(figure, paths[-1])
  return paths


def reconstructions(instrument: editing.Instrument, split: data.Split) -> dict:
  """Name -> tokens of a few validation phrases, each before and after."""
  rows = batches.permutation(len(split), 1, 0)[:_NUM_RECONSTRUCTIONS]
  phrases = split.phrases[rows]
  after = instrument.decode(instrument.encode(phrases))
  rolls = {}
  for row, phrase, again in zip(rows, phrases, after):
    where = f'{split.songs[split.song[row]]}, bar {split.bar[row] + 1}'
    rolls[where] = phrase
    right = np.mean(phrase == again)
    rolls[f'{where} reconstructed: {right:.0%} right'] = again
  return rolls


def codes(instrument: editing.Instrument, split: data.Split):
  """Codes of validation phrases over the prior, coloured by a genre of each."""
  rows = batches.permutation(len(split), 1, 0)[:_NUM_CODES]
  genres = split.genres[rows]
  tagged = rows[genres.any(axis=-1)]
  prior = instrument.model.prior
  components = np.arange(_NUM_CODES) % prior.num_components
  drawn = np.asarray(prior.sample(jax.random.key(0), components))
  if prior.num_components == 1 or not len(tagged):
    return plots.codes(instrument.encode(split.phrases[rows]), drawn)
  petals = priors.draw_components(jax.random.key(1), split.genres[tagged])
  return plots.codes(
    instrument.encode(split.phrases[tagged]),
    drawn,
    np.asarray(petals),
    instrument.genres,
  )


def _baselines(workdir) -> dict | None:
  """The evaluation's baselines, if it was run."""
  path = pathlib.Path(workdir) / 'evaluation.json'
  if not path.exists():
    return None
  try:
    accuracy = json.loads(path.read_text())['figures']['accuracy']
    return {
      name: accuracy[name] for name in ('always hold', 'most frequent token')
    }
  except (ValueError, KeyError, TypeError) as error:
    raise FigureError(
      f'{path}: not as python -m experiments.evaluate writes it; expected '
      'it whole, or not at all'
    ) from error


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = arguments.Parser(
    prog='python -m experiments.figures', description=__doc__
  )
  parser.add_argument(
    '--workdir',
    type=arguments.path,
    required=True,
    help="the run's folder",
  )
  parser.add_argument(
    '--data_dir',
    type=arguments.path,
    help="the data set's folder; as in training by default",
  )
  args = parser.parse_args(argv)
  try:
    for path in draw(args.workdir, args.data_dir):
      print(path)
  except (*build.ERRORS, FigureError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  return 0


if __name__ == '__main__':
  sys.exit(main())
