"""Closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from musae_jax import losses
from musae_jax.pianoroll import HOLD, NUM_TOKENS, SILENCE

KEY = jax.random.key(0)
REAL = jax.random.normal(jax.random.key(1), (6, 3))
FAKE = jax.random.normal(jax.random.key(2), (6, 3)) + 1
SLOPE = jnp.array([3.0, 4.0, 0.0])


def linear(z):
  return z @ SLOPE


def test_uniform_logits_cost_log_130():
  tokens = np.array([[36, HOLD, SILENCE, 127]], np.uint8)
  nats = losses.cross_entropy(jnp.zeros((1, 4, NUM_TOKENS)), tokens)
  np.testing.assert_allclose(nats, np.full((1, 4), np.log(130)), rtol=1e-5)


def test_each_token_costs_what_its_own_logits_say():
  tokens = np.full((2, 3), SILENCE, np.uint8)
  logits = 100 * jax.nn.one_hot(tokens, NUM_TOKENS)
  # One timestep is uncertain between two tokens: log 2.
  nats = losses.cross_entropy(logits.at[0, 1, HOLD].set(100), tokens)
  np.testing.assert_allclose(nats, [[0, np.log(2), 0], [0, 0, 0]], atol=1e-5)


def test_penalty_of_a_linear_critic():
  penalty = losses.gradient_penalty(KEY, linear, REAL, FAKE)
  assert float(penalty) == pytest.approx((5 - 1) ** 2, rel=1e-5)


def test_penalty_looks_between_the_codes():
  # A slope of 2 z, at z uniform on [0, 1]: E[(2 z - 1)^2] = 1 / 3. At the ends
  # it would be 1; beyond them, more.
  ends = jnp.zeros((20_000, 1)), jnp.ones((20_000, 1))
  penalty = losses.gradient_penalty(KEY, lambda z: (z**2).sum(-1), *ends)
  assert float(penalty) == pytest.approx(1 / 3, abs=0.01)


def test_a_flat_critic_costs_one_and_has_a_derivative():
  def penalty(slope):
    return losses.gradient_penalty(KEY, lambda z: z @ slope, REAL, FAKE)

  value, grad = jax.value_and_grad(penalty)(jnp.zeros(3))
  assert float(value) == pytest.approx(1, abs=1e-5)
  assert np.isfinite(grad).all()


def test_critic_loss_has_the_signs_of_gulrajani():
  loss, parts = losses.critic_loss(KEY, linear, REAL, FAKE, 10.0)
  distance = float((REAL.mean(0) - FAKE.mean(0)) @ SLOPE)
  assert float(parts['critic_estimate']) == pytest.approx(distance, rel=1e-4)
  assert float(loss) == pytest.approx(10 * 16 - distance, rel=1e-4)
