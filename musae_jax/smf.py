"""Standard MIDI File 1.0: notes in ticks to the bytes of a type-1 file.

pretty_midi ends a track at its last note: a bar that ends in silence would be
cut short, and a loop of it limp. It also has times in seconds, where tracks
that stay as they were played are to stay so to the tick. mido, on which it
stands, has neither fault; only who writes imports it.
"""

import functools
import io
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Integer

TICKS_PER_QUARTER = 480
PITCH_BEND = 128  # beside the 128 controllers
_DRUM_CHANNEL = 9  # General MIDI's tenth
_PITCHED_CHANNELS = [c for c in range(16) if c != _DRUM_CHANNEL]
_NUM_PORTS = 9  # for 128 programs
_MAX_MICROSECONDS = 2**24 - 1  # a quarter's length has three bytes


class Part(NamedTuple):
  """One track of a file; times in ticks, velocities 1..127.

  Attributes:
    moves: of its controllers: time, number or PITCH_BEND, and value.
  """

  name: str
  program: int
  is_drum: bool
  pitch: Integer[np.ndarray, 'n']
  start: Integer[np.ndarray, 'n']
  end: Integer[np.ndarray, 'n']
  velocity: Integer[np.ndarray, 'n']
  moves: Sequence[tuple[int, int, int]] = ()


def encode(
  parts: Sequence[Part],
  tempo: float,
  signatures: Iterable[tuple[int, int]],
  length: int,
) -> bytes:
  """The bytes of a file whose every track is `length` ticks long, or more.

  Its first track has the tempo and the time signatures alone.

  Args:
    parts: drums go to channel 10, the others to one each while there are any;
      then those of one program share one, and behind 15 programs another port
      begins, with channels of its own.
    tempo: quarters a minute.
    signatures: numerators and denominators, which are powers of two.
    length: in ticks.

  Raises:
    ValueError: a value that MIDI has no bytes for.
  """
  import mido

  if not 0 < tempo < math.inf:
    raise ValueError(f'tempo is {tempo}, expected a number above 0')
  microseconds = min(max(round(60e6 / tempo), 1), _MAX_MICROSECONDS)
  conductor = [mido.MetaMessage('set_tempo', tempo=microseconds)]
  for numerator, denominator in signatures:
    conductor.append(
      mido.MetaMessage(
        'time_signature', numerator=numerator, denominator=denominator
      )
    )
  file = mido.MidiFile(ticks_per_beat=TICKS_PER_QUARTER, charset='utf-8')
  file.tracks.append(_track([(0, 0, message) for message in conductor], length))
  places = _places(parts)
  parts = _apart_in_each(places, parts)
  for part, (port, channel) in zip(parts, places):
    file.tracks.append(_track(_events(part, port, channel), length))
  data = io.BytesIO()
  file.save(file=data)
  return data.getvalue()


def _places(parts: Sequence[Part]) -> list[tuple[int, int]]:
  """Port and channel of each part."""
  pitched = sum(not part.is_drum for part in parts)
  one_each = pitched <= len(_PITCHED_CHANNELS)
  free = itertools.product(range(_NUM_PORTS), _PITCHED_CHANNELS)
  taken: dict[int, tuple[int, int]] = {}
  places = []
  for i, part in enumerate(parts):
    if part.is_drum:
      places.append((0, _DRUM_CHANNEL))
      continue
    key = i if one_each else part.program
    if key not in taken:
      taken[key] = next(free)
    places.append(taken[key])
  return places


def _apart_in_each(places: Sequence, parts: Sequence[Part]) -> list[Part]:
  """The parts, with no note on top of another of its place and pitch."""
  found = list(parts)
  for place in dict.fromkeys(places):
    rows = [i for i, other in enumerate(places) if other == place]
    for i, part in zip(rows, apart([parts[i] for i in rows])):
      found[i] = part
  return found


def apart(parts: Sequence[Part]) -> list[Part]:
  """Parts of one channel, with no note on top of another of its pitch.

  A note ends where its pitch is struck again, for MIDI cannot say which of two
  ends; of several struck at once the longest stays. None is without length.
  They are in order of start.
  """
  counts = [len(part.pitch) for part in parts]
  whose = np.repeat(np.arange(len(parts)), counts)
  columns = [np.concatenate(x) for x in zip(*(part[3:7] for part in parts))]
  pitch, start, end, _ = columns
  order = np.lexsort((-end, start, pitch))
  whose, pitch, start, end, velocity = (x[order] for x in (whose, *columns))
  first = np.ones(len(pitch), bool)
  first[1:] = (pitch[1:] != pitch[:-1]) | (start[1:] != start[:-1])
  whose, pitch, start, end, velocity = (
    x[first] for x in (whose, pitch, start, end, velocity)
  )
  end = np.maximum(end, start + 1)
  follows = pitch[1:] == pitch[:-1]
  end[:-1] = np.where(follows, np.minimum(end[:-1], start[1:]), end[:-1])
  by_start = np.lexsort((pitch, start))
  found = []
  for i, part in enumerate(parts):
    own = by_start[whose[by_start] == i]
    pitched = (x[own] for x in (pitch, start, end, velocity))
    found.append(part._replace(**dict(zip(Part._fields[3:7], pitched))))
  return found


def _events(part: Part, port: int, channel: int) -> list[tuple[int, int, Any]]:
  """(tick, rank, message): at one tick the lower rank comes first."""
  import mido

  made = functools.partial(mido.Message, channel=channel)
  found = [
    (0, 0, mido.MetaMessage('track_name', name=part.name)),
    (0, 0, made('program_change', program=part.program)),
  ]
  if port:
    found.insert(1, (0, 0, mido.MetaMessage('midi_port', port=port)))
  for time, number, value in part.moves:
    if number == PITCH_BEND:
      message = made('pitchwheel', pitch=value)
    else:
      message = made('control_change', control=number, value=value)
    found.append((time, 1, message))
  for pitch, start, end, velocity in zip(*(x.tolist() for x in part[3:7])):
    found.append((start, 3, made('note_on', note=pitch, velocity=velocity)))
    # Before what is struck at the same tick.
    found.append((end, 2, made('note_off', note=pitch)))
  return found


def _track(events: list[tuple[int, int, Any]], length: int) -> list[Any]:
  import mido

  now, track = 0, mido.MidiTrack()
  for tick, _, message in sorted(events, key=lambda event: event[:2]):
    message.time, now = tick - now, tick
    track.append(message)
  track.append(mido.MetaMessage('end_of_track', time=max(length - now, 0)))
  return track
