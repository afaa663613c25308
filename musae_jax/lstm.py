"""The recurrent core: LSTM layers for any hardware, with their own gradient.

Of a layer only `hidden @ kernel` needs the timestep before it, so that alone
is in the loop. What goes in, `x @ W`, is projected for all timesteps at once
with whatever suits x, and of the gradients only those of the hidden and cell
state run backwards through the loop: each weight's is one product after it.

Arrays are time-major here, [t, b, ...], as the loop reads them. The gates lie
side by side in the order input, forget, cell, output.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float, Int

Carry = tuple[Float[Array, 'b h'], Float[Array, 'b h']]  # cell, hidden


class Compute(NamedTuple):
  """How to compute what the model says; `for_platform` knows what is fast.

  Attributes:
    dtype: of the operands of matrix products, and of what is kept for the
      gradient; sums, gates, cell and parameters are float32 always.
    unroll: timesteps in one turn of the loop.
    stacked: whether layers that run beside each other (both directions, the
      four tracks) share one loop of batched products, or run one by one.
    in_place: whether the gates take the memory of what they are made of, and
      their gradient theirs. XLA's CPU backend would rather copy all of it at
      each timestep.
    remat: whether the gates are computed again for the gradient, in one
      product for all timesteps, rather than kept.
  """

  dtype: str = 'float32'
  unroll: int = 1
  stacked: bool = False
  in_place: bool = False
  remat: bool = False


def for_platform(platform: str) -> Compute:
  """What is fastest on 'cpu', 'gpu' or 'tpu'; docs/results.md has the figures.

  An accelerator needs stacking to fill it and unrolling to be launched less
  often; on a CPU, loops run one by one keep their states in the cache.
  """
  if platform == 'cpu':
    return Compute()
  return Compute(dtype='bfloat16', unroll=8, stacked=True, in_place=True)


def beside(function: Callable, stacked: bool) -> Callable:
  """`function` over the first axis of its arguments and results, as `jax.vmap`.

  Args:
    function: of arrays, or trees of arrays.
    stacked: whether as one batched call, or one call after the other.
  """
  if stacked:
    return jax.vmap(function)

  def one_by_one(*args):
    leaves, tree = jax.tree.flatten(args)
    calls = zip(*(jnp.unstack(leaf) for leaf in leaves))
    results = [function(*jax.tree.unflatten(tree, call)) for call in calls]
    return jax.tree.map(lambda *rows: jnp.stack(rows), *results)

  return one_by_one


def _matmul(x, y):
  """`x @ y`, summed in float32."""
  return jnp.matmul(x, y, preferred_element_type=jnp.float32)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def product(
  x: Float[Array, '*n k'], kernel: Float[Array, 'k m'], dtype: str
) -> Float[Array, '*n m']:
  """`x @ kernel` with the kernel rounded to x's dtype, summed in float32.

  The gradient's products take the same operands, so that the kernel's too is
  a float32 sum; autodiff would multiply in float32, or sum in bfloat16.

  Args:
    x: in the dtype to multiply in.
    kernel: float32.
    dtype: of the result.
  """
  return _matmul(x, kernel.astype(x.dtype)).astype(dtype)


def _product_forward(x, kernel, dtype):
  return product(x, kernel, dtype), (x, kernel)


def _product_backward(dtype, kept, slope):
  x, kernel = kept
  slope = slope.astype(x.dtype)
  x_slope = product(slope, kernel.T, x.dtype.name)
  return x_slope, _weight_slope(x, slope)


product.defvjp(_product_forward, _product_backward)


def _weight_slope(x, slope):
  """The gradient of W, given x and the gradient of x @ W: sum of x^T slope."""
  axes = tuple(range(x.ndim - 1))
  return jnp.tensordot(
    x, slope, (axes, axes), preferred_element_type=jnp.float32
  )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def row_sum(
  rows: Int[Array, '*n parts'], table: Float[Array, 'rows m'], dtype: str
) -> Float[Array, '*n m']:
  """The sum of some rows of a table: its product with a vector of ones.

  Forwards a gather; the table's gradient as the matrix product that it is,
  which is as fast as adding row by row on a CPU, has no order of additions to
  depend on, and is what an accelerator is made for.

  Args:
    rows: which ones; none twice.
    table: float32.
    dtype: of the result, and of the gradient's operands.
  """
  parts = [table[rows[..., i]] for i in range(rows.shape[-1])]
  return sum(parts).astype(dtype)


def _row_sum_forward(rows, table, dtype):
  return row_sum(rows, table, dtype), (rows, table)


def _row_sum_backward(dtype, kept, slope):
  rows, table = kept
  ones = (rows[..., None] == np.arange(len(table))).any(-2)
  return None, _weight_slope(ones.astype(dtype), slope.astype(dtype))


row_sum.defvjp(_row_sum_forward, _row_sum_backward)


def _activations(gates):
  """Input, forget, cell and output, from what the gates receive."""
  i, f, g, o = jnp.split(gates, 4, axis=-1)
  return _sigmoid(i), _sigmoid(f), jnp.tanh(g), _sigmoid(o)


def _sigmoid(x):
  """As a hyperbolic tangent: XLA's own costs a division and an exponential."""
  return 0.5 * jnp.tanh(0.5 * x) + 0.5


