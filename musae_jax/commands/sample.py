"""Makes new phrases, of a genre or of any.

  musae sample phrases.mid --genre jazz -n 4 --seed 1 --model runs/flower16

Into a folder each phrase is a file of its own; into a file, OUT.mid, they come
one after another. The same --seed makes the same phrases.
"""

import argparse

from musae_jax import songs
from musae_jax.commands import output, shared


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Declares the arguments."""
  output.add_out(parser)
  shared.add_model(parser)
  parser.add_argument(
    '--genre',
    metavar='NAME',
    help='a genre that the model knows; any by default',
  )
  parser.add_argument(
    '-n',
    type=shared.whole(1),
    default=1,
    metavar='N',
    help='how many phrases; 1 by default',
  )
  parser.add_argument(
    '--seed',
    type=shared.whole(0),
    default=0,
    metavar='N',
    help='another number makes other phrases; 0 by default',
  )
  parser.add_argument(
    '--temperature',
    type=shared.number(0),
    default=1.0,
    metavar='T',
    help="0: the genre's most typical phrase; 1, the default: as varied as the "
    'genre is; above 1: stranger',
  )
  parser.add_argument(
    '--tempo',
    type=shared.number(4, 1000),
    default=120.0,
    metavar='BPM',
    help='120 by default',
  )


def run(args: argparse.Namespace) -> shared.Said:
  """Writes phrases drawn from a model's prior."""
  instrument = shared.load(args.model)
  tokens = instrument.sample(args.genre, args.n, args.seed, args.temperature)
  found = [songs.of_phrases(row[None], tempo=args.tempo) for row in tokens]
  genre = args.genre or 'any genre'
  paths = output.write_all(
    args, shared.name_of(genre), found, instrument.num_bars
  )
  phrases = 'phrase' if args.n == 1 else 'phrases'
  lines = [
    f'{output.where(args, paths)}: {args.n} {phrases} of '
    f'{instrument.num_bars} bars, {genre}'
  ]
  lines += output.show(
    args,
    {f'{genre}, {i}': row for i, row in enumerate(tokens, 1)},
    songs.one_after_another(found, instrument.num_bars),
  )
  facts = {
    'out': paths,
    'genre': args.genre,
    'n': args.n,
    'seed': args.seed,
    'temperature': args.temperature,
    'notes': [int((row < 128).sum()) for row in tokens],
  }
  return shared.Said('\n'.join(lines), facts)
