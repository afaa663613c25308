"""MIDI file <-> tracks of notes: roles, programs, tempo.

symusic reads; pretty_midi, 400 times slower, is the oracle of the tests.
"""

import os
import pathlib
import stat
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

from musae_jax import channels, files, smf
from musae_jax.errors import UserError
from musae_jax.pianoroll import (
  STEPS_PER_BAR,
  STEPS_PER_QUARTER,
  Notes,
  quantize,
)

MAX_BARS = 10_000  # five hours at 120 bpm
MAX_BYTES = 16 << 20
_VELOCITY = 96


class MidiError(UserError):
  """A file that cannot be used: one line with the file and what is wrong.

  Attributes:
    reason: the kind of fault in a few words, the same for all such files.
    detail: more of it, or nothing.
  """

  def __init__(self, path, reason: str, detail: str = ''):
    self.path, self.reason, self.detail = path, reason, detail
    super().__init__(f'{path}: {reason}{detail and f" ({detail})"}')

  def __reduce__(self):
    return MidiError, (self.path, self.reason, self.detail)


class Played(NamedTuple):
  """How notes stand in a file, which the grid of timesteps does not say.

  Times in 480ths of a quarter; velocities 1..127.
  """

  start: Integer[np.ndarray, 'n']
  end: Integer[np.ndarray, 'n']
  velocity: Integer[np.ndarray, 'n']


class Moves(NamedTuple):
  """How a track's controllers move in a file, in order of time.

  Times as those of `Played`; numbers of controllers, smf.PITCH_BEND for that;
  values 0..127, of the bend -8192..8191.
  """

  time: Integer[np.ndarray, 'm']
  number: Integer[np.ndarray, 'm']
  value: Integer[np.ndarray, 'm']


class Track(NamedTuple):
  """One instrument: General MIDI program 0..127, notes in timesteps.

  Attributes:
    played: the same notes as the file had them; None for those made here.
    moves: of its controllers in the file; None for tracks made here.
    channel: that it has in the file, from 0; None for tracks made here.
  """

  name: str
  program: int
  is_drum: bool
  notes: Notes
  played: Played | None = None
  moves: Moves | None = None
  channel: int | None = None

  @property
  def role(self) -> str:
    """Which of `pianoroll.TRACKS` it plays (the paper, section 4.1)."""
    if self.is_drum:
      return 'drums'
    if 32 <= self.program < 40:
      return 'bass'
    return 'guitar' if self.program < 32 else 'strings'


