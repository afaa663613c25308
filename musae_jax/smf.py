"""Standard MIDI File 1.0: the bytes of a type-1 file.

Written by hand, which takes less than a library does to import, because a
library ends a track at its last note: a bar that ends in silence would be cut
short, and a loop of it limp.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

TICKS_PER_QUARTER = 480
_DRUM_CHANNEL = 9  # General MIDI's tenth
_PITCHED_CHANNELS = [c for c in range(16) if c != _DRUM_CHANNEL]
_MAX_MICROSECONDS = 2**24 - 1  # a quarter's length has three bytes


class Part(NamedTuple):
  """One track of a file; times in ticks, velocities 1..127."""

  name: str
  program: int
  is_drum: bool
  pitch: Integer[np.ndarray, 'n']
  start: Integer[np.ndarray, 'n']
  end: Integer[np.ndarray, 'n']
  velocity: Integer[np.ndarray, 'n']


def encode(
  parts: Sequence[Part],
  tempo: float,
  signatures: Iterable[tuple[int, int]],
  length: int,
) -> bytes:
  """The bytes of a file whose every track is `length` ticks long, or more.

  Its first track has the tempo and the time signatures alone.

  Args:
    parts: drums go to channel 10, the others to one each while there are any.
    tempo: quarters a minute.
    signatures: numerators and denominators, which are powers of two.
    length: in ticks.

  Raises:
    ValueError: a value that MIDI has no bytes for.
  """
  microseconds = min(max(round(60e6 / tempo), 1), _MAX_MICROSECONDS)
  conductor = [(0, 0, _meta(0x51, microseconds.to_bytes(3, 'big')))]
  for numerator, denominator in signatures:
    power = denominator.bit_length() - 1
    conductor.append((0, 0, _meta(0x58, bytes([numerator, power, 24, 8]))))
  tracks = [_track(conductor, length)]
  pitched = 0
  for part in parts:
    channel = _DRUM_CHANNEL
    if not part.is_drum:
      channel = _PITCHED_CHANNELS[pitched % len(_PITCHED_CHANNELS)]
      pitched += 1
    tracks.append(_track(_events(part, channel), length))
  header = [1, len(tracks), TICKS_PER_QUARTER]
  return _chunk(
    b'MThd', b''.join(x.to_bytes(2, 'big') for x in header)
  ) + b''.join(tracks)


def apart(part: Part) -> Part:
  """The part with no note on top of another of its pitch, in order of start.

  A note ends where its pitch is struck again, for MIDI cannot say which of two
  ends; of several struck at once the longest stays. None is without length.
  """
  order = np.lexsort((-part.end, part.start, part.pitch))
  pitch, start, end, velocity = (np.asarray(x)[order] for x in part[3:])
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


def _events(part: Part, channel: int) -> list[tuple[int, int, bytes]]:
  """(tick, rank, message): at one tick the lower rank comes first."""
  found = [
    (0, 0, _meta(0x03, part.name.encode())),
    (0, 0, bytes([0xC0 | channel, _seven_bits(part.program)])),
  ]
  for pitch, start, end, velocity in zip(*(x.tolist() for x in part[3:])):
    pitch, velocity = _seven_bits(pitch), _seven_bits(velocity)
    found.append((start, 2, bytes([0x90 | channel, pitch, velocity])))
    # Before what is struck at the same tick.
    found.append((end, 1, bytes([0x80 | channel, pitch, 64])))
  return found


def _seven_bits(value: int) -> int:
  if not 0 <= value < 128:
    raise ValueError(f'{value} is no value of MIDI, expected 0 to 127')
  return value


def _track(events: list[tuple[int, int, bytes]], length: int) -> bytes:
  now, data = 0, bytearray()
  for tick, _, message in sorted(events, key=lambda event: event[:2]):
    data += _varying(tick - now) + message
    now = tick
  data += _varying(max(length - now, 0)) + _meta(0x2F, b'')
  return _chunk(b'MTrk', bytes(data))


def _meta(kind: int, data: bytes) -> bytes:
  return bytes([0xFF, kind]) + _varying(len(data)) + data


def _chunk(kind: bytes, data: bytes) -> bytes:
  return kind + len(data).to_bytes(4, 'big') + data


def _varying(number: int) -> bytes:
  """Seven bits a byte, the highest first; all but the last have the top bit."""
  found = [number & 127]
  while number := number >> 7:
    found.append(number & 127 | 128)
  return bytes(reversed(found))
