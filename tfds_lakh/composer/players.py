"""The players: each reads its tab and finds pitches for the strokes."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from musae_jax.pianoroll import STEPS_PER_BAR, STEPS_PER_QUARTER, Notes
from tfds_lakh.composer import harmony
from tfds_lakh.composer.harmony import Chord
from tfds_lakh.composer.sheet import Sheet
from tfds_lakh.songbook.notation import DRUMS, Part, Row


class Stroke(NamedTuple):
  """A character of the tab in time: timesteps [start, end)."""

  symbol: str
  start: int
  end: int


def read_tab(
  rows: Sequence[Row], sheet: Sheet, variation: float, rng: random.Random
) -> str:
  """A track's tab from the first bar to the last, a character a timestep.

  The song settles on one of the rows. A bar that varies takes any of the rows
  and settles its open strokes anew.
  """
  song = [_settle(bar, rng) for bar in rng.choice(rows)]
  bars = []
  for column in sheet.columns:
    varies = rng.random() < variation
    bars.append(
      _settle(rng.choice(rows)[column], rng) if varies else song[column]
    )
  return ''.join(bars)


def _settle(bar: str, rng: random.Random) -> str:
  """The bar with each `?` struck like the stroke before, or not: even odds."""
  settled, struck, before = '', 'x', '.'
  for symbol in bar:
    if symbol == '?':
      unstruck = '.' if before in 'x.' else '-'
      symbol = struck if rng.random() < 0.5 else unstruck
    struck = struck if symbol in '.-' else symbol
    settled, before = settled + symbol, symbol
  return settled


def strokes(tab: str) -> list[Stroke]:
  """The strokes of a tab, each with the holds that follow it."""
  found = []
  for step, symbol in enumerate(tab):
    if symbol == '-' and found and found[-1].end == step:
      found[-1] = found[-1]._replace(end=step + 1)
    elif symbol not in '.-':
      found.append(Stroke(symbol, step, step + 1))
  return found


def play_drums(
  part: Part, sheet: Sheet, variation: float, rng: random.Random
) -> Notes:
  """The kit's hits; the last bar is one of bass drum and crash."""
  end = (sheet.num_bars - 1) * STEPS_PER_BAR
  hits = {(end, DRUMS['bd']), (end, DRUMS['cc'])}
  for drum, rows in part.rows.items():
    tab = read_tab(rows, sheet, variation, rng)
    hits |= {(step, DRUMS[drum]) for step in range(end) if tab[step] == 'x'}
  start, pitch = np.array(sorted(hits)).T
  return Notes(pitch, start, start + 1)


class Player:
  """Turns strokes into notes; the last bar is one held stroke."""

  final: str

  def __init__(
    self, part: Part, sheet: Sheet, variation: float, rng: random.Random
  ):
    self.part, self.sheet, self.rng = part, sheet, rng
    self.variation = variation

  def play(self, rows: Sequence[Row]) -> Notes:
    """The notes of the whole song, from the rows of its tab."""
    tab = read_tab(rows, self.sheet, self.variation, self.rng)
    ending = self.final.ljust(STEPS_PER_BAR, '-')
    notes = [
      (pitch, stroke.start, stroke.end)
      for stroke in strokes(tab[:-STEPS_PER_BAR] + ending)
      for pitch in self.pitches(
        stroke, self.sheet.chord(stroke.start, stroke.end)
      )
    ]
    return Notes(*np.array(notes).T)

  def pitches(self, stroke: Stroke, chord: Chord) -> Sequence[int]:
    """What sounds on a stroke, from the lowest pitch up."""
    raise NotImplementedError

  def scale(self, chord: Chord | None = None) -> frozenset[int]:
    """The song's scale, bent to a chord."""
    return harmony.scale(self.sheet.mode, self.sheet.tonic, chord)


