"""Songs in windows: cut, kept, joined."""

import numpy as np
import pytest
from test_editing import compose

from musae_jax import midi, phrases, songs
from musae_jax.errors import UserError
from musae_jax.pianoroll import HOLD, SILENCE, Notes


def track(program, *notes, is_drum=False, name=''):
  return midi.Track(name, program, is_drum, Notes(*np.array(notes).T))


def listed(track):
  return list(zip(*(field.tolist() for field in track.notes)))


def test_a_role_that_is_missing_is_named_and_can_be_filled():
  song = compose()
  no_drums = song._replace(tracks=song.tracks[1:])
  with pytest.raises(phrases.SongError, match='no drums track.*fill'):
    songs.windows(no_drums, 32)
  pieces = songs.windows(no_drums, 32, fill=True)
  assert (pieces.tokens[:, :, 0] == SILENCE).all()
  assert (pieces.tokens[:, :, 1] != SILENCE).any()


@pytest.mark.parametrize(
  'signatures, said',
  [(((3, 4),), 'found 3/4'), (((4, 4), (6, 8)), 'found 4/4, 6/8')],
)
def test_another_metre_is_named(signatures, said):
  song = compose()._replace(time_signatures=signatures)
  for fill in (False, True):
    with pytest.raises(phrases.SongError, match=said):
      songs.windows(song, 32, fill)


def test_a_song_without_notes():
  with pytest.raises(phrases.SongError, match='no notes'):
    songs.windows(midi.Song(()), 32, fill=True)


def test_what_is_kept_is_kept_note_for_note():
  """All tracks of a role that is kept; one of a role that is not."""
  song = compose()
  pieces = songs.windows(song, 32)
  silent = pieces._replace(tokens=np.full_like(pieces.tokens, SILENCE))
  found = songs.rebuilt(song, silent, keep=['guitar'])
  assert [t.name for t in found.tracks] == [
    'Kit',
    'bass',
    'Keys',
    'Few keys',
    'Horns',
  ]
  for before, after in zip(song.tracks[2:4], found.tracks[2:4]):
    assert listed(before) == listed(after)
  assert not any(len(found.tracks[i].notes.pitch) for i in (0, 1, 4))


def test_a_held_note_is_held_over_the_seam_of_two_phrases():
  """And struck again where the model changed it on one side only."""
  song = midi.Song((track(33, (40, 28, 40), name='Bass'),))
  pieces = songs.windows(song, 32, fill=True)
  assert listed(songs.rebuilt(song, pieces).tracks[1]) == [(40, 28, 40)]
  changed = pieces.tokens.copy()
  changed[1, 0, 1] = 41
  found = songs.rebuilt(song, pieces._replace(tokens=changed))
  assert listed(found.tracks[1]) == [(40, 28, 32), (41, 32, 40)]


def test_nothing_hangs_from_one_phrase_into_the_next():
  tokens = np.full((2, 32, 4), HOLD, np.uint8)
  tokens[:, 0, 1] = 40
  bass = songs.of_phrases(tokens).tracks[1]
  assert listed(bass) == [(40, 0, 32), (40, 32, 64)]


def test_a_track_that_is_none():
  with pytest.raises(UserError, match="'piano', expected one of drums, bass"):
    songs.checked(['bass', 'piano'])
  assert songs.checked('bass') == ('bass',)


def test_bars_of_a_song():
  """A held note is struck at the bar line, a drum is not; the rest is out."""
  piano = track(0, (60, 0, 20), (62, 20, 40), (64, 40, 44))
  drums = track(0, (36, 15, 17), (38, 16, 17), is_drum=True)
  found = songs.excerpt(midi.Song((piano, drums)), 1, 2)
  assert listed(found.tracks[0]) == [(60, 0, 4), (62, 4, 16)]
  assert listed(found.tracks[1]) == [(38, 0, 1)]


def test_bars_of_a_song_as_they_were_played():
  """Off the grid: 480 ticks a quarter, 1920 a bar."""
  played = midi.Played(*np.array([(7, 1915, 9), (1925, 4000, 33)]).T)
  piano = track(0, (60, 0, 16), (62, 16, 33))._replace(played=played)
  (found,) = songs.excerpt(midi.Song((piano,)), 1, 2).tracks
  assert listed(found) == [(62, 0, 16)]
  assert [int(x) for (x,) in found.played] == [5, 1920, 33]
  later = songs.one_after_another([midi.Song((found,))] * 2, num_bars=1)
  assert later.tracks[0].played.start.tolist() == [5, 1925]