class Song(NamedTuple):
  """Tracks that sound, one tempo in bpm, the time signatures as written.

  Attributes:
    least_bars: how long it is at least, where it may end in silence.
  """

  tracks: tuple[Track, ...]
  tempo: float = 120.0
  time_signatures: tuple[tuple[int, int], ...] = ((4, 4),)
  least_bars: int = 0

  @property
  def num_bars(self) -> int:
    """Bars of 16 timesteps up to the last note's end, or `least_bars`."""
    ends = [track.notes.end.max(initial=0) for track in self.tracks]
    sounding = -(-int(max(ends, default=0)) // STEPS_PER_BAR)
    return max(sounding, self.least_bars)


def read(path) -> Song:
  """The song in a MIDI file; tracks without notes are left out.

  The tempo is the one that holds for most of the song (120 bpm where none is
  set). What is not UTF-8 in a track's name is replaced by U+FFFD.

  Raises:
    MidiError: unreadable, not MIDI, broken, or unreasonably long or large.
  """
  try:
    status = os.stat(os.fsdecode(path))
  # A zero byte in the path is a value.
  except (OSError, ValueError, TypeError) as error:
    reason = getattr(error, 'strerror', None) or str(error)
    raise MidiError(path, 'cannot be opened', reason) from None
  try:
    if not stat.S_ISREG(status.st_mode):
      raise MidiError(path, 'not a file')
    if status.st_size > MAX_BYTES:
      detail = f'{status.st_size} bytes, at most {MAX_BYTES} expected'
      raise MidiError(path, 'file too large', detail)
    score, channel_of = channels.read(
      pathlib.Path(os.fsdecode(path)).read_bytes()
    )
  except OSError as error:
    raise MidiError(path, 'cannot be opened', error.strerror) from None
  except RuntimeError as error:
    detail = str(error).removeprefix('MiniMidi: ').splitlines()[0]
    raise MidiError(path, 'not a readable MIDI file', detail) from None
  if score.tpq <= 0:
    raise MidiError(path, 'not a readable MIDI file', 'zero ticks per quarter')
  song = Song(
    tracks=tuple(
      _track(track, score.tpq, channel)
      for track, channel in zip(score.tracks, channel_of)
      if len(track.notes)
    ),
    time_signatures=tuple(
      (s.numerator, s.denominator) for s in score.time_signatures
    ),
  )
  if song.num_bars > MAX_BARS:
    detail = f'{song.num_bars} bars, at most {MAX_BARS} expected'
    raise MidiError(path, 'song too long', detail)
  return song._replace(tempo=_prevailing_tempo(score, song.num_bars))


def _track(track, ticks_per_quarter: int, channel: int | None) -> Track:
  def scaled(ticks):
    return ticks.astype(np.int64) * smf.TICKS_PER_QUARTER // ticks_per_quarter

  columns = track.notes.numpy()
  start = columns['time'].astype(np.int64)
  end = start + columns['duration']
  velocity = columns['velocity'].astype(np.int64)
  played = Played(scaled(start), scaled(end), velocity)
  start = quantize(start, ticks_per_quarter)
  end = np.maximum(quantize(end, ticks_per_quarter), start + 1)
  pitch = columns['pitch'].astype(np.int64)
  notes = Notes(pitch, start, end)
  moves = _moves(track)
  moves = moves._replace(time=scaled(moves.time))
  about = track.name, track.program, track.is_drum
  return Track(*about, notes, played, moves, channel)


def _moves(track) -> Moves:
  """Those of a file's track, in its ticks."""
  controls, bends = track.controls.numpy(), track.pitch_bends.numpy()
  bent = np.full(len(bends['time']), smf.PITCH_BEND)
  columns = (
    (controls['time'], bends['time']),
    (np.minimum(controls['number'], 127), bent),
    (np.minimum(controls['value'], 127), np.clip(bends['value'], -8192, 8191)),
  )
  time, number, value = (np.concatenate(x).astype(np.int64) for x in columns)
  order = np.argsort(time, kind='stable')
  return Moves(time[order], number[order], value[order])


def _prevailing_tempo(score, num_bars: int) -> float:
  if not len(score.tempos):
    return 120.0
  columns = score.tempos.numpy()
  end = num_bars * STEPS_PER_BAR * score.tpq // STEPS_PER_QUARTER
  ticks = np.minimum(np.append(columns['time'], end), end)
  tempos, which = np.unique(columns['mspq'], return_inverse=True)
  held = np.bincount(which, weights=np.diff(ticks))
  return 60e6 / max(int(tempos[held.argmax()]), 1)


def write(path, song: Song) -> None:
  """Writes a type-1 MIDI file; same song, same bytes. Renamed into place.

  Whole bars long. A track without a name is named after its role. Tracks that
  were read from a file and not changed since keep their timing, velocities,
  controllers and channels.
  """
  if not isinstance(path, str | os.PathLike):
    raise UserError(f'path {path!r}, expected that of a file')
  files.write(path, to_bytes(song))


def to_bytes(song: Song) -> bytes:
  """What `write` writes."""
  ticks = smf.TICKS_PER_QUARTER // STEPS_PER_QUARTER
  length = song.num_bars * STEPS_PER_BAR * ticks
  parts = [smf.apart(_part(track, ticks, length)) for track in song.tracks]
  return smf.encode(parts, song.tempo, song.time_signatures, length)


def _part(track: Track, ticks_per_step: int, length: int) -> smf.Part:
  pitch, start, end = track.notes
  velocity = np.full(len(pitch), _VELOCITY)
  if track.played:
    start, end, velocity = track.played
    end = np.minimum(end, length)  # a late release would begin another bar
  else:
    start, end = start * ticks_per_step, end * ticks_per_step
  moves = zip(*(x.tolist() for x in track.moves)) if track.moves else ()
  moves = [move for move in moves if move[0] < length]
  about = track.name or track.role, track.program, track.is_drum
  return smf.Part(*about, pitch, start, end, velocity, moves, track.channel)
