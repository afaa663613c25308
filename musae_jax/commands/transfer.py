"""Moves a song towards another genre, and keeps the rest of it.

  musae transfer song.mid jazzy.mid --genre jazz --model runs/flower16

Genres lie on a ring. Each phrase is turned on it towards the genre, the shorter
way: by --amount 1 all the way, by .5 half of it, by 0 not at all, so that the
song is only reconstructed.
"""

import argparse

from musae_jax import phrases
from musae_jax.commands import output, shared
from musae_jax.pianoroll import TRACKS


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Declares the arguments."""
  shared.add_song(parser)
  output.add_out(parser)
  shared.add_model(parser)
  parser.add_argument(
    '--genre',
    required=True,
    metavar='NAME',
    help='a genre that the model knows',
  )
  parser.add_argument(
    '--amount',
    type=shared.number(0, 1),
    default=1.0,
    metavar='SHARE',
    help='how far, from 0 to 1; 1 by default',
  )
  shared.add_reading(parser)
  shared.add_keeping(parser)


def run(args: argparse.Namespace) -> shared.Said:
  """Writes a song as it is in another genre."""
  song = shared.read(args.song, args.bars)
  keep = shared.kept(args)
  instrument = shared.load(args.model)
  with shared.about(args.song):
    plain, moved = (
      instrument.transfer(song, args.genre, amount, keep, args.fill)
      for amount in (0, args.amount)
    )
  before = phrases.to_tokens(song)
  rolls = {
    'before': before,
    'reconstructed': phrases.to_tokens(plain, len(before)),
    f'towards {args.genre} by {args.amount:g}': phrases.to_tokens(
      moved, len(before)
    ),
  }
  _, reference, changed = rolls.values()
  same = {
    track: float(share)
    for track, share in zip(TRACKS, (reference == changed).mean(0))
    if track not in keep
  }
  name = f'{shared.stem(args.song)}-{shared.name_of(args.genre)}'
  (path,) = output.write(args, name, moved)
  shares = ', '.join(f'{share:.1%} in {t}' for t, share in same.items())
  lines = [
    f'{path}: {song.num_bars} bars towards {args.genre} by {args.amount:g}; '
    f'timesteps as in the reconstruction: {shares}'
  ]
  lines += output.show(args, rolls, moved)
  facts = {
    'out': [path],
    'bars': song.num_bars,
    'genre': args.genre,
    'amount': args.amount,
    'same_as_reconstruction': same,
  }
  return shared.Said('\n'.join(lines), facts)
