import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from musae_jax import pianoroll
from musae_jax.pianoroll import HOLD, SILENCE, Notes

H, S = HOLD, SILENCE
tokens_of_any_kind = hnp.arrays(
  np.uint8,
  st.tuples(st.integers(1, 64), st.just(4)),
  elements=st.integers(0, 129),
)
note = st.tuples(st.integers(0, 127), st.integers(-8, 40), st.integers(0, 20))


def notes(*rows):
  pitch, start, end = np.array(rows, int).reshape(-1, 3).T
  return Notes(pitch, start, end)


def encode_by_the_book(notes, num_steps, one_shot):
  """One timestep at a time, as the specification words it."""
  previous, tokens = None, []
  for step in range(num_steps):
    sounding = []
    for index, (pitch, start, end) in enumerate(zip(*notes)):
      end = start + 1 if one_shot else max(end, start + 1)
      if start <= step < end:
        sounding.append((pitch, -start, -end, index))
    now = min(sounding)[:3] if sounding else None
    token = S if now is None else now[0]
    tokens.append(H if now is not None and now == previous else token)
    previous = now
  return np.array(tokens, np.uint8)


def test_a_bar_one_can_read():
  bar = notes((60, 0, 4), (60, 4, 8), (64, 8, 12), (62, 10, 11))
  expected = [60, H, H, H, 60, H, H, H, 64, H, 62, 64, S, S, S, S]
  assert pianoroll.encode(bar, 16).tolist() == expected


def test_drums_are_one_shot():
  hits = notes((36, 0, 8), (36, 1, 2), (38, 4, 12), (42, 4, 5))
  expected = [36, 36, S, S, 38, S]
  assert pianoroll.encode(hits, 6, one_shot=True).tolist() == expected


def test_a_note_before_the_window_is_attacked_at_its_start():
  assert pianoroll.encode(notes((60, -3, 2)), 3).tolist() == [60, H, S]


def test_a_note_of_no_length_lasts_a_step():
  assert pianoroll.encode(notes((60, 1, 1)), 3).tolist() == [S, 60, S]


def test_halves_round_up():
  ticks = np.array([0, 59, 60, 179, 180, 480])
  assert pianoroll.quantize(ticks, 480).tolist() == [0, 0, 1, 1, 2, 4]


@given(st.lists(note, max_size=8), st.booleans())
@example([(0, 0, 0), (0, -1, 3)], False)  # begins before the window
def test_encode_equals_the_book(rows, one_shot):
  # Equal notes are one note: the book cannot tell them apart.
  played = notes(*{(p, s, s + length) for p, s, length in rows})
  expected = encode_by_the_book(played, 32, one_shot)
  found = pianoroll.encode(played, 32, one_shot)
  np.testing.assert_array_equal(found, expected)


@given(tokens_of_any_kind)
def test_tokens_to_notes_and_back(tokens):
  expected = pianoroll.canonical(tokens)
  np.testing.assert_array_equal(pianoroll.canonical(expected), expected)
  for track, column in enumerate(tokens.T):
    played = pianoroll.decode(column)
    found = pianoroll.encode(played, len(tokens), one_shot=track == 0)
    np.testing.assert_array_equal(found, expected[:, track])


def test_canonical_drops_holds_of_nothing():
  tokens = np.array([[H, 36, H], [H, 60, H], [S, H, H], [60, S, H]], np.uint8).T
  expected = [[S, 36, S], [S, 60, H], [S, S, S], [60, S, S]]
  assert pianoroll.canonical(tokens).T.tolist() == expected


def test_sounding():
  tokens = np.array([H, 60, H, S, H, 62], np.uint8)
  assert pianoroll.sounding(tokens).tolist() == [S, 60, 60, S, S, 62]


@pytest.mark.parametrize('array', [np.asarray, jnp.asarray])
def test_transpose(array):
  tokens = np.array([[[36, 0, 127, 60], [H, S, H, 64]]], np.uint8)
  down = pianoroll.transpose(array(tokens), array(np.array([-1])))
  up = pianoroll.transpose(array(tokens), array(np.array([6])))
  assert down.tolist() == [[[36, 11, 126, 59], [H, S, H, 63]]]
  assert up.tolist() == [[[36, 6, 121, 66], [H, S, H, 70]]]
  assert down.dtype == np.uint8
