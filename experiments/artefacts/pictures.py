"""Pictures beside the paper's: training, reconstructions, codes."""

import json

import jax
import numpy as np

from experiments import writer
from experiments.artefacts.artefact import Artefact, NotApplicable
from experiments.artefacts.subject import Subject
from musae_jax import plots, priors

_NUM_RECONSTRUCTIONS = 4
_NUM_CODES = 2_000


class FigureError(ValueError):
  """A file that a picture shows cannot be read; one line says which."""


def curves(subject: Subject) -> Artefact:
  """Returns accuracy on the validation split over the updates.

  Raises:
    FigureError: evaluation.json is not as `experiments.evaluate` writes it.
  """
  if not subject.workdir.is_dir():
    raise NotApplicable('a model file does not tell of its training')
  try:
    lines = writer.read(subject.workdir)
  except FileNotFoundError:
    raise NotApplicable(f'{subject.workdir} has no {writer.METRICS}') from None
  validation = [
    line for line in lines if any(key.startswith('validation/') for key in line)
  ]
  if not validation:
    raise NotApplicable('metrics.jsonl has no whole line of a validation yet')
  baselines = _baselines(subject)
  return Artefact(
    'Training',
    'Accuracy and attack accuracy on a few phrases of the validation split, '
    'over the updates'
    + ('; beside the accuracy that of two baselines.' if baselines else '.'),
    {'': lambda: plots.curves(lines, baselines)},
    validation,
  )


def _baselines(subject: Subject) -> dict | None:
  """The evaluation's baselines, if it was run."""
  path = subject.workdir / 'evaluation.json'
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


def reconstructions(subject: Subject) -> Artefact:
  """Returns a few validation phrases, each before and after."""
  split = subject.splits.validation
  rows = subject.rows[:_NUM_RECONSTRUCTIONS]
  phrases = split.phrases[rows]
  after = subject.instrument.decode(subject.instrument.encode(phrases))
  rolls, table = {}, []
  for row, phrase, again in zip(rows, phrases, after):
    where = f'{split.songs[split.song[row]]}, bar {split.bar[row] + 1}'
    right = float(np.mean(phrase == again))
    rolls[where] = phrase
    rolls[f'{where} reconstructed: {right:.0%} right'] = again
    table.append({'phrase': where, 'share_of_tokens_right': right})
  return Artefact(
    'Reconstructions',
    'Validation phrases, each as it is and as it comes back.',
    {'': lambda: plots.piano_rolls(rolls, columns=2)},
    table,
  )


def codes(subject: Subject) -> Artefact:
  """Returns codes of validation phrases over the prior, in its first plane."""
  prior, tags = subject.prior, subject.tags[:_NUM_CODES]
  components = np.arange(_NUM_CODES) % prior.num_components
  drawn = np.asarray(prior.sample(jax.random.key(0), components))
  z, petals, genres = subject.means[:_NUM_CODES], None, ()
  tagged = tags.any(axis=-1)
  if prior.num_components > 1 and tagged.any():
    z, genres = z[tagged], subject.genres
    petals = np.asarray(priors.draw_components(jax.random.key(1), tags[tagged]))
  return Artefact(
    'Codes',
    f'Codes of {len(z):,} validation phrases in the first two axes, over draws '
    'of the prior in grey'
    + ('; the colour is that of a genre of each.' if genres else '.'),
    {'': lambda: plots.codes(z, drawn, petals, genres)},
    [
      {
        'first_axis': float(x),
        'second_axis': float(y),
        'genre': genres[petals[i]] if genres else '',
      }
      for i, (x, y) in enumerate(z[:, :2])
    ],
  )
