"""Gives a song back as a trained model hears it, phrase by phrase.

  musae reconstruct song.mid again.mid --model runs/flower16

What comes back is what the model has understood. With --seed it is a variation:
the same idea, played once more, another for each number.
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
  shared.add_reading(parser)
  shared.add_keeping(parser)
  parser.add_argument(
    '--seed',
    type=shared.whole(0),
    metavar='N',
    help='make variation number N; without it, what the model thinks likeliest',
  )


def run(args: argparse.Namespace) -> shared.Said:
  """Writes a song as a trained model gives it back."""
  song = shared.read(args.song, args.bars)
  keep = shared.kept(args)
  instrument = shared.load(args.model)
  with shared.about(args.song):
    again = instrument.reconstruct(song, args.seed, keep, args.fill)
  before = phrases.to_tokens(song)
  after = phrases.to_tokens(again, len(before))
  (path,) = output.write(args, f'{shared.stem(args.song)}-reconstructed', again)
  right = {
    track: float(share)
    for track, share in zip(TRACKS, (before == after).mean(0))
    if track not in keep
  }
  shares = ', '.join(
    f'{share:.1%} of timesteps in {track}' for track, share in right.items()
  )
  lines = [f'{path}: {song.num_bars} bars; right at {shares}']
  lines += output.show(args, {'before': before, 'after': after}, again)
  facts = {'out': [path], 'bars': song.num_bars, 'right': right}
  return shared.Said('\n'.join(lines), facts)
