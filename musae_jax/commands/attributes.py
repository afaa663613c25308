"""Measures what a song is like: density, note lengths, register, syncopation.

  musae attributes song.mid --json

Each phrase is measured by itself; shown is their mean. Needs no model.
"""

import argparse

import numpy as np

from musae_jax import songs
from musae_jax.commands import shared
from musae_jax.pianoroll import STEPS_PER_BAR, TRACKS

_MOST_BARS = 256  # of a phrase


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Declares the arguments."""
  shared.add_song(parser)
  parser.add_argument(
    '--phrase_bars',
    type=shared.whole(1, _MOST_BARS),
    default=2,
    metavar='N',
    help='bars of a phrase; 2 by default',
  )
  shared.add_reading(parser)


def run(args: argparse.Namespace) -> shared.Said:
  """Returns a song's metrics, phrase by phrase and in the mean."""
  from musae_jax import metrics  # JAX takes a second to import

  song = shared.read(args.song, args.bars)
  num_steps = args.phrase_bars * STEPS_PER_BAR
  with shared.about(args.song):
    tokens = songs.windows(song, num_steps, args.fill).tokens
  columns = metrics.columns(metrics.measure(tokens))
  means = {
    name: shared.finite(metrics.means(values)[0])
    for name, values in columns.items()
  }
  lines = [
    f'{args.song}: mean of {len(tokens)} phrases of {args.phrase_bars} bars',
    '',
    f'{"":22}' + ''.join(f'{track:>9}' for track in TRACKS),
  ]
  for name in metrics.NAMES:
    row = [means.get(f'{name}/{track}', '') for track in TRACKS]
    if name in means:
      row = [means[name]]
    lines.append(f'{name:22}' + ''.join(map(_cell, row)))
  facts = {
    'phrase_bars': args.phrase_bars,
    'mean': means,
    'phrases': {
      name: [shared.finite(x) for x in np.asarray(values)]
      for name, values in columns.items()
    },
  }
  return shared.Said('\n'.join(lines), facts)


def _cell(value: float | str | None) -> str:
  """Nine columns: a number; '-': it is undefined; '': there is none."""
  if isinstance(value, str):
    return f'{value:>9}'
  return f'{"-":>9}' if value is None else f'{value:9.3g}'
