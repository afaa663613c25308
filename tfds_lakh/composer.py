"""A style and a seed -> a song: the form first, then one player per track.

The players share a lead sheet and nothing else. Each settles what its tab
leaves open, reads the tab bar by bar, and finds pitches for the strokes.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from musae_jax.midi import Song, Track
from musae_jax.pianoroll import STEPS_PER_BAR, Notes
from tfds_lakh import harmony
from tfds_lakh.harmony import Chord
from tfds_lakh.songbook import STYLES
from tfds_lakh.songbook.notation import (
  COLUMNS,
  DRUMS,
  Part,
  Row,
  Style,
)

GENRES = tuple(STYLES)
BARS = (24, 28, 32, 36, 40)
FORMS = ('AABA', 'ABAB', 'AABB', 'ABAA')
MOTIFS = 'abac'  # the bars of a melody's phrase; 'd' closes the section

TWO_GUITARS = 0.1  # shares of songs
NO_STRINGS = 0.02
STRINGS_WAIT = 0.08  # two bars of introduction

_CALL, _ANSWER, _CHORUS, _FILL = range(len(COLUMNS))


class Sheet(NamedTuple):
  """What all players read: the form bar by bar, the chord of each timestep."""

  tonic: int
  mode: str
  columns: tuple[int, ...]  # of the tab, one a bar
  motifs: tuple[str, ...]  # bars of equal name share a melody's contour
  chords: tuple[Chord, ...]

  def chord(self, start: int, end: int) -> Chord:
    """The chord a note belongs to: the one it ties into, if it does.

    That is the chord one beat after its attack, or where it ends before.
    """
    return self.chords[min(start + 4, end - 1)]

  def following(self, end: int) -> Chord:
    """The chord that begins where a note ends, or with the next half bar."""
    return self.chords[min(-(-end // 8) * 8, len(self.chords) - 1)]


class Stroke(NamedTuple):
  """A character of the tab in time: timesteps [start, end)."""

  symbol: str
  start: int
  end: int


def compose(
  genre: str,
  seed: int,
  bars: int | None = None,
  influences: Sequence[str] = (),
) -> Song:
  """A song of one genre; the same arguments always give the same song.

  Args:
    genre: one of `GENRES`; its harmony, tempo and most of its parts.
    seed: key, progressions, form, patterns, sounds, melody.
    bars: length, at least 4; by default drawn from `BARS`.
    influences: other genres; each lends one part (drums, bass, guitar or
      strings) of its own.

  Raises:
    ValueError: an unknown genre, or too few bars.
  """
  for name in (genre, *influences):
    if name not in STYLES:
      raise ValueError(f'genre {name!r}: expected one of {", ".join(GENRES)}')
  rng = random.Random('/'.join((genre, str(seed), *influences)))
  bars = rng.choice(BARS) if bars is None else bars
  if bars < 4:
    raise ValueError(f'bars {bars}: expected at least 4')
  style = STYLES[genre]
  sheet = write_sheet(style, bars, rng)
  parts = dict(style.parts)
  for lender, track in zip(influences, rng.sample(list(parts), len(parts))):
    parts[track] = STYLES[lender].parts[track]
  return Song(
    tracks=tuple(_play_tracks(parts, sheet, style.variation, rng)),
    tempo=float(rng.randint(*style.tempo)),
  )


def _play_tracks(parts, sheet, variation, rng):
  """Yields the band's tracks, in the order of `pianoroll.TRACKS`."""
  notes = play_drums(parts['drums'], sheet, variation, rng)
  yield Track('drums', 0, True, notes)
  guitars = 2 if rng.random() < TWO_GUITARS else 1
  tracks = ['bass', *['guitar'] * guitars]
  tracks += ['strings'] if rng.random() >= NO_STRINGS else []
  for track in tracks:
    part = parts[track]
    player = Bassist if track == 'bass' else Player
    notes = player(part, sheet, rng).play(track, variation)
    if track == 'strings' and rng.random() < STRINGS_WAIT:
      later = notes.start >= 2 * STEPS_PER_BAR
      notes = Notes(*(field[later] for field in notes))
    yield Track(track, rng.choice(part.programs), False, notes)


