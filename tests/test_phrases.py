import itertools

import numpy as np
import pytest

from musae_jax import midi, phrases, pianoroll
from musae_jax.pianoroll import HOLD, SILENCE, Notes


def track(program, is_drum, *rows, name=''):
  pitch, start, end = np.array(rows, int).reshape(-1, 3).T
  return midi.Track(name, program, is_drum, Notes(pitch, start, end))


def busy(program, is_drum, bars, pitch, every=4):
  rows = [(pitch + s // 16, s, s + 2) for s in range(0, 16 * bars, every)]
  return track(program, is_drum, *rows)


def song(bars=4, **changed):
  tracks = {
    'drums': busy(0, True, bars, 36),
    'bass': busy(33, False, bars, 40),
    'guitar': busy(25, False, bars, 60),
    'strings': busy(48, False, bars, 72),
  } | changed
  return midi.Song(tuple(t for t in tracks.values() if t is not None))


def extract_by_the_book(song, num_bars):
  """Every combination, every window, one by one."""
  roles, found = phrases.by_role(song), {}
  for choice in itertools.product(*roles.values()):
    for bar in range(song.num_bars - num_bars + 1):
      start, columns = 16 * bar, []
      for chosen in choice:
        # Cut after the whole track is encoded, so that a note's beginning
        # before the window still covers what it covers.
        whole = pianoroll.encode(
          chosen.notes, song.num_bars * 16, chosen.is_drum
        )
        cut = whole[start : start + 16 * num_bars].copy()
        cut[0] = pianoroll.sounding(whole)[start]
        columns.append(cut)
      phrase = np.stack(columns, axis=-1)
      runs = [
        len(list(run))
        for column in phrase.T
        for token, run in itertools.groupby(column)
        if token == SILENCE
      ]
      if max(runs, default=0) <= 16:
        found.setdefault(phrase.tobytes(), bar)
  return found


def test_windows_at_a_stride_of_a_bar():
  found = phrases.extract(song(bars=5), 2)
  assert found.bar.tolist() == [0, 1, 2, 3]
  assert found.tokens.shape == (4, 32, 4)
  assert found.tokens[1, 0].tolist() == [37, 41, 61, 73]
  assert found.programs.tolist() == [[0, 33, 25, 48]] * 4


def test_a_note_across_the_start_is_attacked_there():
  held = track(33, False, (40, 0, 40), (43, 40, 64))
  found = phrases.extract(song(bass=held), 2)
  assert (
    found.tokens[1, :, 1].tolist() == [40] + [HOLD] * 23 + [43] + [HOLD] * 7
  )


def test_the_cross_product():
  guitars = {f'guitar {i}': busy(i, False, 4, 50 + i) for i in range(3)}
  found = phrases.extract(song(**guitars, guitar=None), 2)
  assert len(found.tokens) == 9
  assert sorted(found.programs[:, 2].tolist()) == [0] * 3 + [1] * 3 + [2] * 3


def test_strings_merge_the_rest():
  found = phrases.extract(song(flute=busy(73, False, 4, 50, every=8)), 2)
  assert found.tokens[0, :5, 3].tolist() == [50, HOLD, SILENCE, SILENCE, 72]
  assert found.programs[0, 3] == 48  # has more notes than the flute


@pytest.mark.parametrize('gap, kept', [(16, [0, 1, 2]), (17, [0, 1])])
def test_silence_of_more_than_a_bar(gap, kept):
  start = 33 + gap
  rows = [(40, s, s + 1) for s in (*range(33), *range(start, 64))]
  found = phrases.extract(song(bass=track(33, False, *rows)), 2)
  assert found.bar.tolist() == kept


def test_a_repeated_phrase_is_kept_once():
  rows = [(40, s, s + 2) for s in range(0, 96, 4)]
  same = {
    role: track(program, role == 'drums', *rows)
    for role, program in zip(pianoroll.TRACKS, (0, 33, 25, 48))
  }
  assert phrases.extract(song(6, **same), 2).bar.tolist() == [0]


@pytest.mark.parametrize('num_bars', [1, 2, 3])
def test_extract_equals_the_book(num_bars):
  rng = np.random.default_rng(num_bars)
  for _ in range(20):
    tracks = []
    for program, is_drum in (
      (0, True),
      (33, False),
      (3, False),
      (9, False),
      (60, False),
    ):
      start = np.flatnonzero(rng.random(100) < 0.12)
      length = rng.integers(1, 24, len(start))
      pitch = rng.integers(30, 34, len(start))
      rows = np.stack([pitch, start, start + length], axis=1)
      tracks.append(track(program, is_drum, *rows))
    one = midi.Song(tuple(tracks))
    found = phrases.extract(one, num_bars)
    expected = extract_by_the_book(one, num_bars)
    assert {p.tobytes() for p in found.tokens} == set(expected)


def test_a_song_shorter_than_a_phrase():
  assert phrases.extract(song(bars=1), 2).tokens.shape == (0, 32, 4)


def test_a_song_without_strings_has_no_phrase():
  assert not len(phrases.extract(song(strings=None), 2).tokens)


@pytest.mark.parametrize('role', ['drums', 'bass', 'guitar'])
def test_a_missing_role(role):
  with pytest.raises(phrases.SongError, match=f'no {role} track'):
    phrases.check(song(**{role: None}))


@pytest.mark.parametrize(
  'signatures, message',
  [
    (((3, 4),), 'other than 4/4'),
    (((4, 4), (4, 4)), 'more than one'),
  ],
)
def test_time_signatures(signatures, message):
  with pytest.raises(phrases.SongError, match=message):
    phrases.check(song()._replace(time_signatures=signatures))
  phrases.check(song()._replace(time_signatures=()))


def test_to_tokens_takes_the_fullest_track():
  tokens = phrases.to_tokens(song(more=busy(0, False, 4, 55, every=2)))
  assert tokens.shape == (64, 4)
  assert tokens[0].tolist() == [36, 40, 55, 72]


def test_all_drums_are_heard():
  """Of two at once the lower; the song keeps its tracks."""
  kit = song(
    drums=track(0, True, (36, 0, 1), (36, 8, 9)),
    snare=track(0, True, (38, 4, 5), (38, 8, 9), (38, 12, 13)),
  )
  tokens = phrases.to_tokens(kit)[:16:4, 0]
  assert tokens.tolist() == [36, 38, 36, 38]
  assert len(phrases.by_role(kit)['drums']) == 2


def test_cut_and_join():
  held = track(33, False, (40, 0, 40), (43, 40, 63))
  tokens = phrases.to_tokens(song(bass=held))
  pieces = phrases.cut(tokens, 32)
  assert pieces.tokens[1, :3, 1].tolist() == [40, HOLD, HOLD]
  assert pieces.tied.tolist() == [[False] * 4, [False, True, False, False]]
  np.testing.assert_array_equal(phrases.join(pieces), tokens)


def test_a_note_that_changed_pitch_is_not_tied():
  held = track(33, False, (40, 0, 64))
  pieces = phrases.cut(phrases.to_tokens(song(bass=held)), 32)
  pieces.tokens[1, 0, 1] = 45
  joined = phrases.join(pieces)[:, 1]
  assert joined[[0, 31, 32, 33]].tolist() == [40, HOLD, 45, HOLD]


def test_the_last_piece_is_filled_with_silence():
  pieces = phrases.cut(phrases.to_tokens(song(bars=3)), 32)
  assert pieces.tokens.shape == (2, 32, 4)
  assert (pieces.tokens[1, 16:] == SILENCE).all()
