"""Finds the phrases in your own music that are most like one of a song.

  musae neighbours song.mid --bar 9 --among my/songs -k 5 --model runs/flower16

Like is what a trained model thinks alike: at a distance of 0 two phrases are
the same to it, at about 1 they have nothing in common. The song's own phrases
are left out. Into OUT.mid the phrase and those found are written one after
another.
"""

import argparse
import os
import pathlib
import sys

import numpy as np

from musae_jax import midi, phrases, songs
from musae_jax.commands import output, shared
from musae_jax.errors import UserError
from musae_jax.pianoroll import STEPS_PER_BAR
from musae_jax.progress import progress

_MANY = 200  # files that take long enough to show how many are done


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Declares the arguments."""
  shared.add_song(parser)
  output.add_out(parser, required=False)
  shared.add_model(parser)
  parser.add_argument(
    '--among',
    required=True,
    nargs='+',
    metavar='PATH',
    help='MIDI files, or folders of them, to look through',
  )
  parser.add_argument(
    '--bar',
    type=shared.whole(1),
    default=1,
    metavar='N',
    help='where the phrase begins, counted from 1, the default',
  )
  parser.add_argument(
    '-k',
    type=shared.whole(1),
    default=5,
    metavar='N',
    help='how many; 5 by default',
  )
  shared.add_fill(parser)


def run(args: argparse.Namespace) -> shared.Said:
  """Returns what is most like a phrase, and writes it if asked to."""
  song = midi.read(args.song)
  if args.bar > song.num_bars:
    raise UserError(
      f'{args.song}: --bar {args.bar}, but it has {song.num_bars} bars'
    )
  instrument = shared.load(args.model)
  last = args.bar - 1 + instrument.num_bars
  with shared.about(args.song):
    instrument.cut(song, args.fill)  # to say what it lacks as a whole
    part = songs.excerpt(song, args.bar - 1, last)
    phrase = songs.windows(part, instrument.num_steps, fill=True).tokens[:1]
  where, tokens = _gathered(args, instrument.num_steps)
  near = instrument.neighbours(phrase, args.k, tokens)
  rows = [
    {
      'distance': float(distance),
      'path': where[row][0],
      'bar': where[row][1],
    }
    for distance, row in zip(near.distance[0], near.row[0])
  ]
  lines = [
    f'Nearest of {len(tokens)} phrases to {args.song}, bar {args.bar}:',
    f'{"distance":>8} {"bar":>5}  file',
  ]
  lines += [f'{r["distance"]:8.3f} {r["bar"]:5}  {r["path"]}' for r in rows]
  found = np.concatenate([phrase, tokens[near.row[0]]])
  parts = [songs.of_phrases(row[None], tempo=song.tempo) for row in found]
  files = []
  if args.out:
    name = f'{shared.stem(args.song)}-neighbours'
    files = output.write_all(args, name, parts, instrument.num_bars)
    lines += [f'{path}: written' for path in files]
  titles = [f'bar {args.bar}', *(f'{r["distance"]:.3f}' for r in rows)]
  lines += output.show(
    args,
    {f'{i}: {title}': row for i, (title, row) in enumerate(zip(titles, found))},
    songs.one_after_another(parts, instrument.num_bars),
  )
  facts = {'bar': args.bar, 'neighbours': rows, 'out': files}
  return shared.Said('\n'.join(lines), facts)


def _gathered(args: argparse.Namespace, num_steps: int):
  """The phrases of all songs to look through, and the file and bar of each."""
  where, tokens, passed_over = [], [], 0
  num_bars = num_steps // STEPS_PER_BAR
  paths = [
    path
    for place in args.among
    for path in _midi_files(place)
    if os.path.realpath(path) != os.path.realpath(args.song)
  ]
  output.check_sources(args, paths)
  if len(paths) > _MANY:
    paths = progress(paths, len(paths), 'reading')
  for path in paths:
    try:
      pieces = songs.windows(midi.read(path), num_steps, args.fill)
    except (midi.MidiError, phrases.SongError) as error:
      reason, passed_over = error, passed_over + 1
      continue
    tokens.append(pieces.tokens)
    starts = range(0, len(pieces.tokens) * num_bars, num_bars)
    where += [(path, 1 + bar) for bar in starts]
  if not tokens:
    raise UserError(
      f'--among {" ".join(args.among)}: no song in it that can be used, '
      f'expected some{passed_over and f"; the last: {reason}" or ""}'
    )
  if passed_over:
    print(f'{passed_over} files passed over: {reason}', file=sys.stderr)
  return where, np.concatenate(tokens)


def _midi_files(place: str) -> list[str]:
  if not os.path.exists(place):
    raise UserError(
      f'--among {place}: is not there; expected songs, or folders of them '
      '(OUT.mid stands before --among, or behind --out)'
    )
  if not os.path.isdir(place):
    return [place]
  return sorted(
    str(path)
    for path in pathlib.Path(place).rglob('*')
    if path.suffix.lower() in ('.mid', '.midi')
  )
