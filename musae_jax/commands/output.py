"""Where music goes: MIDI files, and pictures and sound of them."""

import argparse
import os
from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8

from musae_jax import arguments, midi, songs
from musae_jax.errors import UserError

MIDI = ('.mid', '.midi')
_PICTURES = ('.png', '.svg', '.pdf')

Rolls = Mapping[str, UInt8[np.ndarray, 't 4']]


def add_out(parser: argparse.ArgumentParser, required: bool = True) -> None:
  """Declares OUT.mid and --out, --png and --wav."""
  parser.add_argument(
    'place', nargs='?', metavar='OUT.mid', help='the same as --out'
  )
  parser.add_argument(
    '--out',
    type=arguments.path,
    metavar='OUT',
    help='the file to write, its name ending in .mid; or a folder, in which '
    'names are chosen',
  )
  parser.set_defaults(out_required=required)
  add_pictures(parser)


def add_pictures(parser: argparse.ArgumentParser) -> None:
  """Declares --png and --wav."""
  parser.add_argument(
    '--png',
    type=_ending(_PICTURES, 'picture'),
    metavar='FILE',
    help='also draw the piano roll',
  )
  parser.add_argument(
    '--wav',
    type=_ending(('.wav',), 'sound'),
    metavar='FILE',
    help='also write how it sounds: by FluidSynth where it is installed, else '
    'in plain tones',
  )


def check(args: argparse.Namespace) -> None:
  """Passes arguments to whose places can be written; before the work is done.

  Raises:
    UserError: there is no such folder, no place was given, or it is a song's.
  """
  asked = vars(args)
  args.sources = [asked.get('song'), asked.get('other'), asked.get('model')]
  for path in (args.png, args.wav):
    check_file(path)
    check_source(args, path)
  if not hasattr(args, 'place'):
    return
  if args.place and args.out:
    raise UserError(
      f'{args.place} and --out {args.out}, expected one place for the music'
    )
  args.out = args.out or args.place
  if args.out is None:
    if args.out_required:
      raise UserError('no place for the music, expected OUT.mid or --out')
    return
  check_source(args, args.out)
  if not is_folder(args.out):
    check_file(args.out)
    if not args.out.lower().endswith(MIDI):
      raise UserError(
        f'{args.out}: expected a name ending in .mid, or a folder'
      )
  elif not os.path.isdir(args.out):
    check_file(args.out.rstrip(os.sep))
    if os.path.exists(args.out):
      raise UserError(
        f'{args.out}: is a file; expected a name ending in .mid, or a folder'
      )


def is_folder(out: str) -> bool:
  """Whether a place is a folder, or to become one: its name has no ending."""
  return os.path.isdir(out) or not os.path.splitext(out)[1]


def write(args: argparse.Namespace, name: str, song: midi.Song) -> list[str]:
  """Writes a song where it was asked for; returns the file, in a list."""
  path = args.out
  if is_folder(path):
    os.makedirs(path, exist_ok=True)
    path = os.path.join(path, f'{name}.mid')
    check_source(args, path)
  midi.write(path, song)
  return [path]


def write_all(
  args: argparse.Namespace, name: str, found: list[midi.Song], num_bars: int
) -> list[str]:
  """Writes songs to a file each, or one after another to one file.

  Args:
    args: whose `out` is a folder, or a file.
    name: of files in a folder, which are numbered.
    found: songs with the same tracks.
    num_bars: of each at most.

  Returns:
    The files.
  """
  if not is_folder(args.out):
    return write(args, name, songs.one_after_another(found, num_bars))
  digits = len(str(len(found)))
  return [
    path
    for i, song in enumerate(found, 1)
    for path in write(args, f'{name}-{i:0{digits}}', song)
  ]


def where(args: argparse.Namespace, paths: list[str]) -> str:
  """Says where songs were written: the file, or the folder and how many."""
  return paths[0] if len(paths) == 1 else f'{args.out}: {len(paths)} files'


def show(args: argparse.Namespace, rolls: Rolls, song: midi.Song) -> list[str]:
  """Draws the rolls and renders the song where asked; returns lines on it."""
  lines = []
  if args.png:
    from musae_jax import plots  # matplotlib takes half a second to import

    draw = plots.strip if len(rolls) > 2 else plots.piano_rolls
    plots.save(draw(rolls), args.png)
    lines.append(f'{args.png}: the piano roll')
  if args.wav:
    from musae_jax import audio

    lines.append(f'{args.wav}: by {audio.write(args.wav, song)}')
  return lines


def check_source(args: argparse.Namespace, place: str | None) -> None:
  """Passes a place, if any, that is none of `args.sources`, which are read.

  Raises:
    UserError: it is one of the songs, or the model.
  """
  if not place or not os.path.exists(place):
    return
  for path in args.sources:
    if path and os.path.exists(path) and os.path.samefile(place, path):
      what = 'one of the songs themselves'
      if path == vars(args).get('model'):
        what = 'the model itself'
      raise UserError(f'{place}: is {what}, expected another place')


def check_file(path: str | None) -> None:
  """Passes a path, if any, where a file can be written.

  Raises:
    UserError: there is no such folder, or what is there is no file.
  """
  folder = os.path.dirname(path or '') or '.'
  if not os.path.isdir(folder):
    raise UserError(f'{path}: there is no folder {folder}')
  if path and os.path.isdir(path):
    raise UserError(f'{path}: is a folder, expected the name of a file')
  if path and os.path.exists(path) and not os.path.isfile(path):
    raise UserError(f'{path}: is no ordinary file, expected one')


def _ending(endings: tuple[str, ...], what: str):
  def parse(text: str) -> str:
    if not text.lower().endswith(endings):
      raise argparse.ArgumentTypeError(
        f'{text!r} is no {what}; expected a name ending in '
        + ', '.join(endings)
      )
    return text

  return parse
