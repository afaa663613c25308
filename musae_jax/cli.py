"""The `musae` command: a trained model on MIDI files.

musae inspect IN.mid
musae reconstruct IN.mid OUT.mid --workdir=DIR
"""

import os
import sys

from musae_jax import arguments, midi, phrases, pianoroll


class UserError(ValueError):
  """What the user can mend; one line says what."""


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  args = _parser().parse_args(argv)
  try:
    args.run(args)
  except (UserError, midi.MidiError, OSError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  return 0


def _parser() -> arguments.Parser:
  parser = arguments.Parser(prog='musae', description='Music with MusAE.')
  commands = parser.add_subparsers(required=True, metavar='COMMAND')

  add = _command(commands, 'inspect', inspect, 'what a model sees in a song')
  add('song', metavar='IN.mid')
  add('--png', metavar='FILE', help='also draw the piano roll')

  add = _command(commands, 'reconstruct', reconstruct,
                 'a whole song through a trained model')  # fmt: skip
  add('song', metavar='IN.mid')
  add('out', metavar='OUT.mid')
  add('--workdir', required=True, metavar='DIR', help='of a training run')
  add('--png', metavar='FILE', help='also draw both piano rolls')
  return parser


def _command(commands, name: str, run, summary: str):
  """Adds a subcommand; returns its `add_argument`."""
  parser = commands.add_parser(name, help=summary, description=summary)
  parser.set_defaults(run=run)
  return parser.add_argument


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
    print(
      f'{track.role:8} {track.program:7} {len(track.notes.pitch):6}  '
      f'{track.name}'
    )
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
  """How many phrases of a length pass, and which roles keep the rest out."""
  passed = len(phrases.extract(song, num_bars).tokens)
  text = f'{num_bars}-bar phrases: {passed}'
  if song.num_bars < num_bars:
    return f'{text}; the song has {song.num_bars} bars'
  by_role = phrases.windows_by_role(song, num_bars)
  num_windows = song.num_bars - num_bars + 1
  text += f', all different, from {num_windows} windows'
  for role, tracks in by_role.items():
    silent = sum(not any(at) for at in zip(*(w.kept for w in tracks)))
    if silent:
      text += (
        f'\n  {silent} windows fall out: {role} silent for more than a bar'
      )
  return text


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
