"""Songs from rules: harmony worked out by hand, the tab, songs, genres."""

import itertools

import numpy as np
import pytest

from musae_jax import midi, phrases
from musae_jax.pianoroll import (
  HOLD,
  NUM_PITCHES,
  SILENCE,
  STEPS_PER_BAR,
  TRACKS,
  encode,
)
from tfds_lakh.composer import GENRES, compose, harmony, players, sheet
from tfds_lakh.songbook import STYLES, notation

SONGS_PER_GENRE = 8


@pytest.fixture(scope='module')
def songs():
  """Songs of every genre: {genre: [song of seed 0, song of seed 1, ...]}."""
  return {
    genre: [compose(genre, seed, bars=24) for seed in range(SONGS_PER_GENRE)]
    for genre in GENRES
  }


def tokens_of(song):
  """The song's four tracks as tokens [T, 4]; of two guitars the first."""
  tokens = np.full((song.num_bars * STEPS_PER_BAR, 4), SILENCE, np.uint8)
  for track in reversed(song.tracks):
    index = TRACKS.index(track.role)
    tokens[:, index] = encode(track.notes, len(tokens), track.is_drum)
  return tokens


def longest_silence(tokens):
  changes = np.flatnonzero(np.diff(tokens == SILENCE, prepend=0, append=0))
  return np.diff(changes)[::2].max(initial=0)


def pitches_at(track, start):
  return sorted(track.notes.pitch[track.notes.start == start])


# Harmony.


def test_chords_of_a_key():
  d_minor_7 = harmony.chord('ii7', tonic=0)
  assert d_minor_7.root == 2
  assert d_minor_7.pitch_classes == {2, 5, 9, 0}
  assert harmony.chord('bVIImaj7', tonic=2) == (0, (0, 4, 7, 11))
  assert [d_minor_7.degree(n) for n in (1, 3, 5, 7, 8, 10)] == [
    0, 3, 7, 10, 12, 15,
  ]  # fmt: skip


@pytest.mark.parametrize('symbol', ['H', 'iI', 'Imaj13', 'viii', ''])
def test_unknown_chords_are_named(symbol):
  with pytest.raises(ValueError, match='expected a numeral'):
    harmony.chord(symbol, 0)


def test_progression_splits_bars():
  bars = harmony.progression('ii7.V7 I', tonic=0)
  assert [(a.root, b.root) for a, b in bars] == [(2, 7), (0, 0)]


def test_voice_leading_moves_least():
  """C major in root position to F major over C: C stays, E-F, G-A."""
  c = harmony.voice(harmony.chord('I', 0), 'triad', 55, (60, 64, 67))
  assert c == (60, 64, 67)
  assert harmony.voice(harmony.chord('IV', 0), 'triad', 55, c) == (60, 65, 69)
  assert harmony.voice(harmony.chord('IV', 0), 'power', 40) == (41, 48, 53)
  seventh = harmony.voice(harmony.chord('I', 0), 'seventh', 55, c)
  assert seventh == c  # a triad doubles nothing


def test_two_guitars_differ(songs):
  pairs = [
    [track.notes for track in song.tracks if track.role == 'guitar']
    for song in itertools.chain.from_iterable(songs.values())
  ]
  pairs = [pair for pair in pairs if len(pair) == 2]
  assert pairs
  for one, two in pairs:
    assert set(zip(*one)) != set(zip(*two))


def test_scale_bends_to_the_chord():
  """A major in C: C sharp comes in, its neighbours C and D go."""
  a_major = harmony.chord('VI', 0)
  assert harmony.scale('major', 0, a_major) == {1, 4, 5, 7, 9, 11}
  assert harmony.scale('major', 0, harmony.chord('vi', 0)) == {
    0, 2, 4, 5, 7, 9, 11,
  }  # fmt: skip


# The tab.


def test_strokes_hold_and_rest():
  assert players.strokes('1--.-v-o') == [('1', 0, 3), ('v', 5, 7), ('o', 7, 8)]


def test_a_tied_note_belongs_to_the_chord_it_ties_into():
  c, f = harmony.chord('I', 0), harmony.chord('IV', 0)
  song = sheet.Sheet(0, 'major', (0, 0), ('Aa', 'Ab'), (c,) * 16 + (f,) * 16)
  assert song.chord(14, 16) == c
  assert song.chord(14, 18) == f
  assert song.following(14) == f


@pytest.mark.parametrize(
  'line, fault',
  [
    ('bd |x...|%|%|%|', 'expected 16'),
    ('bd |x..1............|%|%|%|', 'expected 16'),
    ('tuba |1...............|%|%|%|', 'expected a track'),
    ('bass |1...............|%|%|', 'expected a track and four bars'),
  ],
)
def test_misprints_are_named(line, fault):
  part = notation.part(33, low=30, high=40)
  with pytest.raises(ValueError, match=fault):
    notation.style(
      'polka', tempo=(90, 90), mode='major', verse='I', chorus='I',
      cadence='V I', variation=0, bass=part, guitar=part, strings=part,
      tab=f'call answer chorus fill\n{line}',
    )  # fmt: skip


