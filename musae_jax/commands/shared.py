"""What several subcommands do: read songs, load a model, parse values."""

import argparse
import contextlib
import math
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from musae_jax import arguments, midi, phrases, songs
from musae_jax.errors import UserError, first_line
from musae_jax.pianoroll import STEPS_PER_BAR, TRACKS

if TYPE_CHECKING:
  from musae_jax.editing import MusAE


class Said(NamedTuple):
  """What was found out, for people and, with --json, for scripts."""

  text: str
  facts: dict


def add_model(parser: argparse.ArgumentParser, required: bool = True) -> None:
  """Declares --model."""
  parser.add_argument(
    '--model',
    '--workdir',
    type=arguments.path,
    required=required,
    metavar='MODEL',
    help='a trained model: the folder of a training run, or an exported file',
  )


def load(path: str) -> 'MusAE':
  """The model of a --model.

  Raises:
    UserError: it cannot be read, or is none.
  """
  from musae_jax import MusAE, cache

  cache.keep_programs()
  try:
    return MusAE.load(path)
  except UserError:
    raise
  # What a file that is no model, or an altered one, may make of its fields.
  except (ValueError, KeyError, TypeError, ImportError) as error:
    raise UserError(
      f'{path}: is no model that can be loaded: {first_line(error)}'
    ) from error


def add_song(parser: argparse.ArgumentParser, name: str = 'song') -> None:
  """Declares a MIDI file to read."""
  parser.add_argument(name, metavar='IN.mid', help='a MIDI file')


def add_fill(parser: argparse.ArgumentParser) -> None:
  """Declares --fill."""
  parser.add_argument(
    '--fill',
    action='store_true',
    help='take silence for drums, bass or guitar where a song has none',
  )


def add_reading(parser: argparse.ArgumentParser) -> None:
  """Declares how a song is taken: --bars and --fill."""
  parser.add_argument(
    '--bars',
    type=_bars,
    metavar='FIRST-LAST',
    help='only these bars of the song, such as 9-16; all by default',
  )
  add_fill(parser)


def add_keeping(parser: argparse.ArgumentParser) -> None:
  """Declares --track."""
  parser.add_argument(
    '--track',
    type=_roles,
    action='extend',
    metavar='ROLE',
    help='change only this role and keep the other tracks note for note; '
    f'one of {", ".join(TRACKS)}, or several with commas between them',
  )


def kept(args: argparse.Namespace) -> list[str]:
  """The roles that stay as they are."""
  return [role for role in TRACKS if args.track and role not in args.track]


def read(path: str, bars: tuple[int, int] | None = None) -> midi.Song:
  """The song in a file, or those bars of it.

  Raises:
    UserError: it cannot be read, has not so many bars, or rests in them.
  """
  song = midi.read(path)
  if not bars:
    return song
  first, last = bars
  if last > song.num_bars:
    raise UserError(
      f'{path}: --bars {first}-{last}, but it has {song.num_bars} bars'
    )
  return excerpt(path, song, first, last)


def excerpt(path: str, song: midi.Song, first: int, last: int) -> midi.Song:
  """Those bars of a song, counted from 1.

  Raises:
    UserError: there are notes in others only.
  """
  part = songs.excerpt(song, first - 1, last)
  if song.num_bars and not any(len(t.notes.pitch) for t in part.tracks):
    raise UserError(
      f'{path}: no notes in bars {first}-{last}, expected some; its first is '
      f'in bar {first_bar(song)}'
    )
  return part


def first_bar(song: midi.Song) -> int:
  """The bar in which a song's first note begins, counted from 1."""
  starts = [t.notes.start.min() for t in song.tracks if len(t.notes.start)]
  return 1 + int(min(starts, default=0)) // STEPS_PER_BAR


@contextlib.contextmanager
def about(path: str) -> Iterator[None]:
  """Has the errors on a song name its file."""
  try:
    yield
  except phrases.SongError as error:
    # Its line is of the argument in Python.
    line = str(error).replace('or fill,', 'or --fill,')
    raise UserError(f'{path}: {line}') from error


def stem(path: str) -> str:
  """A file's name without folder and ending."""
  return os.path.splitext(os.path.basename(path))[0]


def name_of(text: str) -> str:
  """A genre's name as part of a file's."""
  return re.sub(r'\W+', '-', text).strip('-')


def finite(value: float) -> float | None:
  """The number, None where it is none, which JSON can say."""
  return float(value) if math.isfinite(value) else None


def whole(least: int, most: int = 2**63 - 1):
  """Parses whole numbers from `least` to `most`."""

  def parse(text: str) -> int:
    is_one = text.removeprefix('-').isdecimal()
    if not is_one or not least <= int(text) <= most:
      bound = f'at least {least}'
      if is_one and int(text) > most:
        bound = f'at most {most}'
      raise argparse.ArgumentTypeError(
        f'{text!r}, expected a whole number, {bound}'
      )
    return int(text)

  return parse


def number(least: float = -math.inf, most: float = math.inf):
  """Parses finite numbers, within bounds if there are any."""

  def parse(text: str) -> float:
    try:
      value = float(text)
    except ValueError:
      value = math.nan
    if not least <= value <= most or math.isinf(value):
      bounds = f', {least:g} ' if least > -math.inf else ''
      bounds += f'to {most:g}' if most < math.inf else 'up' if bounds else ''
      raise argparse.ArgumentTypeError(f'{text!r}, expected a number{bounds}')
    return value

  return parse


def _bars(text: str) -> tuple[int, int]:
  first, dash, last = text.partition('-')
  last = last if dash else first
  if not (
    first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last)
  ):
    raise argparse.ArgumentTypeError(
      f'{text!r}, expected bars such as 9-16, counted from 1'
    )
  return int(first), int(last)


def _roles(text: str) -> list[str]:
  roles = text.split(',')
  for role in roles:
    if role not in TRACKS:
      raise argparse.ArgumentTypeError(
        f'{role!r}, expected one of {", ".join(TRACKS)}'
      )
  return roles
