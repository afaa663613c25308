"""Accuracy, attack accuracy and onset F1, by hand; the two baselines."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from musae_jax import evaluation, losses, models
from musae_jax.pianoroll import HOLD, NUM_TOKENS, SILENCE, TRACKS

# Four timesteps of the drums: two hits, then of three wrong ones one late.
TARGET = [36, SILENCE, 38, SILENCE]
PREDICTED = [36, 38, SILENCE, SILENCE]


def phrases_of(*drums):
  """Phrases with these drums; the other tracks hold throughout."""
  phrases = np.full((len(drums), len(drums[0]), 4), HOLD, np.uint8)
  phrases[:, :, 0] = drums
  return phrases


def count(target, predicted, mask=None):
  """The sums by their definitions; int32, as on the device."""
  mask = np.ones(len(target), bool) if mask is None else mask
  right = target == predicted
  attack, claimed = target < 128, predicted < 128
  sums = {
    'timesteps': np.ones_like(right),
    'correct': right,
    'attacks': attack,
    'attacks_correct': attack & right,
    'onset_fp': claimed & ~right,
  }
  return {
    k: (v & mask[:, None, None]).sum((0, 1), dtype=np.int32)
    for k, v in sums.items()
  }


def test_scores_by_hand():
  sums = count(phrases_of(TARGET), phrases_of(PREDICTED))
  scores = evaluation.scores(sums)
  assert scores['accuracy'][0] == 2 / 4  # the first and the last timestep
  assert scores['attack_accuracy'][0] == 1 / 2
  # One hit found, one claimed where there is none, one missed.
  assert scores['onset_f1'][0] == 2 * 1 / (2 * 1 + 1 + 1)
  assert (scores['accuracy'][1:] == 1).all()
  assert np.isnan(scores['attack_accuracy'][1:]).all()
  assert np.isnan(scores['onset_f1'][1:]).all()


def test_averages():
  assert evaluation.averages(np.array([0.5, 0.25, 0.75, 0.1])) == {
    'dbgs': 0.4,
    'dbg': 0.5,
  }
  # The paper's own, from its columns; it rounds .8533 and .8627.
  found = evaluation.averages(np.array(evaluation.PAPER[16]['MusAE, mixture']))
  assert round(found['dbgs'], 3) == 0.853
  assert round(found['dbg'], 3) == 0.863


def test_token_counts_by_hand():
  counts = evaluation.token_counts(phrases_of(TARGET, PREDICTED), block=1)
  assert counts.shape == (4, 4, NUM_TOKENS)
  assert counts[0, 0, 36] == 2
  assert counts[1, 0, SILENCE] == counts[1, 0, 38] == 1
  assert (counts[:, 1:, HOLD] == 2).all()
  assert counts.sum() == 2 * 4 * 4


def test_baselines_equal_predicting_them():
  rng = np.random.default_rng(0)
  tokens = np.array([0, 5, 127, HOLD, SILENCE], np.uint8)
  train, validation = rng.choice(tokens, (2, 30, 6, 4))
  found = evaluation.baselines(
    evaluation.token_counts(train), evaluation.token_counts(validation)
  )
  hold = np.full_like(validation, HOLD)
  frequent = np.empty_like(validation)
  for step in range(6):
    for track in range(4):
      values, number = np.unique(train[:, step, track], return_counts=True)
      frequent[:, step, track] = values[number.argmax()]
  assert (frequent < 128).any()
  assert (frequent >= 128).any()
  for name, predicted in (
    ('always hold', hold),
    ('most frequent token', frequent),
  ):
    expected = count(validation, predicted)
    assert found[name].keys() == expected.keys()
    for key, value in expected.items():
      np.testing.assert_array_equal(found[name][key], value, key)


def test_evaluation_adds_up_whole_batches_and_the_last_one():
  rng = np.random.default_rng(1)
  phrases = rng.integers(0, NUM_TOKENS, (11, 6, 4), dtype=np.uint8)
  guess = np.roll(phrases, 1, axis=0)

  def step(params, tokens, mask):
    assert tokens.shape == (4, 6, 4)
    return count(tokens, params['guess'], mask)

  # A guess that does not move along with the batches, so compute by hand.
  sums = evaluation.evaluate(step, {'guess': guess[:4]}, phrases, 4)
  expected = count(phrases, np.tile(guess[:4], (3, 1, 1))[:11])
  for key, value in expected.items():
    np.testing.assert_array_equal(sums[key], value, key)
    assert sums[key].dtype == np.int64
  rows = np.array([3, 9])
  sums = evaluation.evaluate(step, {'guess': guess[:4]}, phrases, 4, rows)
  assert (sums['timesteps'] == 2 * 6).all()


def test_report_has_every_row_and_null_where_undefined():
  sums = count(phrases_of(TARGET), phrases_of(PREDICTED))
  figures = evaluation.report(sums, {'always hold': sums}, num_bars=16)
  accuracy = figures['accuracy']
  assert accuracy['this model']['drums'] == 0.5
  assert accuracy['this model']['dbgs'] == pytest.approx(3.5 / 4)
  assert accuracy['paper, other data: MusAE, mixture']['strings'] == 0.825
  assert figures['onset_f1']['always hold']['bass'] is None
  assert figures['onset_f1']['always hold']['dbgs'] is None
  assert not any('paper' in row for row in figures['onset_f1'])


def test_markdown_is_a_table():
  sums = count(phrases_of(TARGET), phrases_of(PREDICTED))
  text = evaluation.markdown(evaluation.report(sums, {}))
  header, rule, *rows = text.splitlines()
  assert {line.count('|') for line in (header, rule, *rows)} == {9}
  assert all(track in header for track in TRACKS)
  assert rows[0].startswith('| accuracy | this model | 0.500 | 1.000 |')
  assert '| attack accuracy | this model | 0.500 | - |' in text


class Parrot:
  """A model that says the same whatever it hears."""

  def __init__(self, answer):
    self.logits = 10 * jax.nn.one_hot(answer, NUM_TOKENS)

  def encode(self, params, phrases):
    return models.Posterior(jnp.zeros(len(phrases)), jnp.nan)

  def compare(self, params, z, tokens):
    logits = jnp.broadcast_to(self.logits, (*tokens.shape, NUM_TOKENS))
    return losses.cross_entropy(logits, tokens), logits.argmax(-1)


def test_evaluation_counts_by_hand():
  # Per track: one onset found, one at the wrong pitch and one invented, ...
  answer = np.array(
    [
      [36, 40, 60, SILENCE],
      [38, HOLD, 62, SILENCE],
      [SILENCE, 43, HOLD, 70],
    ]
  )
  phrase = np.array(
    [
      [36, 40, 60, SILENCE],
      [40, HOLD, HOLD, SILENCE],
      [SILENCE, 45, 64, HOLD],
    ],
    np.uint8,
  )
  step = evaluation.make_eval_step(Parrot(answer))
  sums = step({}, np.stack([phrase, phrase, phrase]), np.array([1, 1, 0], bool))
  cost = losses.cross_entropy(Parrot(answer).logits, phrase).sum(0)
  expected = {
    'timesteps': [3, 3, 3, 3],
    'correct': [2, 2, 1, 2],
    'attacks': [2, 2, 2, 0],
    'attacks_correct': [1, 1, 1, 0],
    'onset_fp': [1, 1, 1, 1],
    'cross_entropy': cost,
  }
  assert set(sums) == set(expected)
  for name, value in expected.items():
    np.testing.assert_allclose(sums[name], 2 * np.array(value), rtol=1e-6)
    assert (sums[name].dtype == jnp.int32) == (name != 'cross_entropy')