class Bassist(Player):
  """Degrees of the chord, walking steps, approaches."""

  final = '1'

  def __init__(self, *args):
    super().__init__(*args)
    self.last = (self.part.low + self.part.high) // 2

  def pitches(self, stroke: Stroke, chord: Chord) -> Sequence[int]:
    """The one note of a stroke."""
    low, high = self.part.low, self.part.high
    if stroke.symbol == 'o':
      pitch = self._walk(chord)
    elif stroke.symbol == 'a':
      target = self._root(self.sheet.following(stroke.end))
      pitch = target + (1 if self.last > target else -1)
    elif stroke.symbol == 'v':
      pitch = self._root(chord) + chord.degree(5) - 12
    else:
      pitch = self._root(chord) + chord.degree(int(stroke.symbol))
    self.last = pitch + 12 * (pitch < low) - 12 * (pitch > high)
    return (self.last,)

  def _root(self, chord: Chord) -> int:
    """The chord's root in the bass's lower octave, near the last note."""
    low = self.part.low
    return harmony.nearest(self.last, {chord.root}, low, low + 12)

  def _walk(self, chord: Chord) -> int:
    """A note of the scale, a step or two from the last."""
    goal = self.last + self.rng.choice((-3, -2, 2, 3))
    others = self.scale(chord) - {self.last % 12}
    return harmony.nearest(goal, others, self.part.low, self.part.high)


class Harmonist(Player):
  """Guitar and strings: chords, their single voices, and a melody.

  A melody has a contour for each motif of the sheet: rungs on a ladder of the
  song's scale, which each bar bends to its own chords.
  """

  final = 'X'

  def __init__(self, *args):
    super().__init__(*args)
    everything = range(self.part.low, self.part.high + 1)
    self.ladder = [p for p in everything if p % 12 in self.scale()]
    self.contours: dict[str, list[int]] = {}
    self.voices: tuple[int, ...] = ()  # of the chord before
    self.bar, self.line = -1, iter(())  # the rungs left of the melody's bar

  def pitches(self, stroke: Stroke, chord: Chord) -> Sequence[int]:
    """The chord, some of its voices, or the melody's next note."""
    part = self.part
    self.voices = harmony.voice(chord, part.voicing, part.low, self.voices)
    if stroke.symbol == 'X':
      return self.voices
    if stroke.symbol == 'x':
      return self.voices[1:]
    if stroke.symbol in 'oO':
      note = self._melody(stroke, chord)
      if stroke.symbol == 'o':
        return (note,)
      third, sixth = note - 3, note - 9
      under = harmony.nearest(third, chord.pitch_classes, sixth, third)
      return under, note
    octave, voice = divmod(int(stroke.symbol) - 1, len(self.voices))
    return (self.voices[voice] + 12 * octave,)

  def _melody(self, stroke: Stroke, chord: Chord) -> int:
    """A chord tone where it is long or on a beat, else a note of the scale."""
    bar, step = divmod(stroke.start, STEPS_PER_BAR)
    if bar != self.bar:
      self.bar, self.line = bar, iter(self._contour(self.sheet.motifs[bar]))
    goal = self.ladder[next(self.line)]
    beat = step % STEPS_PER_QUARTER == 0
    stressed = beat or stroke.end - stroke.start >= STEPS_PER_QUARTER
    classes = chord.pitch_classes if stressed else self.scale(chord)
    return harmony.nearest(goal, classes, self.part.low, self.part.high)

  def _contour(self, motif: str) -> list[int]:
    """The motif's contour; a bar that varies has one of its own."""
    if self.rng.random() < self.variation:
      return self._draw_contour()
    if motif not in self.contours:
      self.contours[motif] = self._draw_contour()
    return self.contours[motif]

  def _draw_contour(self) -> list[int]:
    """Rungs for a bar of melody: steps mostly go on, a leap turns around."""
    rng, top = self.rng, len(self.ladder) - 1
    rung, heading = rng.randint(top // 4, 3 * top // 4), rng.choice((-1, 1))
    contour = []
    for _ in range(STEPS_PER_BAR):
      contour.append(rung)
      leap = rng.random() < self.part.leap
      size = rng.choice((2, 3, 4) if leap else (0, 1, 1, 1))
      if not 0 <= rung + heading * size <= top:
        heading = -heading
      rung = min(max(rung + heading * size, 0), top)
      if leap or rng.random() < 0.3:
        heading = -heading
    return contour
