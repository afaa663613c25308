"""The lead sheet: what all players of a song read, and nothing they decide."""

import random
from typing import NamedTuple

from musae_jax.pianoroll import STEPS_PER_BAR
from tfds_lakh.composer import harmony
from tfds_lakh.composer.harmony import Chord
from tfds_lakh.songbook.notation import COLUMNS, Style

FORMS = ('AABA', 'ABAB', 'AABB', 'ABAA')  # A the verse, B the chorus
SECTION = 8  # bars; or as long as its progression, such as a twelve-bar blues
MOTIFS = 'abac'  # the bars of a melodic phrase; 'd' closes the section
HALF_BAR = STEPS_PER_BAR // 2

_CALL, _ANSWER, _CHORUS, _FILL = range(len(COLUMNS))


class Sheet(NamedTuple):
  """Key and mode, the form bar by bar, and the chord of each timestep."""

  tonic: int
  mode: str
  columns: tuple[int, ...]  # of the tab
  motifs: tuple[str, ...]  # bars of equal name share a melody's contour
  chords: tuple[Chord, ...]

  @property
  def num_bars(self) -> int:
    """Bars of the song."""
    return len(self.columns)

  def chord(self, start: int, end: int) -> Chord:
    """The chord a note belongs to: the one it ties into, if it does.

    That is the chord one beat after its attack, or where it ends before.
    """
    return self.chords[min(start + 4, end - 1)]

  def following(self, end: int) -> Chord:
    """The chord that begins where a note ends, or with the next half bar."""
    return self.chords[
      min(-(-end // HALF_BAR) * HALF_BAR, len(self.chords) - 1)
    ]


def write_sheet(style: Style, bars: int, rng: random.Random) -> Sheet:
  """A lead sheet: key, verse and chorus in turn, a cadence to end on."""
  tonic = rng.randrange(12)
  progressions = {
    'A': harmony.progression(rng.choice(style.verse), tonic),
    'B': harmony.progression(rng.choice(style.chorus), tonic),
  }
  form = rng.choice(FORMS)
  columns, motifs, halves = [], [], []
  while len(columns) < bars:
    letter, form = form[0], form[1:] + form[0]
    progression = progressions[letter]
    length = max(SECTION, len(progression))
    for bar in range(length):
      closing = bar == length - 1
      plain = _CHORUS if letter == 'B' else (_CALL, _ANSWER)[bar % 2]
      columns.append(_FILL if closing else plain)
      motifs.append(letter + ('d' if closing else MOTIFS[bar % len(MOTIFS)]))
      halves += progression[bar % len(progression)]
  cadence = harmony.progression(style.cadence, tonic)
  halves = halves[: 2 * (bars - len(cadence))] + [h for b in cadence for h in b]
  return Sheet(
    tonic=tonic,
    mode=style.mode,
    columns=tuple(columns[:bars]),
    motifs=tuple(motifs[:bars]),
    chords=tuple(chord for chord in halves for _ in range(HALF_BAR)),
  )