@functools.partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def recurrence(
  projected: Float[Array, '*t b 4h'],
  kernel: Float[Array, 'h 4h'],
  bias: Float[Array, '4h'],
  carry: Carry,
  num_steps: int,
  compute: Compute,
) -> tuple[Carry, Float[Array, 't b h']]:
  """The final carry and the hidden states of an LSTM.

  Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000; the
  same arithmetic as flax's OptimizedLSTMCell. With p what comes in, U the
  kernel and * by element,

      i, f, o = sigmoid(p_t + b + h_{t-1} U)      g = tanh(p_t + b + h_{t-1} U)
      c_t = f * c_{t-1} + i * g                   h_t = o * tanh(c_t)

  Backwards, with dx for the gradient of the loss by x and a_t for the argument
  of the four gates, from the last timestep to the first:

      dh_t = (from the layer above) + da_{t+1} U^T
      dc_t = f_{t+1} * dc_{t+1} + dh_t * o * (1 - tanh(c_t)^2)
      da_t = dc_t * g * i (1 - i), dc_t * c_{t-1} * f (1 - f),
             dc_t * i * (1 - g^2), dh_t * tanh(c_t) * o (1 - o)

  and after the loop dp = da, db = sum_t da_t, dU = sum_t h_{t-1}^T da_t: each a
  sum over time that the loop need not carry. Kept from the way forwards are
  h_t, c_{t-1} and the gates; tanh(c_t) is computed again.

  Args:
    projected: input of the gates, in the dtype of `compute`; or, without a
      time axis and the same throughout, float32.
    kernel: hidden state to gates.
    bias: of the gates.
    carry: initial cell and hidden state.
    num_steps: number of timesteps.
    compute: how.

  Returns:
    The carry, its cell float32, its hidden state and the hidden states in the
    dtype of `compute`.
  """
  carry, (hiddens,) = _run(
    projected, kernel, bias, carry, num_steps, compute, 0
  )
  return carry, hiddens


def _run(projected, kernel, bias, carry, num_steps, compute, kept):
  """The final carry, and all hidden states with `kept` more arrays.

  These are the cells before each timestep, then the gates.
  """
  dtype = jnp.dtype(compute.dtype)
  constant = projected.ndim == 2

  @_stackable
  def run(projected, kernel, bias, carry):
    def step(carry, x, written):
      cell, hidden = carry
      if constant:
        x = projected
      elif kept == 2:
        x = written[2]
      total = x + bias[..., None, :] + _matmul(hidden, kernel)
      i, f, g, o = _activations(total)
      before, cell = cell, f * cell + i * g
      hidden = (o * jnp.tanh(cell)).astype(dtype)
      rows = hidden, before, jnp.concatenate([i, f, g, o], axis=-1)
      rows = [row.astype(dtype) for row in rows[: 1 + kept]]
      return (cell, hidden), tuple(rows)

    def empty(x):
      return jnp.zeros((*x.shape[:-2], num_steps, *x.shape[-2:]), dtype)

    # The gates take the place of what was projected.
    gates = empty(projected) if constant else projected
    written = empty(carry[1]), empty(carry[0]), gates
    read = None if constant or kept == 2 else projected
    return _scan(step, carry, read, written[: 1 + kept], compute)

  cell, hidden = carry
  return run(
    projected, kernel.astype(dtype), bias, (cell, hidden.astype(dtype))
  )


def _run_back(slopes, read, gates, kernel, compute):
  """The gradients of carry and gates.

  Args:
    slopes: gradients of the final carry.
    read: gradients of the hidden states, and the cells before each timestep.
    gates: of each timestep.
    kernel: hidden state to gates.
    compute: how.
  """

  @_stackable
  def run(slopes, read, gates, transposed):
    def step(slopes, read, gates):
      cell_slope, hidden_slope = slopes
      output_slope, cell = read
      i, f, g, o = jnp.split(gates.astype(jnp.float32), 4, axis=-1)
      squashed = jnp.tanh(f * cell + i * g)
      hidden_slope += output_slope
      cell_slope += hidden_slope * o * (1 - squashed**2)
      slope = (
        cell_slope * g * i * (1 - i),
        cell_slope * cell * f * (1 - f),
        cell_slope * i * (1 - g**2),
        hidden_slope * squashed * o * (1 - o),
      )
      slope = jnp.concatenate(slope, axis=-1).astype(gates.dtype)
      return (cell_slope * f, _matmul(slope, transposed)), slope

    return _scan(step, slopes, read, gates, compute, reverse=True)

  slopes = jax.tree.map(lambda x: x.astype(jnp.float32), slopes)
  return run(slopes, read, gates, kernel.T.astype(gates.dtype))


