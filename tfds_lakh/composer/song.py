"""A genre and a seed -> a song."""

import random
from collections.abc import Iterator, Sequence

from musae_jax.midi import Song, Track
from musae_jax.pianoroll import STEPS_PER_BAR, Notes
from tfds_lakh.composer.players import Bassist, Harmonist, play_drums
from tfds_lakh.composer.sheet import Sheet, write_sheet
from tfds_lakh.songbook import STYLES
from tfds_lakh.songbook.notation import Part

GENRES = tuple(STYLES)  # in the ring's order
BARS = (24, 28, 32, 36, 40)
MIN_BARS = 4

# Shares of songs that are not the plain quartet.
TWO_GUITARS = 0.1
NO_STRINGS = 0.02
STRINGS_WAIT = 0.08  # for the introduction's two bars


def compose(
  genre: str,
  seed: int,
  bars: int | None = None,
  influences: Sequence[str] = (),
) -> Song:
  """A song of one genre; the same arguments always give the same song.

  Args:
    genre: one of `GENRES`; its harmony, its tempo and the parts not lent.
    seed: of the key, the progressions, the form, the patterns, the sounds and
      the melody.
    bars: length; by default one of `BARS`.
    influences: up to four other genres; each lends one part of its own, be it
      the drums, the bass, the guitar or the strings.

  Raises:
    ValueError: an unknown genre, or too few bars.
  """
  for name in (genre, *influences):
    if name not in STYLES:
      raise ValueError(f'genre {name!r}: expected one of {", ".join(GENRES)}')
  if bars is not None and bars < MIN_BARS:
    raise ValueError(f'bars {bars}: expected at least {MIN_BARS}')
  rng = random.Random('/'.join((genre, str(seed), *influences)))
  style = STYLES[genre]
  sheet = write_sheet(style, bars or rng.choice(BARS), rng)
  parts = dict(style.parts)
  for lender, track in zip(influences, rng.sample(list(parts), len(parts))):
    parts[track] = STYLES[lender].parts[track]
  tracks = tuple(_play(parts, sheet, style.variation, rng))
  return Song(tracks, tempo=float(rng.randint(*style.tempo)))


def _play(
  parts: dict[str, Part], sheet: Sheet, variation: float, rng: random.Random
) -> Iterator[Track]:
  """The band's tracks, in the order of `pianoroll.TRACKS`."""
  drums = play_drums(parts['drums'], sheet, variation, rng)
  yield Track('drums', 0, True, drums)

  def track(name, player, rows=slice(None)):
    part = parts[name]
    notes = player(part, sheet, variation, rng).play(part.rows[name][rows])
    return Track(name, rng.choice(part.programs), False, notes)

  yield track('bass', Bassist)
  if rng.random() < TWO_GUITARS:
    yield track('guitar', Harmonist, slice(1))
    yield track('guitar', Harmonist, slice(1, None))
  else:
    yield track('guitar', Harmonist)
  if rng.random() < NO_STRINGS:
    return
  strings = track('strings', Harmonist)
  if rng.random() < STRINGS_WAIT:
    later = strings.notes.start >= 2 * STEPS_PER_BAR
    strings = strings._replace(notes=Notes(*(f[later] for f in strings.notes)))
  yield strings
