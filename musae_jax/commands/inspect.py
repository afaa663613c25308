"""Shows what a model sees in a song: which track plays which role.

Also how many phrases of the song a data set would get, and why not more. Needs
no model. Programs are counted from 1; in JSON from 0, as MIDI counts them.
"""

import argparse
import itertools
import math

import numpy as np

from musae_jax import midi, phrases, pianoroll
from musae_jax.commands import output, shared
from musae_jax.errors import UserError

# Windows times combinations of tracks that are looked at one by one.
_MAX_WINDOWS = 20_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Declares the arguments."""
  shared.add_song(parser)
  output.add_pictures(parser)


def run(args: argparse.Namespace) -> shared.Said:
  """Returns a song's tracks and roles, and how many phrases pass and why."""
  # A quarter of a second, which the other commands need not wait for.
  from pretty_midi import program_to_instrument_name

  song = midi.read(args.song)
  signatures = ', '.join(f'{n}/{d}' for n, d in song.time_signatures)
  lines = [
    f'{args.song}: {song.num_bars} bars, {song.tempo:.4g} bpm, '
    f'{signatures or "no time signature, so 4/4"}',
    f'\n{"role":8} {"notes":>6}  {"program":26} name',
  ]
  facts = {
    'bars': song.num_bars,
    'bpm': song.tempo,
    'time_signatures': song.time_signatures,
    'tracks': [],
  }
  for track in sorted(
    song.tracks, key=lambda t: pianoroll.TRACKS.index(t.role)
  ):
    name = ''.join(c if c.isprintable() else ' ' for c in track.name)
    count = len(track.notes.pitch)
    # As musicians count, and the lines on roles that are missing.
    instrument = program_to_instrument_name(track.program)
    program = '' if track.is_drum else f'{track.program + 1} {instrument}'
    lines.append(f'{track.role:8} {count:6}  {program:26} {name}'.rstrip())
    facts['tracks'].append(
      {
        'role': track.role,
        'program': track.program,
        'program_name': None if track.is_drum else instrument,
        'notes': count,
        'name': track.name,
      }
    )
  if (args.png or args.wav) and not song.num_bars:
    raise UserError(f'{args.song}: no notes in it, expected some')
  shown = output.show(args, {args.song: phrases.to_tokens(song)}, song)
  try:
    phrases.check(song)
  except phrases.SongError as error:
    lines.append(f'\nNo phrases for a data set: {error}.')
    facts['no_phrases'] = str(error)
  else:
    lines += [f'\n{_phrase_count(song, num_bars)}' for num_bars in (2, 16)]
  return shared.Said('\n'.join(lines + shown), facts)


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