def test_controllers_of_some_bars_are_set_when_they_begin():
  moves = midi.Moves(
    *np.array(
      [(0, 7, 90), (0, 10, 3), (960, 7, 80), (1920, 64, 1), (3840, 7, 5)]
    ).T
  )
  piano = track(0, (60, 0, 40))._replace(moves=moves)
  (found,) = songs.excerpt(midi.Song((piano,)), 1, 2).tracks
  expected = [(0, 10, 3), (0, 7, 80), (0, 64, 1)]
  assert list(zip(*(x.tolist() for x in found.moves))) == expected
  later = songs.one_after_another([midi.Song((found,))] * 2, num_bars=1)
  assert later.tracks[0].moves.time.tolist() == [0, 0, 0, 1920, 1920, 1920]


def test_what_another_track_of_the_channel_has_set_since_is_not_set_again():
  """Nor is what it set before; a track of its own channel sets its own."""

  def moving(time, value, channel):
    moves = midi.Moves(*np.array([[time], [7], [value]]))
    return track(0, (60, 0, 32))._replace(moves=moves, channel=channel)

  tracks = moving(9, 50, 2), moving(5, 99, 2), moving(3, 10, 4)
  found = songs.excerpt(midi.Song(tracks), 1, 2).tracks
  assert [t.moves.value.tolist() for t in found] == [[50], [], [10]]
  apart = [t._replace(channel=None) for t in tracks]
  found = songs.excerpt(midi.Song(tuple(apart)), 1, 2).tracks
  assert [t.moves.value.tolist() for t in found] == [[50], [99], [10]]


def test_parameters_of_some_bars_are_set_as_a_sequence():
  """A bend's range is said by three controllers, and then they are let go."""
  said = [(101, 0), (100, 0), (6, 12), (101, 127), (100, 127)]
  moves = midi.Moves(*np.array([(5, *row) for row in said]).T)
  piano = track(0, (60, 0, 40))._replace(moves=moves)
  (found,) = songs.excerpt(midi.Song((piano,)), 1, 2).tracks
  assert list(zip(*(x.tolist() for x in found.moves[1:]))) == said


def test_metre_stated_again():
  song = midi.Song((track(33, (40, 0, 4)),))
  again = song._replace(time_signatures=((4, 4), (4, 4)))
  assert len(songs.windows(again, 32, fill=True).tokens) == 1
  waltz = song._replace(time_signatures=((4, 4), (3, 4)))
  with pytest.raises(phrases.SongError, match='found 4/4, 3/4, expected 4/4'):
    songs.windows(waltz, 32, fill=True)


def test_a_part_that_rests_in_some_bars_is_not_missing():
  song = midi.Song(
    (
      track(0, (36, 0, 1), (36, 16, 17), is_drum=True),
      track(33, (40, 0, 32)),
      track(0, (60, 0, 4)),
    )
  )
  part = songs.excerpt(song, 1, 2)
  assert [len(t.notes.pitch) for t in part.tracks] == [1, 1, 0]
  tokens = songs.windows(part, 16).tokens
  rests = songs.rests(part, tokens)[0, 0]
  assert rests.tolist() == [False, False, True, False]


def test_a_part_that_rests_for_a_phrase_is_to_rest():
  """One that the song has nowhere is to be invented where another plays."""
  song = midi.Song(
    (track(33, (40, 0, 64)), track(0, (60, 0, 4)), track(50, (70, 95, 96)))
  )
  tokens = songs.windows(song, 32, fill=True).tokens
  drums, bass, guitar, strings = songs.rests(song, tokens)[:, 0].T.tolist()
  assert drums == [False, False, False]
  assert bass == [False, False, True]
  assert guitar == [False, True, True]
  assert strings == [True, True, False]
  nothing = np.full_like(tokens, SILENCE)
  assert songs.rests(song, nothing).all()


def test_songs_one_after_another():
  song = midi.Song((track(33, (40, 0, 4)), track(0, (60, 2, 30))))
  found = songs.one_after_another([song, song], num_bars=2)
  assert listed(found.tracks[0]) == [(40, 0, 4), (40, 32, 36)]
  assert listed(found.tracks[1]) == [(60, 2, 30), (60, 34, 62)]


def test_silence_at_the_end_is_of_the_song(tmp_path):
  """A phrase of two bars is two bars, whatever sounds in it."""
  tokens = np.full((1, 32, 4), SILENCE, np.uint8)
  tokens[0, 0, 1] = 40
  song = songs.of_phrases(tokens)
  assert song.num_bars == 2
  assert songs.one_after_another([song, song], num_bars=2).num_bars == 4
  assert songs.excerpt(song, 0, 2).num_bars == 2
  with pytest.raises(phrases.SongError, match='no notes'):
    songs.windows(songs.excerpt(song, 1, 2), 32, fill=True)