def write_sheet(style: Style, bars: int, rng: random.Random) -> Sheet:
  """The lead sheet: key, verse and chorus in turn, a cadence to end on."""
  tonic = rng.randrange(12)
  sections = {
    'A': harmony.progression(rng.choice(style.verse), tonic),
    'B': harmony.progression(rng.choice(style.chorus), tonic),
  }
  columns, motifs, chords = [], [], []
  form = rng.choice(FORMS)
  while len(columns) < bars:
    letter = form[0]
    form = form[1:] + letter
    progression = sections[letter]
    length = max(8, len(progression))
    for bar in range(length):
      last = bar == length - 1
      plain = _CHORUS if letter == 'B' else (_CALL, _ANSWER)[bar % 2]
      columns.append(_FILL if last else plain)
      motifs.append(letter + ('d' if last else MOTIFS[bar % len(MOTIFS)]))
      chords.append(progression[bar % len(progression)])
  cadence = harmony.progression(style.cadence, tonic)
  chords = chords[: bars - len(cadence)] + cadence
  steps = [chord for halves in chords for chord in halves for _ in range(8)]
  return Sheet(
    tonic, style.mode, tuple(columns[:bars]), tuple(motifs[:bars]), tuple(steps)
  )


def read_tab(
  rows: Sequence[Row], sheet: Sheet, variation: float, rng: random.Random
) -> str:
  """One track's tab for the whole song, a character for each timestep.

  The song settles on one of the rows. A bar may vary: it takes any of the rows
  and settles the open strokes anew. The last bar only holds its first stroke.
  """
  favourite = rng.choice(rows)
  settled = [_settle(bar, rng) for bar in favourite]
  bars = []
  for column in sheet.columns:
    if rng.random() < variation:
      bars.append(_settle(rng.choice(rows)[column], rng))
    else:
      bars.append(settled[column])
  return ''.join(bars)


def _settle(bar: str, rng: random.Random) -> str:
  """The bar with each `?` struck again or not, at even odds."""
  settled, struck, before = '', 'x', '.'
  for symbol in bar:
    if symbol == '?':
      quiet = '.' if before == '.' or struck == 'x' else '-'
      symbol = struck if rng.random() < 0.5 else quiet
    if symbol not in '.-':
      struck = symbol
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
  """The drum kit's hits; the song ends on a bass drum and a crash."""
  end = (len(sheet.columns) - 1) * STEPS_PER_BAR
  hits = {(end, DRUMS['bd']), (end, DRUMS['cc'])}
  for drum, rows in part.rows.items():
    tab = read_tab(rows, sheet, variation, rng)
    hits |= {(i, DRUMS[drum]) for i in range(end) if tab[i] == 'x'}
  start, pitch = np.array(sorted(hits)).T
  return Notes(pitch, start, start + 1)


