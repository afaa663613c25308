"""How a genre is written down: a few words of harmony and a tab.

A tab has a row for each drum and for each other track, and four columns of one
bar: the verse's call and its answer, the chorus, and the fill that closes a
section. One character is a 16th note; `%` repeats the bar to its left.

    .  rest    -  hold    ?  perhaps strike again (each song decides)

    drums             x  hit
    bass              1-9  degree of the chord    v  the fifth below the root
                      o  step of a walking line   a  approach to the next root
    guitar, strings   X  the chord                x  all but its lowest voice
                      1-9  one voice, counted from the lowest and past the top
                      o  note of the melody       O  the same, harmonised below

A track written on several rows offers them as alternatives. A hold at the start
of a bar ties the note over, and a tied note belongs to the chord it ties into.
"""

from typing import NamedTuple

COLUMNS = ('call', 'answer', 'chorus', 'fill')

DRUMS = {
  'bd': 36,  # bass drum
  'ss': 37,  # side stick
  'sd': 38,  # snare drum
  'cp': 39,  # hand clap
  'ft': 41,  # floor tom
  'ch': 42,  # closed hi-hat
  'ph': 44,  # pedal hi-hat
  'lt': 45,  # low tom
  'oh': 46,  # open hi-hat
  'mt': 48,  # mid tom
  'cc': 49,  # crash cymbal
  'ht': 50,  # high tom
  'rd': 51,  # ride cymbal
  'cn': 52,  # china cymbal
  'rb': 53,  # ride bell
  'tb': 54,  # tambourine
  'cb': 56,  # cowbell
  'hb': 60,  # high bongo
  'lb': 61,  # low bongo
  'mc': 62,  # mute conga
  'oc': 63,  # open conga
  'lc': 64,  # low conga
  'ti': 65,  # timbale
  'ag': 67,  # agogo
  'sh': 70,  # shaker
  'cl': 75,  # claves
}

SYMBOLS = {
  'drums': 'x?.',
  'bass': '123456789voa-?.',
  'guitar': 'Xx123456789oO-?.',
  'strings': 'Xx123456789oO-?.',
}

Row = tuple[str, str, str, str]  # one bar for each of COLUMNS


class Part(NamedTuple):
  """What one track plays: its sounds, its register and its rows of the tab."""

  programs: tuple[int, ...] = (0,)
  low: int = 0  # lowest pitch; of a chord, of its lowest voice
  high: int = 127  # highest pitch of a single line
  voicing: str = 'triad'  # one of harmony.VOICINGS
  leap: float = 0.2  # share of a melody's moves wider than a step
  rows: dict[str, tuple[Row, ...]] = {}


class Style(NamedTuple):
  """One genre. Each progression has one roman numeral, or two, a bar."""

  name: str
  tempo: tuple[int, int]  # beats per minute, slowest and fastest
  mode: str  # one of harmony.MODES
  verse: tuple[str, ...]  # alternatives, one for each song
  chorus: tuple[str, ...]
  cadence: str  # the last two bars
  variation: float  # chance that a track leaves its pattern for a bar
  parts: dict[str, Part]  # drums, bass, guitar, strings


def part(*programs: int, low: int, high: int, **more) -> Part:
  """A pitched part, its rows still to come from the tab."""
  return Part(programs, low, high, **more)


def style(
  name: str,
  *,
  tempo: tuple[int, int],
  mode: str,
  verse: str,
  chorus: str,
  cadence: str,
  variation: float,
  bass: Part,
  guitar: Part,
  strings: Part,
  tab: str,
) -> Style:
  """A genre from its tables; `/` separates alternative progressions.

  Raises:
    ValueError: a row of the tab cannot be read.
  """
  parts = dict(drums=Part(), bass=bass, guitar=guitar, strings=strings)
  rows = {track: {} for track in parts}
  header, *lines = tab.strip().splitlines()
  if tuple(header.split()) != COLUMNS:
    raise ValueError(f'{name}: expected the columns {COLUMNS}, got {header!r}')
  for line in lines:
    track, label, row = _read_row(name, line)
    rows[track][label] = rows[track].get(label, ()) + (row,)
  parts = {k: p._replace(rows=rows[k]) for k, p in parts.items()}
  verses, choruses = (
    tuple(part.strip() for part in text.split('/')) for text in (verse, chorus)
  )
  return Style(name, tempo, mode, verses, choruses, cadence, variation, parts)


def _read_row(name: str, line: str) -> tuple[str, str, Row]:
  """The track, the label and the four bars of one line of a tab."""
  label, *bars = (cell.strip() for cell in line.strip().strip('|').split('|'))
  track = 'drums' if label in DRUMS else label
  for index, bar in enumerate(bars):
    if bar == '%' and index:
      bars[index] = bars[index - 1]
  if track not in SYMBOLS or len(bars) != len(COLUMNS):
    raise ValueError(f'{name}: expected a track and four bars, got {line!r}')
  if any(len(bar) != 16 or set(bar) - set(SYMBOLS[track]) for bar in bars):
    raise ValueError(f'{name}: expected 16 of {SYMBOLS[track]}, got {line!r}')
  return track, label, tuple(bars)
