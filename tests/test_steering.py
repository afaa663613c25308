"""Edits move what they are asked to, as far as it goes."""

import jax
import numpy as np
import pytest
from test_editing import random_params

from musae_jax import (
  assembly,
  attributes,
  coding,
  descent,
  directions,
  steering,
)

CONFIG = {
  'model': {'latent_dim': 8, 'width': 8, 'depth': 1, 'whitened': True},
  'critic': {'width': 4, 'activation': 'tanh'},
  'prior': {'kind': 'flower', 'num_components': 4},
}
STEPS = 32


@pytest.fixture(scope='module')
def model():
  return assembly.build_model(CONFIG)


@pytest.fixture(scope='module')
def params(model):
  params = random_params(model)
  # So that holds and silences are likely at some codes, and not at others.
  logits = params['decoder']['params']['tracks']['logits']
  logits['bias'][..., 128:] = 3
  logits['kernel'][..., 128:] *= 2
  return params


@pytest.fixture(scope='module')
def coder(model, params):
  return coding.Coder(model, params, STEPS)


@pytest.fixture(scope='module')
def z(model):
  components = np.arange(70) % 4
  return np.asarray(model.prior.sample(jax.random.key(1), components))


@pytest.fixture(scope='module')
def fitted(model, z):
  """Deviations of ones, and steps along an axis each."""
  count, dim = len(attributes.NAMES), z.shape[1]
  std = np.float32([0.1, 2, 10, 0.3] + [1] * (count - 4))
  steps = np.tile(np.eye(dim, dtype=np.float32), (3, 1))[:count]
  ridge = steps.copy()
  ridge[1] = 0
  return directions.Directions(attributes.NAMES, std, steps, ridge)


def values(model, params, z, name):
  """What is expected to be played."""
  tokens = jax.nn.softmax(model.decode(params, z, STEPS))
  return np.asarray(attributes.expected(tokens)[name])


@pytest.mark.parametrize('name', ['density', 'register'])
@pytest.mark.parametrize('change', [-0.5, 0.5])
def test_the_slope_leads_where_it_is_asked_to(
  coder, model, params, z, fitted, name, change
):
  std = fitted.std[fitted.names.index(name)]
  moved = steering.move(coder, z, {name: change}, fitted, 'gradient')
  before, after = (values(model, params, x, name) for x in (z, moved))
  way = (after - before) / (std * change)
  assert np.nanmean(way) > 0.3
  assert np.nanmean(way > 0) > 0.8


def test_a_track_that_is_kept_changes_less(coder, z, fitted):
  change = {'density/guitar': 2.0}
  free, kept = (
    steering.move(coder, z, change, fitted, 'gradient', keep=keep)
    for keep in ((), ('bass',))
  )
  before = coder.decode(z)[..., 1]
  differing = [(coder.decode(x)[..., 1] != before).mean() for x in (free, kept)]
  assert differing[1] < 0.7 * differing[0]


def test_codes_stay_likely(model, params, z, fitted):
  goal = steering._goal({'register': 3.0}, fitted, ())
  lost = []
  for weight in (0.0, 30.0):
    moved = descent.descend(
      model,
      STEPS,
      fitted.names,
      params,
      goal._replace(prior=np.float32(weight)),
      z,
    )
    less = model.prior.log_prob(z) - model.prior.log_prob(moved)
    lost.append(float(np.maximum(less, 0).mean()))
  assert lost[1] < 0.3 * lost[0]


def test_other_attributes_stay(model, params, z, fitted):
  goal = steering._goal({'density': -1.0}, fitted, ())
  changed = []
  for weight in (0.0, 10.0):
    weights = np.where(goal.change != 0, 1, weight * (goal.weights > 0))
    moved = descent.descend(
      model,
      STEPS,
      fitted.names,
      params,
      goal._replace(weights=np.float32(weights)),
      z,
    )
    before, after = (values(model, params, x, 'register') for x in (z, moved))
    changed.append(np.nanmean(np.abs(after - before)))
  assert changed[1] < 0.7 * changed[0]


def test_directions_go_as_far_as_is_asked(coder, model, z, fitted):
  targets = {'density': 0.5, 'register': -2.0}
  moved = steering.move(coder, z, targets, fitted, 'difference')
  expected = np.zeros(z.shape[1])
  expected[[0, 2]] = 0.5, -2
  away = (moved - z) / model.prior.std
  np.testing.assert_allclose(away, np.tile(expected, (70, 1)), atol=1e-3)


@pytest.mark.parametrize('method', steering.METHODS)
def test_the_search_only_helps(coder, z, fitted, method):
  """It may stay, so no phrase is left further from what was asked."""
  asked = 0.8
  moved = steering.edit(coder, z, {'density': asked}, fitted, method)
  names = attributes.KINDS
  before, after = (attributes.measure(coder.decode(x)) for x in (z, moved))
  cost = 0
  for name, std in zip(names, fitted.std):
    off = (after[name] - before[name]) / std - asked * (name == 'density')
    # Those who had nothing and have nothing are as they were.
    off = np.where(np.isnan(off), 0, off)
    cost += off**2 * (1 if name == 'density' else steering._OTHERS)
  assert (cost <= asked**2 + 1e-4).all()
  assert cost.mean() < 0.95 * asked**2
  end = steering.move(coder, z, {'density': asked}, fitted, method)
  along = ((moved - z) * (end - z)).sum(-1) / ((end - z) ** 2).sum(-1)
  np.testing.assert_allclose(moved - z, along[:, None] * (end - z), atol=2e-4)


def test_nothing_asked_nothing_changed(coder, z, fitted):
  for method in steering.METHODS:
    moved = steering.edit(coder, z, {}, fitted, method)
    np.testing.assert_allclose(moved, z, atol=1e-6)


@pytest.mark.parametrize(
  'asked, message',
  [
    ({'targets': {'loudness': 1}}, "attribute 'loudness', expected one of den"),
    ({'method': 'prayer'}, "method 'prayer', expected one of difference"),
    ({'keep': ['choir']}, "track 'choir', expected one of drums, bass"),
    (
      {'targets': {'note_length': 1}, 'method': 'ridge'},
      'note_length has no direction of its own',
    ),
  ],
)
def test_what_cannot_be_asked(coder, z, fitted, asked, message):
  asked = {'targets': {}, **asked}
  with pytest.raises(ValueError, match=message):
    steering.edit(coder, z, fitted=fitted, **asked)


def test_fit_is_of_the_phrases_codes(coder, model, params):
  rng = np.random.default_rng(0)
  phrases = rng.integers(0, 130, (70, STEPS, 4), np.uint8)
  phrases[rng.random(phrases.shape) < 0.5] = 129
  tags = rng.random((70, 4)) < 0.5
  fitted = steering.fit(coder, phrases, tags)
  codes = np.asarray(model.encode(params, phrases).mean)
  expected = directions.fit(
    codes, attributes.measure(phrases), model.prior, tags
  )
  assert fitted.names == expected.names
  np.testing.assert_allclose(fitted.difference, expected.difference, atol=1e-3)
