"""Layers: how they begin, what they refuse, and maps over copies of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from musae_jax import layers
from musae_jax.compute import Compute


@pytest.mark.parametrize('stacked', [False, True])
def test_beside_is_a_map_over_trees(stacked):
  def function(tree, y):
    return {'sum': tree['x'] + y, 'twice': 2 * y}

  x, y = jnp.arange(6.0).reshape(3, 2), jnp.ones((3, 2))
  result = layers.beside(function, stacked)({'x': x}, y)
  np.testing.assert_array_equal(result['sum'], x + 1)
  np.testing.assert_array_equal(result['twice'], 2 * y)


def test_starts_remembering_with_nearly_orthonormal_rows():
  x = jnp.zeros((1, 1, 3))
  params = layers.LSTM(64).init(jax.random.key(0), x)['params']
  expected = np.repeat([0, 1, 0, 0], 64)  # input, forget, cell, output
  np.testing.assert_array_equal(params['bias'], expected)
  stretch = np.linalg.svd(params['kernel'], compute_uv=False)
  assert 0.4 < stretch.min() < stretch.max() < 1.6


def test_copies_differ():
  init = layers.copies(layers.LSTM(4), 2, jnp.zeros((1, 1, 3)))
  kernel = init(jax.random.key(0))['kernel']
  assert kernel.shape == (2, 4, 16)
  assert (kernel[0] != kernel[1]).all()


@pytest.mark.parametrize(
  ('shape', 'num_steps'),
  [
    ((8, 2, 3), 5),
    ((8, 2, 3), 12),
    ((2, 3), None),
    ((2, 3), 0),
    ((0, 2, 3), None),
  ],
)
def test_a_wrong_number_of_steps_is_refused(shape, num_steps):
  layer = layers.LSTM(4, compute=Compute(in_place=True))
  with pytest.raises(ValueError, match='num_steps is'):
    layer.init(jax.random.key(0), jnp.zeros(shape), num_steps=num_steps)


def test_what_is_projected_once_is_not_rounded():
  x, kernel = jnp.full((1, 1), 1 + 2.0**-10), jnp.zeros((2, 8))
  inputs = jnp.ones((1, 8))
  carry = (jnp.zeros((1, 2)),) * 2
  args = kernel, jnp.zeros(8), carry, 1, Compute(dtype='bfloat16')
  # bfloat16 takes the 2**-10 away.
  (cell, _), _ = layers._layer(x, inputs, *args)
  (rounded, _), _ = layers._layer(x[None], inputs, *args)
  gate = 1 + 2.0**-10
  expected = jax.nn.sigmoid(gate) * jnp.tanh(gate)
  np.testing.assert_allclose(cell, expected, rtol=1e-6)
  assert abs(rounded - expected).min() > 1e-5


def test_no_timesteps_a_turn_are_refused():
  layer = layers.LSTM(4, compute=Compute(unroll=0))
  with pytest.raises(ValueError, match='unroll is 0, expected at least 1'):
    layer.init(jax.random.key(0), jnp.zeros((8, 2, 3)))


def test_an_odd_width_is_named():
  with pytest.raises(ValueError, match='width is 5'):
    layers.BiLSTM(5).init(jax.random.key(0), jnp.zeros((2, 1, 20)))
