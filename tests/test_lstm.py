"""Ours against flax's cells, values and gradients."""

import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from musae_jax import layers
from musae_jax.compute import Compute, for_platform
from musae_jax.lstm import recurrence

NUM_STEPS, BATCH, INPUT, WIDTH = 15, 3, 4, 6


def ours(cell):
  """A flax cell's parameters as ours."""

  def beside(side, kind):
    gates = [cell[side + gate][kind] for gate in 'ifgo']
    return jnp.concatenate(gates, axis=-1)

  return {
    'inputs': beside('i', 'kernel'),
    'kernel': beside('h', 'kernel'),
    'bias': beside('h', 'bias'),
  }


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


def flax_layer(params, x, carry):
  rnn = nn.RNN(nn.OptimizedLSTMCell(WIDTH), time_major=True, return_carry=True)
  if x.ndim == 2:
    x = jnp.broadcast_to(x, (NUM_STEPS, *x.shape))
  return rnn.apply({'params': {'cell': params}}, x, initial_carry=carry)


def flax_both_directions(forward, backward, x):
  layers = [nn.RNN(nn.OptimizedLSTMCell(WIDTH)) for _ in range(2)]
  layer = nn.Bidirectional(*layers, time_major=True, return_carry=True)
  params = {'forward_rnn': {'cell': forward}}
  params['backward_rnn'] = {'cell': backward}
  carries, outputs = layer.apply({'params': params}, x)
  return jnp.concatenate([h for _, h in carries], -1), outputs


def layer(compute):
  module = layers.LSTM(WIDTH, compute=compute)
  return lambda params, x, carry: module.apply(
    {'params': ours(params)}, x, carry, NUM_STEPS
  )


def both_directions(compute):
  module = layers.BiLSTM(2 * WIDTH, compute=compute)

  def run(forward, backward, x):
    params = jax.tree.map(
      lambda *leaves: jnp.stack(leaves), ours(forward), ours(backward)
    )
    return module.apply({'params': {'directions': params}}, x)

  return run


# Of the 15 timesteps, blocks of 1, 3, 5 (4 and 6 do not divide 15), and all.
COMPUTES = [
  Compute('float32', unroll, stacked, in_place, remat)
  for unroll, stacked, in_place, remat in [
    (1, False, False, False),
    (1, True, False, False),
    (4, True, True, False),
    (6, False, True, True),
    (15, True, False, True),
  ]
]


@pytest.fixture(scope='module', params=[False, True])
def one_layer(request, arrays):
  """Arguments, with inputs that change or are constant, and flax's answer."""
  x, carry, params = arrays
  args = params, x[0] if request.param else x, carry
  return args, value_and_grads(flax_layer, *args)


@pytest.fixture(scope='module')
def two_directions(arrays):
  x, _, forward = arrays
  args = forward, noisy(forward, seed=2), x
  return args, value_and_grads(flax_both_directions, *args)


@pytest.mark.parametrize('compute', COMPUTES)
def test_equals_flax_cell_from_a_carry(one_layer, compute):
  args, expected = one_layer
  assert_close(value_and_grads(layer(compute), *args), expected)


@pytest.mark.parametrize('compute', COMPUTES)
def test_both_directions_equal_flax(two_directions, compute):
  args, expected = two_directions
  assert_close(value_and_grads(both_directions(compute), *args), expected)


def test_a_single_timestep_of_a_single_phrase_equals_flax(arrays):
  x, carry, params = jax.tree.map(lambda a: a, arrays)
  x, carry = x[:1, :1], jax.tree.map(lambda a: a[:1], carry)
  module = layers.LSTM(WIDTH, compute=COMPUTES[2])
  actual = value_and_grads(
    lambda params, x, carry: module.apply({'params': ours(params)}, x, carry),
    params,
    x,
    carry,
  )
  assert_close(actual, value_and_grads(flax_layer, params, x, carry))


def bfloat16(**changes):
  return Compute('bfloat16', **changes)


