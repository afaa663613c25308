"""Song <-> pypianoroll's Multitrack, for exchange with other tools.

pypianoroll marks which frames sound, not where notes begin, so it joins notes
of one pitch that touch. At six frames a timestep with the last one left empty
nothing is joined, and what goes out comes back.
"""

import numpy as np
import pypianoroll

from musae_jax.midi import Song, Track
from musae_jax.pianoroll import (
  NUM_PITCHES,
  STEPS_PER_BAR,
  STEPS_PER_QUARTER,
  Notes,
  quantize,
)

_FRAMES_PER_STEP = 6
_VELOCITY = 96


def to_pypianoroll(song: Song) -> pypianoroll.Multitrack:
  """The song at 24 frames a quarter; overlapping notes of one pitch join."""
  # A frame at least: the tempo is kept frame by frame.
  frames = max(1, song.num_bars * STEPS_PER_BAR * _FRAMES_PER_STEP)
  return pypianoroll.Multitrack(
    resolution=STEPS_PER_QUARTER * _FRAMES_PER_STEP,
    tempo=np.full((frames, 1), song.tempo),
    tracks=[
      pypianoroll.StandardTrack(
        track.name, track.program, track.is_drum, _frames(track.notes, frames)
      )
      for track in song.tracks
    ],
  )


def _frames(notes: Notes, num_frames: int):
  roll = np.zeros((num_frames, NUM_PITCHES), np.uint8)
  pitch, start, end = notes
  length = (end - start) * _FRAMES_PER_STEP - 1
  before = np.cumsum(length) - length
  frame = np.arange(length.sum()) + np.repeat(
    start * _FRAMES_PER_STEP - before, length
  )
  roll[frame, np.repeat(pitch, length)] = _VELOCITY
  return roll


def from_pypianoroll(multitrack: pypianoroll.Multitrack) -> Song:
  """The song, at any resolution; tracks without notes are left out.

  The tempo is the first frame's, 120 bpm where the file has none; the time
  signature is 4/4, since pypianoroll keeps none.
  """
  tracks = (
    Track(
      track.name or '',
      int(track.program),
      bool(track.is_drum),
      _notes(track.pianoroll, multitrack.resolution),
    )
    for track in multitrack.tracks
  )
  tempo = multitrack.tempo
  return Song(
    tuple(track for track in tracks if len(track.notes.pitch)),
    120.0 if tempo is None or not len(tempo) else float(np.ravel(tempo)[0]),
  )


def _notes(roll, resolution: int) -> Notes:
  sounds = np.pad(np.asarray(roll) > 0, ((1, 1), (0, 0))).astype(np.int8)
  change = np.diff(sounds, axis=0).T
  pitch, start = np.nonzero(change > 0)
  _, end = np.nonzero(change < 0)
  start, end = quantize(start, resolution), quantize(end, resolution)
  order = np.lexsort((pitch, start))
  end = np.maximum(end, start + 1)
  return Notes(pitch[order], start[order], end[order])
