"""Which way of editing an attribute does what it is asked, and only that.

    python -m experiments.benchmarks.editing --workdir=DIR [--data_dir=DATA]

Phrases of the validation split are encoded, their codes edited, and decoded;
what is measured is the difference from the decoded code as it was. Directions
are fitted to the training split. Each method as far as it goes by itself, and
searched along for where what was asked is met best.
"""

import itertools
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from experiments import build
from experiments.artefacts.subject import Subject
from musae_jax import arguments, attributes, directions, steering
from musae_jax.pianoroll import NUM_PITCHES

# Asked for, in standard deviations.
CHANGES = (-1.0, -0.5, 0.5, 1.0)
MOVES = {'': steering.move, ', searched': steering.edit}


class Score(NamedTuple):
  """What became of the edits of one attribute by one method.

  Attributes:
    slope: achieved change over requested change, least squares; 1 is best.
    correlation: of the two, over phrases and changes.
    leakage: mean absolute change of the other attributes, in their standard
      deviations, over the mean absolute change of this one.
    kept: share of the notes before that are there after.
    seconds: of the edits of all phrases, one change.
  """

  slope: float
  correlation: float
  leakage: float
  kept: float
  seconds: float


def notes_kept(
  before: UInt8[np.ndarray, 'n t 4'], after: UInt8[np.ndarray, 'n t 4']
) -> float:
  """The share of onsets before that are onsets of the same pitch after."""
  onset = before < NUM_PITCHES
  return float((before == after)[onset].mean())


def score(
  subject: Subject,
  fitted: directions.Directions,
  codes: Float[np.ndarray, 'n d'],
  name: str,
  method: str,
  move: Callable,
) -> Score:
  """How an attribute follows requests."""
  decode, std = subject.instrument.decode, dict(zip(fitted.names, fitted.std))
  before = decode(codes)
  values = attributes.measure(before)
  asked, achieved, leaked, kept, took = [], [], [], [], []
  for change in CHANGES:
    began = time.perf_counter()
    edited = move(subject.instrument, codes, {name: change}, fitted, method)
    took.append(time.perf_counter() - began)
    after = decode(edited)
    found = attributes.measure(after)
    changed = {n: (found[n] - values[n]) / std[n] for n in fitted.names}
    asked.append(np.full(len(codes), change))
    achieved.append(changed[name])
    others = directions.others(name, fitted.names)
    leaked += [np.abs(changed[n]) for n in others]
    kept.append(notes_kept(before, after))
  x, y = np.concatenate(asked), np.concatenate(achieved)
  x, y = x[~np.isnan(y)], y[~np.isnan(y)]
  return Score(
    float(x @ y / (x @ x)),
    float(np.corrcoef(x, y)[0, 1]),
    _mean(leaked) / _mean([np.abs(y)]),
    float(np.mean(kept)),
    float(np.median(took)),
  )


def _mean(parts) -> float:
  """Of what is not NaN; NaN where nothing is."""
  values = np.concatenate(parts) if parts else np.empty(0)
  values = values[~np.isnan(values)]
  return float(values.mean()) if len(values) else float('nan')


def table(subject: Subject, num_phrases: int) -> str:
  """Every method on every attribute of the whole phrase, as Markdown."""
  fitted = steering.fit_split(subject.instrument, subject.splits.train)
  codes = subject.means[:num_phrases]
  lines = [
    '| attribute | method | slope | correlation | leakage | notes kept '
    '| phrases/s |',
    '|---|---|---:|---:|---:|---:|---:|',
  ]
  names = [name for name in attributes.KINDS if name in fitted.names]
  for name, method, (how, move) in itertools.product(
    names, steering.METHODS, MOVES.items()
  ):
    found = score(subject, fitted, codes, name, method, move)
    lines.append(
      f'| {name} | {method}{how} | {found.slope:.2f} '
      f'| {found.correlation:.2f} | {found.leakage:.2f} | {found.kept:.1%} '
      f'| {len(codes) / found.seconds:,.0f} |'
    )
  return '\n'.join(lines)


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = arguments.Parser(
    prog='python -m experiments.benchmarks.editing', description=__doc__
  )
  add = parser.add_argument
  add('--workdir', type=arguments.path, required=True, help="the model's run")
  add('--data_dir', type=arguments.path, help='where the data set lies now')
  add('--phrases', type=arguments.positive, default=512, help='how many')
  args = parser.parse_args(argv)
  try:
    subject = Subject.of(args.workdir, args.data_dir)
  except build.ERRORS as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  print(table(subject, args.phrases))
  return 0


if __name__ == '__main__':
  sys.exit(main())
