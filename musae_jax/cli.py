"""The `musae` command: a trained model on MIDI files.

musae inspect IN.mid
musae reconstruct IN.mid OUT.mid --workdir=DIR
"""

import argparse
import itertools
import math
import os
import sys

import numpy as np

from musae_jax import arguments, midi, phrases, pianoroll

_PICTURES = ('.png', '.svg', '.pdf')
# Windows times combinations of tracks that `inspect` looks at one by one.
_MAX_WINDOWS = 20_000


class UserError(ValueError):
  """What the user can mend; one line says what."""


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  args = _parser().parse_args(argv)
  # A track's name may have letters that the terminal has not.
  sys.stdout.reconfigure(errors='replace')
  try:
    for path in (args.png, getattr(args, 'out', None)):
      _check_folder(path)
    args.run(args)
  except BrokenPipeError:  # the reader of our output has seen enough
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
  except (UserError, midi.MidiError, OSError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  return 0


def _parser() -> arguments.Parser:
  parser = arguments.Parser(prog='musae', description='Music with MusAE.')
  commands = parser.add_subparsers(required=True, metavar='COMMAND')

  add = _command(commands, 'inspect', inspect, 'what a model sees in a song')
  add('song', metavar='IN.mid')
  add('--png', type=_picture, metavar='FILE', help='also draw the piano roll')

  add = _command(commands, 'reconstruct', reconstruct,
                 'a whole song through a trained model')  # fmt: skip
  add('song', metavar='IN.mid')
  add('out', metavar='OUT.mid')
  add('--workdir', type=arguments.path, required=True, metavar='DIR',
      help='of a training run')  # fmt: skip
  add('--png', type=_picture, metavar='FILE', help='also draw both piano rolls')
  return parser


def _command(commands, name: str, run, summary: str):
  """Adds a subcommand; returns its `add_argument`."""
  parser = commands.add_parser(name, help=summary, description=summary)
  parser.set_defaults(run=run)
  return parser.add_argument


def _picture(text: str) -> str:
  if not text.lower().endswith(_PICTURES):
    raise argparse.ArgumentTypeError(
      f'{text!r} is no picture; expected a name ending in '
      + ', '.join(_PICTURES)
    )
  return text


def _check_folder(path: str | None) -> None:
  folder = os.path.dirname(path or '') or '.'
  if not os.path.isdir(folder):
    raise UserError(f'{path}: there is no folder {folder}')
  if path and os.path.isdir(path):
    raise UserError(f'{path}: is a folder, expected the name of a file')


def inspect(args) -> None:
  """Prints a song's tracks and roles, and how many phrases pass and why not."""
  song = midi.read(args.song)
  signatures = ', '.join(f'{n}/{d}' for n, d in song.time_signatures)
  print(
    f'{args.song}: {song.num_bars} bars, {song.tempo:.4g} bpm, '
    f'{signatures or "no time signature, so 4/4"}'
  )
  print(f'\n{"role":8} {"program":>7} {"notes":>6}  name')
  for track in sorted(
    song.tracks, key=lambda t: pianoroll.TRACKS.index(t.role)
  ):
    name = ''.join(c if c.isprintable() else ' ' for c in track.name)
    print(
      f'{track.role:8} {track.program:7} {len(track.notes.pitch):6}  {name}'
    )
  if args.png and not song.num_bars:
    raise UserError(f'{args.song}: no notes to draw')
  if args.png:
    _draw(args.png, {args.song: phrases.to_tokens(song)})
  try:
    phrases.check(song)
  except phrases.SongError as error:
    print(f'\nNo phrases: {error}.')
    return
  for num_bars in (2, 16):
    print(f'\n{_phrase_count(song, num_bars)}')


def _phrase_count(song: midi.Song, num_bars: int) -> str:
  """How many phrases of a length a data set would get, and why not more."""
  if song.num_bars < num_bars:
    return f'{num_bars}-bar phrases: none, the song has {song.num_bars} bars'
  by_role = phrases.windows_by_role(song, num_bars)
  num_windows = song.num_bars - num_bars + 1
  choices = math.prod(map(len, by_role.values()))
  lines = [f'{num_windows} windows, {choices} combinations of tracks']
  if num_windows * choices > _MAX_WINDOWS:
    lines[0] += ', too many to count their phrases'
  else:
    num_kept = sum(
      np.logical_and.reduce([track.kept for track in tracks]).sum()
      for tracks in itertools.product(*by_role.values())
    )
    distinct = len(phrases.extract(song, num_bars).tokens)
    lines[0] = (
      f'{distinct} from {lines[0]}: '
      f'{num_windows * choices - num_kept} fall out for silence, '
      f'{num_kept - distinct} are repeats'
    )
  for role, tracks in by_role.items():
    silent = sum(not any(at) for at in zip(*(track.kept for track in tracks)))
    if silent:
      lines.append(
        f'  {role} silent for more than a bar in {silent} of the windows'
      )
  return f'{num_bars}-bar phrases: ' + '\n'.join(lines)


def reconstruct(args) -> None:
  """Writes a song as a trained model gives it back."""
  from musae_jax import checkpoint, editing  # JAX takes a second to import

  song = midi.read(args.song)
  try:
    instrument = editing.load(args.workdir)
    again = instrument.reconstruct(song)
  except phrases.SongError as error:
    raise UserError(f'{args.song}: {error}') from error
  except checkpoint.CheckpointError as error:
    raise UserError(str(error)) from error
  midi.write(args.out, again)
  before = phrases.to_tokens(song)
  after = phrases.to_tokens(again, len(before))
  right = (before == after).mean(0)
  print(
    f'{args.out}: {song.num_bars} bars; right at '
    + ', '.join(
      f'{share:.1%} of timesteps in {track}'
      for track, share in zip(pianoroll.TRACKS, right)
    )
  )
  if args.png:
    _draw(args.png, {'before': before, 'after': after})


def _draw(path: str | os.PathLike, rolls: dict) -> None:
  from musae_jax import plots  # matplotlib takes half a second to import

  plots.save(plots.piano_rolls(rolls), path)


if __name__ == '__main__':
  sys.exit(main())
