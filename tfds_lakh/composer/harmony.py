"""Chords from roman numerals, the scale under a chord, and voice leading."""

import re
from collections.abc import Sequence, Set
from typing import NamedTuple

MODES = {
  'major': (0, 2, 4, 5, 7, 9, 11),
  'mixolydian': (0, 2, 4, 5, 7, 9, 10),
  'dorian': (0, 2, 3, 5, 7, 9, 10),
  'minor': (0, 2, 3, 5, 7, 8, 10),
  'phrygian': (0, 1, 3, 5, 7, 8, 10),
  'pentatonic': (0, 2, 4, 7, 9),
  'minor pentatonic': (0, 3, 5, 7, 10),
  'blues': (0, 3, 5, 6, 7, 10),
}

NUMERALS = {'i': 0, 'ii': 2, 'iii': 4, 'iv': 5, 'v': 7, 'vi': 9, 'vii': 11}

# Semitones above the root; the numeral's case picks the column.
QUALITIES = {
  #         I                 i
  '': ((0, 4, 7), (0, 3, 7)),
  '6': ((0, 4, 7, 9), (0, 3, 7, 9)),
  '7': ((0, 4, 7, 10), (0, 3, 7, 10)),
  'maj7': ((0, 4, 7, 11), (0, 3, 7, 11)),
  '9': ((0, 4, 7, 10, 14), (0, 3, 7, 10, 14)),
  'maj9': ((0, 4, 7, 11, 14), (0, 3, 7, 11, 14)),
  'sus4': ((0, 5, 7), (0, 5, 7)),
  'dim': ((0, 3, 6), (0, 3, 6)),
  '7b5': ((0, 4, 6, 10), (0, 3, 6, 10)),
}

# Degrees from the lowest voice up, each the next above the one before. Of
# several inversions the voice leading chooses.
VOICINGS = {
  'octaves': ((1, 1),),
  'power': ((1, 5, 1),),
  'open': ((1, 5, 3),),
  'barre': ((1, 5, 1, 3),),
  'sixth': ((3, 1),),
  'triad': ((1, 3, 5), (3, 5, 1), (5, 1, 3)),
  'seventh': ((1, 3, 5, 7), (3, 5, 7, 1), (5, 7, 1, 3), (7, 1, 3, 5)),
  'shell': ((3, 7), (7, 3)),
  'rootless': ((3, 5, 7, 2), (7, 2, 3, 5)),
}


class Chord(NamedTuple):
  """A root (pitch class) and its tones, in semitones above the root."""

  root: int
  tones: tuple[int, ...]

  def degree(self, number: int) -> int:
    """Semitones above the root of a degree: 1 the root, 3 the third, and so on.

    A triad has no seventh: 7 is then the root's octave.
    """
    octave, step = divmod(number - 1, 7)
    seventh = self.tones[3] if len(self.tones) > 3 else 12
    table = (0, 2, self.tones[1], 5, self.tones[2], 9, seventh)
    return 12 * octave + table[step]

  @property
  def pitch_classes(self) -> frozenset[int]:
    """The chord's pitch classes."""
    return frozenset((self.root + tone) % 12 for tone in self.tones)


def chord(symbol: str, tonic: int) -> Chord:
  """The chord a roman numeral names, such as `ii7` or `bVIImaj7`.

  Numerals count from the major scale in every mode: minor is `i bVI bVII`.

  Raises:
    ValueError: the symbol is no numeral, or its quality is unknown.
  """
  match = re.fullmatch(r'([b#]?)([iv]+|[IV]+)(.*)', symbol)
  if not match or match[2].lower() not in NUMERALS or match[3] not in QUALITIES:
    raise ValueError(
      f'chord {symbol!r}: expected a numeral such as ii7 or bVII'
    )
  accidental = {'': 0, 'b': -1, '#': 1}[match[1]]
  root = (tonic + NUMERALS[match[2].lower()] + accidental) % 12
  return Chord(root, QUALITIES[match[3]][match[2].islower()])


def progression(text: str, tonic: int) -> list[tuple[Chord, Chord]]:
  """Bars of two half-bar chords from text like `I vi ii7.V7 I`."""
  bars = []
  for bar in text.split():
    halves = [chord(symbol, tonic) for symbol in bar.split('.')]
    bars.append((halves[0], halves[-1]))
  return bars


def scale(mode: str, tonic: int, over: Chord | None = None) -> frozenset[int]:
  """Pitch classes of a mode, bent to fit a chord.

  Where the chord leaves the mode, its own tones replace their neighbours.
  """
  own = frozenset((tonic + step) % 12 for step in MODES[mode])
  if over is None:
    return own
  foreign = over.pitch_classes - own
  clash = {(tone + side) % 12 for tone in foreign for side in (-1, 1)}
  return (own - clash) | over.pitch_classes


def nearest(pitch: int, classes: Set[int], low: int, high: int) -> int:
  """The pitch in [low, high], of one of the classes, nearest to `pitch`."""
  inside = (p for p in range(low, high + 1) if p % 12 in classes)
  return min(inside, key=lambda p: (abs(p - pitch), p))


def voice(
  over: Chord, voicing: str, low: int, previous: Sequence[int] = ()
) -> tuple[int, ...]:
  """Pitches of a chord, ascending, the lowest in [low, low + 12).

  Of the voicing's inversions, the one that moves the voices least and stays
  near the middle of its register.
  """

  def build(degrees):
    if len(over.tones) == 3 and 1 in degrees:  # no seventh beside the root
      degrees = [degree for degree in degrees if degree != 7]
    first, *others = (over.root + over.degree(degree) for degree in degrees)
    pitches = [low + (first - low) % 12]
    for tone in others:
      above = pitches[-1] + 1
      pitches.append(above + (tone - above) % 12)
    return tuple(pitches)

  def motion(pitches):
    moved = sum(abs(a - b) for a, b in zip(pitches, previous))
    return moved + abs(pitches[0] - low - 5) / 2

  return min(map(build, VOICINGS[voicing]), key=motion)
