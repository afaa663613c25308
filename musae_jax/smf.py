"""Standard MIDI File 1.0: notes in ticks to the bytes of a type-1 file.

pretty_midi ends a track at its last note: a bar that ends in silence would be
cut short, and a loop of it limp. It also has times in seconds, where tracks
that stay as they were played are to stay so to the tick. mido, on which it
stands, has neither fault; only who writes imports it.
"""

import collections
import functools
import io
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Integer

from musae_jax import channels

TICKS_PER_QUARTER = 480
PITCH_BEND = 128  # beside the 128 controllers
_PITCHED_CHANNELS = [c for c in range(16) if c != channels.DRUMS]
_NUM_PORTS = 128
_MAX_MICROSECONDS = 2**24 - 1  # a quarter's length has three bytes
MAX_QUARTER = _MAX_MICROSECONDS / 1e6  # in seconds


class Part(NamedTuple):
  """One track of a file; times in ticks, velocities 1..127.

  Attributes:
    moves: of its controllers: time, number or PITCH_BEND, and value.
    channel: that it is to have, from 0; None: one of its own.
  """

  name: str
  program: int
  is_drum: bool
  pitch: Integer[np.ndarray, 'n']
  start: Integer[np.ndarray, 'n']
  end: Integer[np.ndarray, 'n']
  velocity: Integer[np.ndarray, 'n']
  moves: Sequence[tuple[int, int, int]] = ()
  channel: int | None = None


def encode(
  parts: Sequence[Part],
  tempo: float,
  signatures: Iterable[tuple[int, int]],
  length: int,
) -> bytes:
  """The bytes of a file whose every track is `length` ticks long, or more.

  Its first track has the tempo and the time signatures alone.

  Args:
    parts: drums go to channel 10; of the others those that have a channel to
      it, each of the rest to one that is left, and behind the last channel to
      those of another port.
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
  parts = _released(parts, places)
  for part, place, calls in zip(parts, places, _calls(parts, places)):
    file.tracks.append(_track(_events(part, *place, calls), length))
  data = io.BytesIO()
  file.save(file=data)
  return data.getvalue()


def _places(parts: Sequence[Part]) -> list[tuple[int, int]]:
  """Port and channel of each part; of those to be given, first what sounds."""
  taken = {part.channel for part in parts}
  free = (
    (port, channel)
    for port in itertools.cycle(range(_NUM_PORTS))
    for channel in _PITCHED_CHANNELS
    if port or channel not in taken
  )
  places = {}
  for i in sorted(range(len(parts)), key=lambda i: not len(parts[i].pitch)):
    if parts[i].is_drum:
      places[i] = 0, channels.DRUMS
    elif parts[i].channel in _PITCHED_CHANNELS:
      places[i] = 0, parts[i].channel
    else:
      places[i] = next(free)
  return [places[i] for i in range(len(parts))]


def _released(
  parts: Sequence[Part], places: Sequence[tuple[int, int]]
) -> list[Part]:
  """The parts, no note ending another that is struck where it ends.

  It would where a part before has that, of its pitch and channel: players merge
  the parts in their order. Such a note ends a tick early.
  """
  struck, found = set(), []
  for part, place in zip(parts, places):
    ends = zip(part.pitch.tolist(), part.end.tolist())
    early = np.array([(place, *note) in struck for note in ends], bool)
    end = np.maximum(part.end - early, part.start + 1)
    found.append(part._replace(end=end))
    starts = zip(part.pitch.tolist(), part.start.tolist())
    struck.update((place, *note) for note in starts)
  return found


def _calls(
  parts: Sequence[Part], places: Sequence[tuple[int, int]]
) -> list[list[int]]:
  """When each part calls for its program: at 0, and wherever another's holds.

  That is where it has a note behind one of another program on its channel. At
  one tick the order is that of the parts, in which players merge them.
  """
  programs = collections.defaultdict(set)
  for part, place in zip(parts, places):
    programs[place].add(part.program)
  shared = [i for i, place in enumerate(places) if len(programs[place]) > 1]
  moments = [(0, i) for i in shared]
  moments += [(tick, i) for i in shared for tick in parts[i].start.tolist()]
  calls = [[0] for _ in parts]
  holds = {}
  for tick, i in sorted(moments):
    if tick and holds[places[i]] != parts[i].program:
      calls[i].append(tick)
    holds[places[i]] = parts[i].program
  return calls


def apart(part: Part) -> Part:
  """The part with no note on top of another of its pitch, in order of start.

  A note ends where its pitch is struck again, for MIDI cannot say which of two
  ends; of several struck at once the longest stays. None is without length.
  """
  order = np.lexsort((-part.end, part.start, part.pitch))
  pitch, start, end, velocity = (np.asarray(x)[order] for x in part[3:7])
  first = np.ones(len(pitch), bool)
  first[1:] = (pitch[1:] != pitch[:-1]) | (start[1:] != start[:-1])
  pitch, start, end, velocity = (
    x[first] for x in (pitch, start, end, velocity)
  )
  end = np.maximum(end, start + 1)
  follows = pitch[1:] == pitch[:-1]
  end[:-1] = np.where(follows, np.minimum(end[:-1], start[1:]), end[:-1])
  by_start = np.lexsort((pitch, start))
  return part._replace(
    pitch=pitch[by_start],
    start=start[by_start],
    end=end[by_start],
    velocity=velocity[by_start],
  )


def _events(
  part: Part, port: int, channel: int, calls: Sequence[int]
) -> list[tuple[int, int, Any]]:
  """(tick, rank, message): at one tick the lower rank comes first."""
  import mido

  made = functools.partial(mido.Message, channel=channel)
  found = [(0, 0, mido.MetaMessage('track_name', name=part.name))]
  if port:
    found.append((0, 0, mido.MetaMessage('midi_port', port=port)))
  for tick in calls:
    message = made('program_change', program=part.program)
    found.append((tick, 2 if tick else 0, message))
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
