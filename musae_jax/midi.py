"""MIDI file <-> tracks of notes: roles, programs, tempo.

symusic reads (pretty_midi, 400 times slower, is the oracle of the tests);
pretty_midi writes.
"""

import os
import pathlib
import stat
import tempfile
from typing import NamedTuple

import numpy as np
import symusic

from musae_jax.pianoroll import (
  STEPS_PER_BAR,
  STEPS_PER_QUARTER,
  Notes,
  quantize,
)

MAX_BARS = 10_000  # five hours at 120 bpm
MAX_BYTES = 16 << 20
_TICKS_PER_QUARTER = 480
_VELOCITY = 96


class MidiError(ValueError):
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


class Track(NamedTuple):
  """One instrument: General MIDI program 0..127, notes in timesteps."""

  name: str
  program: int
  is_drum: bool
  notes: Notes

  @property
  def role(self) -> str:
    """Which of `pianoroll.TRACKS` it plays (the paper, section 4.1)."""
    if self.is_drum:
      return 'drums'
    if 32 <= self.program < 40:
      return 'bass'
    return 'guitar' if self.program < 32 else 'strings'


class Song(NamedTuple):
  """Tracks that sound, one tempo in bpm, the time signatures as written."""

  tracks: tuple[Track, ...]
  tempo: float = 120.0
  time_signatures: tuple[tuple[int, int], ...] = ((4, 4),)

  @property
  def num_bars(self) -> int:
    """Bars of 16 timesteps up to the last note's end."""
    ends = [track.notes.end.max(initial=0) for track in self.tracks]
    return -(-int(max(ends, default=0)) // STEPS_PER_BAR)


def read(path) -> Song:
  """The song in a MIDI file; tracks without notes are left out.

  The tempo is the one that holds for most of the song (120 bpm where none is
  set). What is not UTF-8 in a track's name is replaced by U+FFFD.

  Raises:
    MidiError: unreadable, not MIDI, broken, or unreasonably long or large.
  """
  try:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
      raise MidiError(path, 'not a file')
    if status.st_size > MAX_BYTES:
      detail = f'{status.st_size} bytes, at most {MAX_BYTES} expected'
      raise MidiError(path, 'file too large', detail)
    score = symusic.Score.from_midi(pathlib.Path(path).read_bytes())
  except OSError as error:
    raise MidiError(path, 'cannot be opened', error.strerror) from None
  except RuntimeError as error:
    detail = str(error).removeprefix('MiniMidi: ').splitlines()[0]
    raise MidiError(path, 'not a readable MIDI file', detail) from None
  if score.tpq <= 0:
    raise MidiError(path, 'not a readable MIDI file', 'zero ticks per quarter')
  song = Song(
    tracks=tuple(_track(t, score.tpq) for t in score.tracks if len(t.notes)),
    time_signatures=tuple(
      (s.numerator, s.denominator) for s in score.time_signatures
    ),
  )
  if song.num_bars > MAX_BARS:
    detail = f'{song.num_bars} bars, at most {MAX_BARS} expected'
    raise MidiError(path, 'song too long', detail)
  return song._replace(tempo=_prevailing_tempo(score, song.num_bars))


def _track(track, ticks_per_quarter: int) -> Track:
  columns = track.notes.numpy()
  start = columns['time'].astype(np.int64)
  end = start + columns['duration']
  start = quantize(start, ticks_per_quarter)
  end = np.maximum(quantize(end, ticks_per_quarter), start + 1)
  pitch = columns['pitch'].astype(np.int64)
  notes = Notes(pitch, start, end)
  return Track(track.name, track.program, track.is_drum, notes)


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
  """Writes a type-1 MIDI file; same song, same bytes. Renamed into place."""
  import pretty_midi  # slow to import, and the readers never need it

  # pretty_midi truncates to whole microseconds: a quarter of one keeps them.
  microseconds = round(60e6 / song.tempo) + 0.25
  midi = pretty_midi.PrettyMIDI(
    resolution=_TICKS_PER_QUARTER,
    initial_tempo=60e6 / microseconds,
    charset='utf-8',
  )
  midi.time_signature_changes = [
    pretty_midi.TimeSignature(*signature, 0)
    for signature in song.time_signatures
  ]
  seconds = microseconds / 1e6 / STEPS_PER_QUARTER
  for track in song.tracks:
    instrument = pretty_midi.Instrument(
      track.program, track.is_drum, track.name
    )
    instrument.notes = [
      pretty_midi.Note(_VELOCITY, int(pitch), start * seconds, end * seconds)
      for pitch, start, end in zip(*track.notes, strict=True)
    ]
    midi.instruments.append(instrument)
  directory = os.path.dirname(os.path.abspath(path))
  with tempfile.NamedTemporaryFile(dir=directory, delete=False) as file:
    try:
      midi.write(file)
      file.close()
      os.chmod(file.name, 0o644)
      os.replace(file.name, path)
    except BaseException:
      os.unlink(file.name)
      raise
