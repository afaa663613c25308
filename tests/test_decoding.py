"""Phrases read off logits, against the rule done by hand and step by step."""

import numpy as np
import pytest

from musae_jax import decoding
from musae_jax.pianoroll import HOLD, NUM_PITCHES, NUM_TOKENS, SILENCE


def logits_of(attack, hold, pitch=60):
  """Of one phrase and track, by its probabilities at each timestep."""
  probability = np.full((len(attack), NUM_TOKENS), 1e-9)
  probability[:, pitch] = attack
  probability[:, HOLD] = hold
  probability[:, SILENCE] = 1 - np.array(attack) - hold
  return np.log(np.maximum(probability, 1e-9))[None, :, None]


def test_a_note_that_is_likely_nowhere_but_expected_once():
  """Four times a quarter is one; of the rest, two and a quarter holds."""
  attack, hold = [0.2, 0.3, 0.25, 0.25], [0.1, 0.7, 0.65, 0.75]
  logits = logits_of(attack, hold)
  assert decoding.likeliest(logits)[0, :, 0].tolist() == [129, 128, 128, 128]
  found = decoding.proportionate(logits)[0, :, 0]
  assert found.tolist() == [129, 60, 128, 128]


def test_a_note_that_is_expected_by_halves_is_not_played():
  logits = logits_of([0.1] * 4, [0.0] * 4)
  assert (decoding.proportionate(logits) == SILENCE).all()


def one_by_one(logits):
  p = np.exp(logits - logits.max(-1, keepdims=True))
  p /= p.sum(-1, keepdims=True)
  attack, hold = p[:, :NUM_PITCHES].sum(-1), p[:, HOLD]
  tokens = np.full(len(p), SILENCE)
  left = list(range(len(p)))
  for _ in range(round(float(attack.sum()))):
    best = max(left, key=lambda t: attack[t])
    tokens[best] = p[best, :NUM_PITCHES].argmax()
    left.remove(best)
  for _ in range(min(round(float(hold.sum())), len(left))):
    best = max(left, key=lambda t: hold[t] / p[t, SILENCE])
    tokens[best] = HOLD
    left.remove(best)
  return tokens


@pytest.mark.parametrize('sureness', [0.3, 3.0])
def test_as_many_of_each_as_is_expected(sureness):
  rng = np.random.default_rng(0)
  logits = rng.normal(size=(9, 24, 4, NUM_TOKENS)).astype(np.float32)
  # About as much of holds and of silences as of all pitches together.
  logits[..., NUM_PITCHES:] += 5
  logits *= sureness
  found = np.asarray(decoding.proportionate(logits))
  assert found.dtype == np.uint8
  for phrase, tokens in zip(logits, found):
    for track in range(4):
      np.testing.assert_array_equal(
        tokens[:, track], one_by_one(phrase[:, track])
      )


def test_a_sure_decoder_is_taken_at_its_word():
  rng = np.random.default_rng(0)
  tokens = rng.integers(0, NUM_TOKENS, (5, 32, 4))
  tokens[rng.random(tokens.shape) < 0.7] = HOLD
  logits = 20 * np.eye(NUM_TOKENS, dtype=np.float32)[tokens]
  for reading in (decoding.likeliest, decoding.proportionate):
    np.testing.assert_array_equal(reading(logits), tokens)
