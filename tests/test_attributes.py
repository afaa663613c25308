"""What is expected of undecided phrases, against what is measured."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from musae_jax import attributes
from musae_jax.pianoroll import HOLD, SILENCE


@pytest.fixture(scope='module')
def phrases():
  """Random ones, and some in which a track is silent or only held."""
  rng = np.random.default_rng(0)
  tokens = rng.integers(0, 130, (20, 32, 4), np.uint8)
  still = rng.random(tokens.shape) < 0.7
  tokens[still] = rng.choice([HOLD, SILENCE], still.sum())
  tokens[0] = SILENCE
  tokens[1, :, 2] = HOLD
  tokens[2, 1:, 1] = HOLD
  return tokens


def test_names():
  assert attributes.NAMES[:4] == attributes.KINDS
  assert 'note_length/bass' in attributes.NAMES
  assert 'note_length/drums' not in attributes.NAMES
  assert len(attributes.NAMES) == 4 + 2 + 3 * 4


def test_a_bar_counted_by_hand():
  tokens = np.full((1, 16, 4), SILENCE, np.uint8)
  tokens[0, ::4, 0] = 36  # drums on the beats
  tokens[0, [0, 6], 1] = 40, 50  # bass: the second between beats, held
  tokens[0, 7:10, 1] = HOLD
  found = {k: v[0] for k, v in attributes.measure(tokens).items()}
  assert found['density/drums'] == 4 / 16
  assert found['density'] == 6 / 64
  assert found['note_length/bass'] == found['note_length'] == 5 / 2
  assert found['register/bass'] == found['register'] == 45
  assert found['syncopation/bass'] == found['syncopation'] == 1
  assert np.isnan(found['register/guitar'])


def test_a_decided_phrase_has_what_is_measured(phrases):
  measured = attributes.measure(phrases)
  expected = attributes.expected(jax.nn.one_hot(phrases, 130))
  assert expected.keys() == measured.keys() == set(attributes.NAMES)
  for name, values in measured.items():
    np.testing.assert_allclose(expected[name], values, 1e-5, err_msg=name)
  assert np.isnan(measured['register']).any()


def test_draws_have_what_is_expected_on_average():
  """Of counts; a ratio's mean is not quite that of the means."""
  key, draws = jax.random.split(jax.random.key(0))
  logits = 2 * jax.random.normal(key, (1, 16, 4, 130)).at[..., 128:].add(2)
  drawn = jax.random.categorical(draws, logits, shape=(4000, 16, 4))
  expected = attributes.expected(jax.nn.softmax(logits))
  measured = attributes.measure(np.uint8(drawn))
  for name in ('density', 'density/bass', 'note_length/guitar'):
    np.testing.assert_allclose(
      expected[name][0], np.nanmean(measured[name]), rtol=0.03, err_msg=name
    )


def test_slopes_are_finite(phrases):
  """Even where a track has no notes to have an attribute of."""
  logits = 50 * jax.nn.one_hot(phrases, 130)

  def total(logits):
    found = attributes.expected(jax.nn.softmax(logits))
    return sum(jnp.nansum(x) for x in found.values())

  slopes = jax.grad(total)(logits)
  assert jnp.isfinite(slopes).all()
