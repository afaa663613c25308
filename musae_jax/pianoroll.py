"""The 130-token grid: notes <-> tokens, transposition.

A phrase is `uint8[T, 4]`: per timestep (a sixteenth) and track one of 128
pitch attacks, a hold or a silence (the paper, section 3.1). Everything here is
vectorised numpy, but for `transpose`, which also takes JAX arrays.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Integer, UInt8

TRACKS = ('drums', 'bass', 'guitar', 'strings')
DRUMS = TRACKS.index('drums')
STEPS_PER_QUARTER = 4
STEPS_PER_BAR = 16
NUM_PITCHES = 128
HOLD = 128
SILENCE = 129
NUM_TOKENS = 130


class Notes(NamedTuple):
  """Notes of one track: MIDI pitch, and start and end in timesteps."""

  pitch: Integer[np.ndarray, 'n']
  start: Integer[np.ndarray, 'n']
  end: Integer[np.ndarray, 'n']


def quantize(ticks, ticks_per_quarter: int):
  """The nearest timestep of each tick; halves go up. Integers throughout."""
  ticks = np.asarray(ticks, np.int64)
  steps = ticks * 2 * STEPS_PER_QUARTER + ticks_per_quarter
  return steps // (2 * ticks_per_quarter)


def encode(
  notes: Notes, num_steps: int, one_shot: bool = False
) -> UInt8[np.ndarray, 't']:
  """The tokens of one track's first `num_steps` timesteps.

  Of several notes at once the lowest sounds. A note lasts at least one
  timestep; struck again, or resumed after a lower one covered it, it is a new
  attack; sounding before timestep 0, it is attacked there.

  Args:
    notes: in any order, overlapping as they may.
    num_steps: length of the result.
    one_shot: drums: a hit takes one timestep, whatever its length.
  """
  pitch, start, end = (np.asarray(field, np.int64) for field in notes)
  end = np.maximum(end, start + 1)
  if one_shot:
    end = start + 1
  # Later paint covers: low over high, late over early, long over short.
  order = np.lexsort((end, start, -pitch))
  pitch, start = pitch[order], np.maximum(start, 0)[order]
  length = np.maximum(np.minimum(end, num_steps)[order] - start, 0)
  first = np.cumsum(length) - length
  painted = np.arange(length.sum()) + np.repeat(start - first, length)
  owner = np.full(num_steps, -1)
  owner[painted] = np.repeat(np.arange(len(pitch)), length)
  tokens = np.append(pitch, SILENCE)[owner]
  tokens[1:][(owner[1:] == owner[:-1]) & (owner[1:] >= 0)] = HOLD
  return tokens.astype(np.uint8)


def decode(tokens: UInt8[np.ndarray, 't']) -> Notes:
  """The notes of one track, by start; a hold of nothing is silence."""
  start = np.flatnonzero(tokens < NUM_PITCHES)
  steps = np.where(tokens == HOLD, len(tokens), np.arange(len(tokens)))
  next_change = np.minimum.accumulate(np.append(steps, len(tokens))[::-1])[::-1]
  return Notes(tokens[start].astype(np.int64), start, next_change[start + 1])


def sounding(
  tokens: UInt8[np.ndarray, 't *tracks'],
) -> UInt8[np.ndarray, 't *tracks']:
  """The pitch that sounds at each timestep, or SILENCE."""
  steps = np.arange(len(tokens)).reshape(-1, *[1] * (tokens.ndim - 1))
  last = np.maximum.accumulate(np.where(tokens == HOLD, -1, steps), axis=0)
  pitch = np.take_along_axis(tokens, np.maximum(last, 0), axis=0)
  return np.where(last < 0, np.uint8(SILENCE), pitch)


def canonical(
  tokens: UInt8[np.ndarray, 't *n 4'],
) -> UInt8[np.ndarray, 't *n 4']:
  """The tokens as `encode` writes them: no hold of nothing, none in drums."""
  idle = (tokens == HOLD) & (sounding(tokens) == SILENCE)
  idle[..., DRUMS] |= tokens[..., DRUMS] == HOLD
  return np.where(idle, np.uint8(SILENCE), tokens)


def transpose(tokens, semitones):
  """Every pitch but the drums' moved; hold and silence stay.

  A pitch that would leave 0..127 moves by an octave more, the other way.

  Args:
    tokens: uint8[..., T, 4], numpy or JAX.
    semitones: int[...], in -12..12, one for each phrase.
  """
  xp = tokens.__array_namespace__()
  moved = tokens.astype(xp.int32) + semitones[..., None, None]
  moved = moved + 12 * (moved < 0) - 12 * (moved >= NUM_PITCHES)
  pitched = (tokens < NUM_PITCHES) & (xp.arange(len(TRACKS)) != DRUMS)
  return xp.where(pitched, moved.astype(xp.uint8), tokens)