class Player:
  """Guitar and strings: chords, their single voices, and a melody."""

  final = 'X'  # the stroke that ends the song

  def __init__(self, part: Part, sheet: Sheet, rng: random.Random):
    self.part, self.sheet, self.rng = part, sheet, rng
    self.voicing: tuple[int, ...] = ()
    self.ladder = [
      pitch
      for pitch in range(part.low, part.high + 1)
      if pitch % 12 in harmony.scale(sheet.mode, sheet.tonic)
    ]
    self.contours: dict[str, list[int]] = {}
    self.bar, self.note = -1, 0  # of the melody: its bar, its note there

  def play(self, track: str, variation: float) -> Notes:
    """The notes of the whole song."""
    tab = read_tab(self.part.rows[track], self.sheet, variation, self.rng)
    tab = tab[:-STEPS_PER_BAR] + self.final + '-' * (STEPS_PER_BAR - 1)
    varied = {
      bar
      for bar in range(len(self.sheet.columns))
      if self.rng.random() < variation
    }
    notes = [
      (pitch, stroke.start, stroke.end)
      for stroke in strokes(tab)
      for pitch in self.pitches(stroke, stroke.start // 16 in varied)
    ]
    return Notes(*np.array(notes).T)

  def pitches(self, stroke: Stroke, varied: bool) -> Sequence[int]:
    """What sounds on a stroke of the tab."""
    chord = self.sheet.chord(stroke.start, stroke.end)
    self.voicing = harmony.voice(
      chord, self.part.voicing, self.part.low, self.voicing
    )
    if stroke.symbol == 'X':
      return self.voicing
    if stroke.symbol == 'x':
      return self.voicing[1:]
    if stroke.symbol.isdigit():
      octave, index = divmod(int(stroke.symbol) - 1, len(self.voicing))
      return (self.voicing[index] + 12 * octave,)
    note = self.melody(stroke, chord, varied)
    if stroke.symbol == 'O':
      under = harmony.nearest(note - 5, chord.pitch_classes, note - 9, note - 3)
      return (under, note)
    return (note,)

  def melody(self, stroke: Stroke, chord: Chord, varied: bool) -> int:
    """The melody's next note.

    Long notes and those on a beat belong to the chord, others to its scale.
    """
    bar, step = divmod(stroke.start, STEPS_PER_BAR)
    if bar != self.bar:
      motif = self.sheet.motifs[bar]
      known = self.contours.setdefault(motif, self._contour())
      self.line = self._contour() if varied else known
      self.bar, self.note = bar, 0
    goal = self.ladder[self.line[self.note]]
    self.note += 1
    if step % 4 == 0 or stroke.end - stroke.start >= 4:
      classes = chord.pitch_classes
    else:
      classes = harmony.scale(self.sheet.mode, self.sheet.tonic, chord)
    return harmony.nearest(goal, classes, self.part.low, self.part.high)

  def _contour(self) -> list[int]:
    """A bar's melodic line: for each of its notes a rung of the ladder.

    Steps mostly go on as they went; a leap is followed by a turn.
    """
    top = len(self.ladder) - 1
    rung = self.rng.randint(top // 4, 3 * top // 4)
    heading = self.rng.choice((-1, 1))
    line = []
    for _ in range(STEPS_PER_BAR):
      line.append(rung)
      leap = self.rng.random() < self.part.leap
      size = self.rng.choice((2, 3, 4)) if leap else self.rng.choice((0, 1, 1))
      if not 0 <= rung + heading * size <= top:
        heading = -heading
      rung = min(max(rung + heading * size, 0), top)
      if leap or self.rng.random() < 0.3:
        heading = -heading
    return line


class Bassist(Player):
  """The bass: degrees of the chord, walking steps, approaches."""

  final = '1'

  def __init__(self, part: Part, sheet: Sheet, rng: random.Random):
    super().__init__(part, sheet, rng)
    self.last = (part.low + part.high) // 2

  def pitches(self, stroke: Stroke, varied: bool) -> Sequence[int]:
    """The one note of a stroke of the tab."""
    chord = self.sheet.chord(stroke.start, stroke.end)
    following = self.sheet.following(stroke.end)
    low, high = self.part.low, self.part.high
    root = harmony.nearest(self.last, frozenset({chord.root}), low, low + 12)
    if stroke.symbol == 'v':
      pitch = root + chord.degree(5) - 12
    elif stroke.symbol == 'a':
      target = harmony.nearest(
        self.last, frozenset({following.root}), low, low + 12
      )
      pitch = target + (1 if self.last > target else -1)
    elif stroke.symbol == 'o':
      pitch = self._walk(chord)
    else:
      pitch = root + chord.degree(int(stroke.symbol))
    pitch += 12 * (pitch < low) - 12 * (pitch > high)
    self.last = pitch
    return (pitch,)

  def _walk(self, chord: Chord) -> int:
    """A scale note a step or two from the last one."""
    classes = harmony.scale(self.sheet.mode, self.sheet.tonic, chord)
    move = self.rng.choice((-3, -2, 2, 3))
    low, high = self.part.low, self.part.high
    return harmony.nearest(
      self.last + move, classes - {self.last % 12}, low, high
    )