def _stackable(function):
  """`function`, whose `vmap` is itself on arrays with one more leading axis.

  That of a loop over time would read and write blocks of a stack by gathering
  and scattering, which XLA does not take back.
  """
  function = jax.custom_batching.custom_vmap(function)

  @function.def_vmap
  def on_stack(size, stacked, *args):
    def stack(x, is_stacked):
      return x if is_stacked else jnp.broadcast_to(x, (size, *x.shape))

    result = function(*jax.tree.map(stack, args, tuple(stacked)))
    return result, jax.tree.map(lambda x: True, result)

  return function


def _scan(step, carry, read, written, compute, reverse=False):
  """`lax.scan` whose results may take the place of arrays that it is given.

  In place, each turn of the loop reads a block of timesteps and then writes
  one. Arrays that nobody else needs keep their memory: that of the results is
  that of the inputs, neither allocated beside it nor filled before.

  Args:
    step: of the carry, a timestep of `read` and one of `written`; returns the
      carry and what to write.
    carry: before the first timestep.
    read: tree of arrays, [..., t, b, h].
    written: tree of arrays, [..., t, b, h].
    compute: whether in place; its `unroll` is rounded down to a divisor of t.
    reverse: from the last timestep to the first.

  Returns:
    The last carry, and `written` with the results.
  """
  num_steps = jax.tree.leaves(written)[0].shape[-3]
  size = next(k for k in range(compute.unroll, 0, -1) if num_steps % k == 0)
  if not compute.in_place:
    first = functools.partial(jnp.moveaxis, source=-3, destination=0)
    carry, rows = jax.lax.scan(
      lambda carry, x: step(carry, *x),
      carry,
      jax.tree.map(first, (read, written)),
      reverse=reverse,
      unroll=size,
    )
    back = functools.partial(jnp.moveaxis, source=0, destination=-3)
    return carry, jax.tree.map(back, rows)

  def turn(i, state):
    carry, written = state
    start = num_steps - size - i * size if reverse else i * size

    def timestep(k):
      return lambda x: jax.lax.dynamic_index_in_dim(
        x, start + k, axis=-3, keepdims=False
      )

    rows = [None] * size
    for k in range(size)[::-1] if reverse else range(size):
      here = jax.tree.map(timestep(k), (read, written))
      carry, rows[k] = step(carry, *here)
    written = jax.tree.map(
      lambda x, *rows: jax.lax.dynamic_update_slice_in_dim(
        x, jnp.stack(rows, axis=-3), start, axis=-3
      ),
      written,
      *rows,
    )
    return carry, written

  return jax.lax.fori_loop(0, num_steps // size, turn, (carry, written))


def _forward(projected, kernel, bias, carry, num_steps, compute):
  kept = 1 if compute.remat else 2
  after, (hiddens, cells, *gates) = _run(
    projected, kernel, bias, carry, num_steps, compute, kept
  )
  # The names are for `_layer`, of which only these are kept if it is asked.
  hiddens = checkpoint_name(hiddens, 'hiddens')
  cells = checkpoint_name(cells, 'cells')
  # Where the gates are kept, they lie where `projected` lay.
  projected = projected if compute.remat else projected[:0]
  kept = projected, kernel, bias, carry, hiddens, cells, gates
  return (after, hiddens), kept


def _backward(num_steps, compute, kept, slopes):
  projected, kernel, bias, carry, hiddens, cells, gates = kept
  carry_slopes, hiddens_slope = slopes
  hidden = carry[1].astype(compute.dtype)
  hiddens = jnp.concatenate([hidden[None], hiddens[:-1]])
  if compute.remat:
    total = projected + bias + product(hiddens, kernel, compute.dtype)
    gates = [jnp.concatenate(_activations(total), -1).astype(compute.dtype)]
  carry_slopes, gates_slope = _run_back(
    carry_slopes, (hiddens_slope, cells), *gates, kernel, compute
  )
  kernel_slope = _weight_slope(hiddens, gates_slope)
  over_time = gates_slope.sum(0, dtype=jnp.float32)
  projected_slope = over_time if projected.ndim == 2 else gates_slope
  return projected_slope, kernel_slope, over_time.sum(0), carry_slopes


recurrence.defvjp(_forward, _backward)


# Keras, the authors' library, makes the rows orthonormal. Normal draws are
# nearly so for a matrix four times as wide as high (singular values .5 to
# 1.5), without QR factorisations: several in one program took XLA's CPU
# backend a second each to compile, and at width 256 it deadlocked in them.
_nearly_orthonormal = nn.initializers.variance_scaling(1, 'fan_out', 'normal')


def _remember(key, shape):
  """Zeros, and ones for the forget gate, as in Keras, the authors' library."""
  del key
  return jnp.zeros((4, shape[0] // 4)).at[1].set(1).reshape(shape)


class LSTM(nn.Module):
  """One layer, forwards in time.

  Attributes:
    width: size of the hidden state.
    num_rows: where the input is given by the rows of the input's matrix that
      it is the sum of (a few one-hots side by side), how many it has.
    compute: how.
  """

  width: int
  num_rows: int | None = None
  compute: Compute = Compute()

  @nn.compact
  def __call__(
    self,
    x: Float[Array, '*t b k'] | Int[Array, 't b parts'],
    carry: Carry | None = None,
    num_steps: int | None = None,
  ) -> tuple[Carry, Float[Array, 't b h']]:
    """The final carry and the outputs; see `recurrence`.

    Args:
      x: inputs; without a time axis, the same at each timestep.
      carry: zeros where None.
      num_steps: needed only where `x` has no time axis.

    Raises:
      ValueError: `num_steps` is missing, or not that of `x`.
    """
    if x.ndim == 3 and num_steps not in (None, len(x)):
      raise ValueError(
        f'num_steps is {num_steps}, expected that of x: {len(x)}'
      )
    if x.ndim == 2 and num_steps is None:
      raise ValueError('num_steps is missing, expected it where x has no time')
    gates = 4 * self.width
    if self.num_rows is None:
      inputs = nn.initializers.lecun_normal(), (x.shape[-1], gates)
    else:
      # So that the gates' input has variance 1.
      stddev = x.shape[-1] ** -0.5
      inputs = nn.initializers.normal(stddev), (self.num_rows, gates)
    inputs = self.param('inputs', *inputs)
    kernel = self.param('kernel', _nearly_orthonormal, (self.width, gates))
    bias = self.param('bias', _remember, (gates,))
    if carry is None:
      zeros = jnp.zeros((x.shape[-2], self.width))
      carry = (zeros, zeros)
    layer = functools.partial(
      _layer,
      num_steps=len(x) if num_steps is None else num_steps,
      compute=self.compute,
    )
    if self.compute.remat:
      kept = jax.checkpoint_policies.save_only_these_names('hiddens', 'cells')
      layer = jax.checkpoint(layer, policy=kept)
    return layer(x, inputs, kernel, bias, carry)


def _layer(x, inputs, kernel, bias, carry, num_steps, compute):
  """The final carry and the outputs of a layer, given its parameters."""
  if jnp.issubdtype(x.dtype, jnp.integer):
    projected = row_sum(x, inputs, compute.dtype)
  else:
    # What is projected once, and not at each timestep, costs nothing.
    dtype = 'float32' if x.ndim == 2 else compute.dtype
    projected = product(x.astype(dtype), inputs, dtype)
  return recurrence(projected, kernel, bias, carry, num_steps, compute)


class BiLSTM(nn.Module):
  """Two layers that read in opposite directions, from zero states.

  Attributes:
    width: of both directions together; even.
    num_rows: as in `LSTM`.
    compute: how.
  """

  width: int
  num_rows: int | None = None
  compute: Compute = Compute()

  @nn.compact
  def __call__(
    self, x: Float[Array, 't b k'] | Int[Array, 't b parts']
  ) -> tuple[Float[Array, 'b 2h'], Float[Array, 't b 2h']]:
    """What each direction holds at its own end, and the outputs.

    The backward direction ends at timestep 0: the last output is not its end.
    """
    if self.width % 2:
      raise ValueError(f'width is {self.width}, expected an even number')
    layer = LSTM(self.width // 2, self.num_rows, self.compute, parent=None)
    params = self.param('directions', copies(layer, 2, x))
    run = beside(
      lambda params, x: layer.apply({'params': params}, x), self.compute.stacked
    )
    (_, end), outputs = run(params, jnp.stack([x, x[::-1]]))
    outputs = jnp.concatenate([outputs[0], outputs[1, ::-1]], axis=-1)
    return jnp.concatenate(list(end), axis=-1), outputs


def copies(module: nn.Module, num: int, *args) -> Callable:
  """Initialiser of `num` sets of parameters, for `beside` to run over.

  Args:
    module: whose parameters.
    num: how many sets; the first axis of each array.
    *args: of the module's call.
  """

  def init(key):
    init_one = jax.vmap(lambda key: module.init(key, *args)['params'])
    return init_one(jax.random.split(key, num))

  return init