@pytest.mark.parametrize(
  'compute', [bfloat16(), bfloat16(unroll=5, stacked=True, in_place=True)]
)
def test_bfloat16_stays_within_its_rounding(two_directions, compute):
  """A rounding errs by 2^-9; a gradient here is a sum over all timesteps.

  In norm: 1 % for what comes out, 2 % for any one gradient, of which the
  direction is right to a cosine of .999.
  """
  args, expected = two_directions
  actual = value_and_grads(both_directions(compute), *args)
  for bound, found, exact in zip((0.01, 0.02), actual, expected):
    assert_rounded(found, exact, bound, cosine=0.999)


def assert_rounded(actual, expected, bound, cosine):
  """Off in norm by some, and less than the bound; in the right direction."""
  assert jax.tree.structure(actual) == jax.tree.structure(expected)
  for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected)):
    a, e = (np.asarray(y, np.float32).ravel() for y in (a, e))
    assert 0 < np.linalg.norm(a - e) < bound * np.linalg.norm(e)
    assert a @ e > cosine * np.linalg.norm(a) * np.linalg.norm(e)


def test_bfloat16_rounds_no_more_over_sixteen_bars():
  """Weights as they begin, 256 timesteps: 1 % in norm, a cosine of .9999."""
  width, x = 64, np.random.default_rng(0).normal(size=(256, 4, 64))
  params = layers.LSTM(width).init(jax.random.key(0), x)

  def run(compute):
    module = layers.LSTM(width, compute=compute)

    def total(params, x):
      outputs = module.apply(params, x)[1].astype(jnp.float32)
      return scalar(outputs), outputs

    grads, outputs = jax.jit(jax.grad(total, (0, 1), has_aux=True))(params, x)
    return outputs, grads

  exact = run(Compute())
  assert_rounded(run(bfloat16(unroll=8)), exact, 0.01, cosine=0.9999)


def rounded(x):
  return np.asarray(jnp.asarray(x, jnp.bfloat16), np.float32)


def by_hand(projected, kernel, bias, carry, hidden_slopes, cell_slope):
  """Equations of `recurrence`, rounded where `Compute.dtype` says; float32.

  Returns:
    Final cell, hidden states; gradients of projected, kernel, bias and cell.
  """
  kernel, (cell, hidden) = rounded(kernel), carry
  hidden, kept = rounded(hidden), []
  for x in rounded(projected):
    i, f, g, o = np.split(x + bias + hidden @ kernel, 4, axis=-1)
    i, f, g, o = *(1 / (1 + np.exp(-y)) for y in (i, f)), np.tanh(g), o
    o = 1 / (1 + np.exp(-o))
    before, hidden_before, cell = cell, hidden, f * cell + i * g
    hidden = rounded(o * np.tanh(cell))
    kept.append((*map(rounded, (i, f, g, o, before)), hidden_before, hidden))
  slopes, kernel_slope, back = [], 0, np.zeros_like(hidden)
  dc = cell_slope
  for (i, f, g, o, before, hidden_before, _), dh in zip(
    kept[::-1], rounded(hidden_slopes)[::-1]
  ):
    dh, tanh = dh + back, np.tanh(f * before + i * g)
    dc = dc + dh * o * (1 - tanh**2)
    da = np.concatenate(
      [
        dc * g * i * (1 - i),
        dc * before * f * (1 - f),
        dc * i * (1 - g**2),
        dh * tanh * o * (1 - o),
      ],
      axis=-1,
    )
    da = rounded(da)
    back, dc = da @ kernel.T, dc * f
    kernel_slope = kernel_slope + hidden_before.T @ da
    slopes.append(da)
  slopes = np.stack(slopes[::-1])
  hiddens = np.stack([row[-1] for row in kept])
  return cell, hiddens, slopes, kernel_slope, slopes.sum((0, 1)), dc


