"""How fast phrases and codes are analysed.

    python -m experiments.benchmarks.analysis --data_dir=DATA

Metrics of the training split's phrases, the nearest of them to some, and the
measures of the latent report. Codes are draws from the prior, since what they
are does not matter here.
"""

import sys
from collections.abc import Callable

import jax
import numpy as np

from experiments.benchmarks import side_by_side
from musae_jax import arguments, data, latent, metrics, neighbours, priors

_PHRASES = 200_000
_CODES = 10_000
_DIMENSIONS = 64, 512


def seconds(function: Callable, rounds: int = 3) -> float:
  """Returns the median over rounds, after one that compiles."""
  function()
  return float(np.median(side_by_side.seconds(function, rounds)))


def table(split: data.Split) -> str:
  """Returns what takes how long, as Markdown."""
  phrases = split.phrases[:_PHRASES]
  bars = phrases.shape[1] // 16
  took = seconds(lambda: metrics.measure(phrases))
  rows = [
    (
      f'all metrics of {len(phrases):,} phrases of {bars} bars',
      took,
      f'{len(phrases) / took:,.0f} phrases/s',
    )
  ]
  took = seconds(lambda: neighbours.nearest(phrases[:256], split.phrases), 1)
  rows.append(
    (f'nearest of {len(split):,} phrases to 256', took, f'{256 / took:,.0f}/s')
  )
  tags = np.random.default_rng(0).random((_CODES, 32)) < 0.1
  songs = np.arange(_CODES) // 10
  for dim in _DIMENSIONS:
    prior = priors.Flower(dim)
    codes = np.asarray(priors.draw(prior, jax.random.key(1), tags))
    what = f'{_CODES:,} codes of {dim} dimensions'
    for name, function in (
      ('MMD and sliced Wasserstein, with floors', latent.match),
      ('classifier', latent.classifier_accuracy),
      ('petals', latent.petals),
      (
        'probes of all pairs of 32 genres',
        lambda prior, z, tags: latent.probe_aucs(z / prior.std, tags, songs),
      ),
    ):
      took = seconds(lambda f=function, p=prior, z=codes: f(p, z, tags))
      rows.append((f'{name}, {what}', took, ''))
  lines = ['| | seconds | |', '|---|---:|---:|']
  lines += [f'| {what} | {took:.2f} | {rate} |' for what, took, rate in rows]
  return '\n'.join(lines)


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = arguments.Parser(
    prog='python -m experiments.benchmarks.analysis', description=__doc__
  )
  add = parser.add_argument
  add('--data_dir', type=arguments.path, required=True, help="the data set's")
  add('--data', default='lakh_pianoroll/2bar', help='name and configuration')
  args = parser.parse_args(argv)
  try:
    split = data.load(args.data, args.data_dir, 'train')
  except data.DatasetError as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  print(table(split))
  return 0


if __name__ == '__main__':
  sys.exit(main())
