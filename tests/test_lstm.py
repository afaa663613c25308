"""Ours against flax's cells, values and gradients."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from musae_jax import lstm

NUM_STEPS, BATCH, INPUT, WIDTH = 5, 3, 4, 6


def ours(cell):
  """A flax cell's parameters as (input projection, ours)."""

  def beside(side, kind):
    gates = [cell[side + gate][kind] for gate in 'ifgo']
    return jnp.concatenate(gates, axis=-1)

  kernel, bias = beside('h', 'kernel'), beside('h', 'bias')
  return beside('i', 'kernel'), {'kernel': kernel, 'bias': bias}


def noisy(tree, seed):
  """Parameters with no zeros among them, so that no bias can go missing."""
  leaves, treedef = jax.tree.flatten(tree)
  rng = np.random.default_rng(seed)
  draws = [rng.normal(0, 0.5, x.shape).astype(np.float32) for x in leaves]
  return jax.tree.unflatten(treedef, draws)


def assert_close(actual, expected):
  jax.tree.map(
    lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-5),
    actual,
    expected,
  )


def scalar(outputs):
  """A function of every output, each with a weight of its own."""
  return sum(
    jnp.sum(x * jnp.sin(jnp.arange(x.size) + 1.0).reshape(x.shape))
    for x in jax.tree.leaves(outputs)
  )


def value_and_grads(function, *args):
  outputs = jax.jit(function)(*args)
  grads = jax.jit(jax.grad(lambda *args: scalar(function(*args)), (0, 1, 2)))
  return outputs, grads(*args)


@pytest.fixture(scope='module')
def arrays():
  rng = np.random.default_rng(0)
  x = rng.normal(size=(NUM_STEPS, BATCH, INPUT)).astype(np.float32)
  carry = rng.normal(size=(2, BATCH, WIDTH)).astype(np.float32)
  cell = nn.OptimizedLSTMCell(WIDTH)
  params = cell.init(jax.random.key(0), tuple(carry), x[0])['params']
  return x, tuple(carry), noisy(params, seed=1)


@pytest.mark.parametrize('constant', [False, True])
def test_equals_flax_cell_from_a_carry(arrays, constant):
  x, carry, params = arrays
  x = x[0] if constant else x

  def flax_layer(params, x, carry):
    rnn = nn.RNN(
      nn.OptimizedLSTMCell(WIDTH), time_major=True, return_carry=True
    )
    if constant:
      x = jnp.broadcast_to(x, (NUM_STEPS, *x.shape))
    return rnn.apply({'params': {'cell': params}}, x, initial_carry=carry)

  def our_layer(params, x, carry):
    project, params = ours(params)
    num_steps = NUM_STEPS if constant else None
    layer = lstm.LSTM(WIDTH)
    return layer.apply({'params': params}, x @ project, carry, num_steps)

  expected = value_and_grads(flax_layer, params, x, carry)
  assert_close(value_and_grads(our_layer, params, x, carry), expected)


def test_both_directions_equal_flax(arrays):
  x, _, forward = arrays
  backward = noisy(forward, seed=2)

  def flax_layer(forward, backward, x):
    layers = [nn.RNN(nn.OptimizedLSTMCell(WIDTH)) for _ in range(2)]
    layer = nn.Bidirectional(*layers, time_major=True, return_carry=True)
    params = {'forward_rnn': {'cell': forward}}
    params['backward_rnn'] = {'cell': backward}
    carries, outputs = layer.apply({'params': params}, x)
    return jnp.concatenate([h for _, h in carries], -1), outputs

  def our_layer(forward, backward, x):
    projects, params = zip(ours(forward), ours(backward))
    params = jax.tree.map(lambda *leaves: jnp.stack(leaves), *params)
    layer = lstm.BiLSTM(2 * WIDTH)
    projected = x @ jnp.concatenate(projects, axis=-1)
    return layer.apply({'params': {'VmapLSTM_0': params}}, projected)

  expected = value_and_grads(flax_layer, forward, backward, x)
  assert_close(value_and_grads(our_layer, forward, backward, x), expected)


def test_starts_remembering_with_nearly_orthonormal_rows():
  x = jnp.zeros((1, 1, 4 * 64))
  params = lstm.LSTM(64).init(jax.random.key(0), x)['params']
  expected = np.repeat([0, 1, 0, 0], 64)  # input, forget, cell, output
  np.testing.assert_array_equal(params['bias'], expected)
  stretch = np.linalg.svd(params['kernel'], compute_uv=False)
  assert 0.4 < stretch.min() < stretch.max() < 1.6


def test_an_odd_width_is_named():
  with pytest.raises(ValueError, match='width is 5'):
    lstm.BiLSTM(5).init(jax.random.key(0), jnp.zeros((2, 1, 20)))
