"""Finds the way from one song to another.

  musae interpolate a.mid b.mid --out way/ --bars 9-16 --model runs/flower16

Into a folder each step on the way is a song of its own; into a file, OUT.mid,
they come one after another. Tempo, names and instruments are the first song's.
"""

import argparse

from musae_jax import paths, phrases, songs
from musae_jax.commands import output, shared
from musae_jax.pianoroll import STEPS_PER_BAR


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Declares the arguments."""
  parser.add_argument('song', metavar='A.mid', help='where from')
  parser.add_argument('other', metavar='B.mid', help='where to')
  output.add_out(parser)
  shared.add_model(parser)
  parser.add_argument(
    '--steps',
    type=shared.whole(2),
    default=5,
    metavar='N',
    help='how many, both ends included; 5 by default',
  )
  parser.add_argument(
    '--path',
    choices=paths.PATHS,
    default='line',
    help='the way: straight (line, the default), around the origin (sphere), '
    'or from genre to genre along their ring (arc)',
  )
  shared.add_reading(parser)
  shared.add_keeping(parser)


def run(args: argparse.Namespace) -> shared.Said:
  """Writes the songs between two songs."""
  first, last = (
    shared.read(path, args.bars) for path in (args.song, args.other)
  )
  instrument = shared.load(args.model)
  for path, song in ((args.song, first), (args.other, last)):
    with shared.about(path):
      instrument.cut(song, args.fill)
  found = instrument.interpolate(
    first, last, args.steps, args.path, shared.kept(args), args.fill
  )
  num_bars = min(first.num_bars, last.num_bars)
  name = f'{shared.stem(args.song)}-to-{shared.stem(args.other)}'
  files = output.write_all(args, name, found, num_bars)
  rolls = [phrases.to_tokens(song, num_bars * STEPS_PER_BAR) for song in found]
  differs = [float((roll != rolls[0]).mean()) for roll in rolls]
  shares = ', '.join(f'{share:.0%}' for share in differs)
  lines = [
    f'{output.where(args, files)}: {args.steps} steps of {num_bars} bars; '
    f'timesteps that differ from the first: {shares}'
  ]
  lines += output.show(
    args,
    {f'step {i}': roll for i, roll in enumerate(rolls, 1)},
    songs.one_after_another(found, num_bars),
  )
  facts = {'out': files, 'bars': num_bars, 'differs_from_first': differs}
  return shared.Said('\n'.join(lines), facts)