def test_every_style_can_be_played():
  assert len(set(GENRES)) == 32
  for style in STYLES.values():
    assert style.mode in harmony.MODES
    for text in (*style.verse, *style.chorus, style.cadence):
      harmony.progression(text, 0)
    for track in TRACKS[1:]:
      part = style.parts[track]
      song = midi.Track('', part.programs[0], False, None)
      assert song.role == track, (style.name, track)
      assert part.voicing in harmony.VOICINGS
      assert part.low + 12 <= part.high
      assert len(part.rows[track]) > 1


# Songs.


def test_songs_are_what_the_model_takes(songs):
  quartets = 0
  for genre, own in songs.items():
    low, high = STYLES[genre].tempo
    for song in own:
      phrases.check(song)
      assert song.time_signatures == ((4, 4),)
      assert song.num_bars == 24
      assert low <= song.tempo <= high
      roles = [track.role for track in song.tracks]
      assert roles[:3] == ['drums', 'bass', 'guitar']
      quartets += roles == list(TRACKS)
      for track in song.tracks:
        pitch, start, end = track.notes
        assert 24 <= pitch.min() and pitch.max() < 108
        assert (start < end).all() and end.max() <= 24 * STEPS_PER_BAR
  count = sum(map(len, songs.values()))
  assert 0.8 * count < quartets < count


def test_no_track_falls_silent(songs):
  """Not for more than a bar, but for strings that miss the introduction."""
  for genre, own in songs.items():
    for song in own:
      for track in song.tracks:
        tokens = encode(track.notes, 24 * STEPS_PER_BAR, track.is_drum)
        if track.role == 'strings' and track.notes.start.min() >= 32:
          tokens = tokens[track.notes.start.min() :]
        assert longest_silence(tokens) <= 16, (genre, track.role)


def test_songs_end_on_the_cadence():
  """The chord of the last bar, its root in the bass, under every voice."""
  for genre, style in STYLES.items():
    song = compose(genre, 3, bars=8)
    _, bass, *others = song.tracks
    (root,) = pitches_at(bass, 7 * STEPS_PER_BAR)
    last = harmony.chord(style.cadence.split()[-1], tonic=0)
    tonic = (root - last.root) % 12
    final = harmony.chord(style.cadence.split()[-1], tonic)
    for track in others:
      voices = pitches_at(track, 7 * STEPS_PER_BAR)
      ninth = (final.root + 2) % 12
      assert {p % 12 for p in voices} <= final.pitch_classes | {ninth}


def test_a_song_is_its_arguments():
  song = compose('rock', 7)
  again = compose('rock', 7)
  other = compose('rock', 8)
  np.testing.assert_array_equal(tokens_of(song), tokens_of(again))
  shape = min(song.num_bars, other.num_bars) * STEPS_PER_BAR
  assert (tokens_of(song)[:shape] != tokens_of(other)[:shape]).mean() > 0.1


def test_an_influence_lends_one_part():
  """Bluegrass has a shaker throughout, and shares no sound with metal."""
  metal = STYLES['metal'].parts
  lent = []
  for seed in range(30):
    drums, *others = compose('bluegrass', seed, 8, ['metal']).tracks
    roles = {t.role for t in others if t.program in metal[t.role].programs}
    shaker = notation.DRUMS['sh'] in drums.notes.pitch
    lent.append(roles if shaker else roles | {'drums'})
  assert max(map(len, lent)) == 1
  assert set.union(*lent) == set(TRACKS)


@pytest.mark.parametrize(
  'arguments, fault', [(('polka', 0), 'polka'), (('rock', 0, 3), 'bars 3')]
)
def test_compose_names_the_fault(arguments, fault):
  with pytest.raises(ValueError, match=fault):
    compose(*arguments)


# Genres.


def statistics(tokens):
  """Of each track: density, holds, pitch and beat of its onsets; [20]."""
  values = []
  for track in tokens.T:
    step = np.flatnonzero(track < NUM_PITCHES)
    pitch = track[step].astype(float)
    if not len(step):
      values += [0] * 5
      continue
    on_beat = (step % 4 == 0).mean()
    values += [len(step) / len(track), (track == HOLD).mean()]
    values += [pitch.mean(), pitch.std(), on_beat]
  return values


def test_genres_are_separable(songs):
  """The nearest centroid names the genre of songs it has not seen.

  Seeds 0 to 3 are fitted, 4 to 7 tested: all 128 are right; chance is 4 of 128.
  """
  table = np.array(
    [[statistics(tokens_of(s)) for s in songs[g]] for g in songs]
  )
  seen, unseen = np.split(table, 2, axis=1)
  spread = seen.std(axis=1).mean(axis=0) + 1e-3
  centroids = seen.mean(axis=1) / spread
  distances = np.abs(unseen[:, :, None] / spread - centroids).sum(axis=-1)
  right = distances.argmin(axis=-1) == np.arange(32)[:, None]
  assert right.mean() > 0.9
  assert right.any(axis=1).all()