@pytest.mark.parametrize(
  'compute', [bfloat16(), bfloat16(unroll=5, in_place=True)]
)
def test_bfloat16_rounds_where_it_says_and_nowhere_else(compute):
  """Gates, cell and sums are float32: nearer than the 2^-9 of bfloat16."""
  rng = np.random.default_rng(0)
  shapes = (NUM_STEPS, BATCH, 4 * WIDTH), (WIDTH, 4 * WIDTH), (4 * WIDTH,)
  projected, kernel, bias = (
    rng.normal(0, 0.5, shape).astype(np.float32) for shape in shapes
  )
  carry = tuple(rng.normal(size=(2, BATCH, WIDTH)).astype(np.float32))
  hidden_slopes = rng.normal(size=(NUM_STEPS, BATCH, WIDTH))
  hidden_slopes = hidden_slopes.astype(np.float32)
  cell_slope = rng.normal(size=(BATCH, WIDTH)).astype(np.float32)

  def run(projected, kernel, bias, carry):
    (cell, _), hiddens = recurrence(
      projected, kernel, bias, carry, NUM_STEPS, compute
    )
    return cell, hiddens

  args = jnp.asarray(projected, jnp.bfloat16), kernel, bias, carry
  (cell, hiddens), pull_back = jax.vjp(run, *args)
  slopes, kernel_slope, bias_slope, (first, _) = pull_back(
    (cell_slope, jnp.asarray(hidden_slopes, jnp.bfloat16))
  )
  found = cell, hiddens, slopes, kernel_slope, bias_slope, first
  expected = by_hand(projected, kernel, bias, carry, hidden_slopes, cell_slope)
  for a, e in zip(found, expected, strict=True):
    error = np.linalg.norm(np.float32(a) - e) / np.linalg.norm(e)
    assert error < 2**-12


def test_rounding_is_of_operands_only(arrays):
  x, carry, params = arrays
  (cell, hidden), outputs = layer(bfloat16())(params, x, carry)
  assert cell.dtype == jnp.float32
  assert hidden.dtype == outputs.dtype == jnp.bfloat16
  grads = jax.grad(lambda *a: scalar(layer(bfloat16())(*a)[0][0]), (0, 1))
  for leaf in jax.tree.leaves(grads(params, x, carry)):
    assert leaf.dtype == jnp.float32


def test_rematerialising_keeps_neither_gates_nor_inputs(capsys):
  """What is kept: parameters, x, hidden states and cells."""

  def kept(remat):
    module = layers.LSTM(8, compute=Compute(remat=remat))
    x = jnp.zeros((16, 3, 5))
    params = module.init(jax.random.key(0), x)
    jax.ad_checkpoint.print_saved_residuals(
      lambda p: module.apply(p, x)[1].sum(), params
    )
    return capsys.readouterr().out

  gates = 'f32[16,3,32]'
  assert gates in kept(False)
  assert gates not in kept(True)
  assert kept(True).count('f32[16,3,8]') == 2


@pytest.mark.parametrize('constant', [False, True])
def test_no_turn_of_a_loop_copies_all_timesteps_on_a_cpu(arrays, constant):
  """Which would cost the square of their number."""
  x, carry, params = arrays

  def loss(*args):
    return scalar(layer(for_platform('cpu', depth=3))(*args))

  args = params, x[0] if constant else x, carry
  text = jax.jit(jax.grad(loss, (0, 1, 2))).lower(*args).compile().as_text()
  # A computation is '%name (arguments) -> result {' and lines up to a '}'.
  texts = dict(re.findall(r'^%(\S+) \(.*\{\n((?: .*\n)*)', text, re.MULTILINE))
  bodies = [texts[name] for name in re.findall(r'body=%([^\s,]+)', text)]
  assert len(bodies) == 2  # there and back
  for body in bodies:
    assert f'f32[{NUM_STEPS},{BATCH},' in body
    assert not re.search(rf'f32\[{NUM_STEPS},{BATCH},\d+\]\S* copy', body)
