"""Finds the phrases in your own music that are most like one of a song.

  musae neighbours song.mid --bar 9 --among my/songs -k 5 --model runs/flower16

Without --among it looks through what the model was trained on, which the folder
of a training run has to know.

Like is what a trained model thinks alike: at a distance of 0 two phrases are
the same to it, at about 1 they have nothing in common. The song itself is left
out of what --among names. Into OUT.mid the phrase and those found are written
one after another.
"""

import argparse
import os
import pathlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import UInt8

from musae_jax import midi, phrases, songs
from musae_jax.commands import output, shared
from musae_jax.errors import UserError
from musae_jax.pianoroll import STEPS_PER_BAR
from musae_jax.progress import progress

if TYPE_CHECKING:
  from musae_jax.editing import MusAE

_MANY = 200  # files that take long enough to show how many are done


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Declares the arguments."""
  shared.add_song(parser)
  output.add_out(parser, required=False)
  shared.add_model(parser)
  parser.add_argument(
    '--among',
    nargs='+',
    metavar='PATH',
    help="MIDI files, or folders of them, to look through; the model's own "
    'training phrases by default',
  )
  parser.add_argument(
    '--bar',
    type=shared.whole(1),
    metavar='N',
    help='where the phrase begins, counted from 1; where the song does, after '
    'bars of silence, by default',
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
  bar = args.bar or shared.first_bar(song)
  if bar > max(song.num_bars, 1):
    raise UserError(
      f'{args.song}: --bar {bar}, but it has {song.num_bars} bars'
    )
  instrument = shared.load(args.model)
  with shared.about(args.song):
    instrument.cut(song, args.fill)  # to say what it lacks as a whole
    part = shared.excerpt(args.song, song, bar, bar - 1 + instrument.num_bars)
    phrase = songs.windows(part, instrument.num_steps, fill=True).tokens[:1]
  if args.among:
    library = _gathered(args, instrument.num_steps)
  else:
    library = _learnt(instrument)
  near = instrument.neighbours(phrase, args.k, library.among)
  if not np.isfinite(near.distance).all():
    raise UserError(
      f'{args.model}: finds no distances, expected a model with sound weights'
    )
  rows = [
    {'distance': float(distance)}
    | dict(zip(('path', 'bar'), library.where(row)))
    for distance, row in zip(near.distance[0], near.row[0])
  ]
  lines = [
    f'Nearest of {len(library.tokens)} phrases to {args.song}, bar {bar}:',
    f'{"distance":>8} {"bar":>5}  file',
  ]
  lines += [f'{r["distance"]:8.3f} {r["bar"]:5}  {r["path"]}' for r in rows]
  found = np.concatenate([phrase, library.tokens[near.row[0]]])
  parts = [songs.of_phrases(row[None], tempo=song.tempo) for row in found]
  files = []
  if args.out:
    name = f'{shared.stem(args.song)}-neighbours'
    files = output.write_all(args, name, parts, instrument.num_bars)
    lines += [f'{path}: written' for path in files]
  titles = [f'bar {bar}', *(f'{r["distance"]:.3f}' for r in rows)]
  lines += output.show(
    args,
    {f'{i}: {title}': row for i, (title, row) in enumerate(zip(titles, found))},
    songs.one_after_another(parts, instrument.num_bars),
  )
  facts = {'bar': bar, 'neighbours': rows, 'out': files}
  return shared.Said('\n'.join(lines), facts)


class _Library(NamedTuple):
  """Phrases to look through.

  Attributes:
    tokens: of each.
    among: the same, or their codes where these are known.
    where: a row's song, and its bar, counted from 1.
  """

  tokens: UInt8[np.ndarray, 'n t 4']
  among: np.ndarray
  where: Callable[[int], tuple[str, int]]


def _learnt(instrument: 'MusAE') -> _Library:
  """What a model was trained on."""
  try:
    split = instrument.training
  except UserError as error:
    raise UserError(
      f'{error}; or name songs to look through: --among PATH'
    ) from error

  def where(row):
    return split.songs[split.song[row]], int(split.bar[row]) + 1

  return _Library(split.phrases, instrument.learnt, where)


def _gathered(args: argparse.Namespace, num_steps: int) -> _Library:
  """The phrases of all songs that were named."""
  where, tokens, passed_over = [], [], 0
  num_bars = num_steps // STEPS_PER_BAR
  found = [path for place in args.among for path in _midi_files(place)]
  itself = os.path.realpath(args.song)
  paths = [path for path in found if os.path.realpath(path) != itself]
  args.sources += paths
  for place in (args.out, args.png, args.wav):
    output.check_source(args, place)
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
    other = 'other ' if len(paths) < len(found) else ''
    raise UserError(
      f'--among {" ".join(args.among)}: no {other}song in it that can be used, '
      f'expected some{passed_over and f"; the last: {reason}" or ""}'
    )
  if passed_over:
    print(
      f'{passed_over} files passed over; the last: {reason}', file=sys.stderr
    )
  tokens = np.concatenate(tokens)
  return _Library(tokens, tokens, where.__getitem__)


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
