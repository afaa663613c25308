"""The recurrent core: an LSTM over time, for any hardware, with its gradient.

Of a layer only `hidden @ kernel` needs the timestep before it, so that alone
is in the loop. What goes in, `x @ W`, is projected for all timesteps at once
with whatever suits x, and of the gradients only those of the hidden and cell
state run backwards through the loop: each weight's is one product after it.

Arrays are time-major here, [t, b, ...], as the loop reads them. The gates lie
side by side in the order input, forget, cell, output.
"""

import functools

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from musae_jax.compute import Compute
from musae_jax.products import matmul, product, weight_slope

Carry = tuple[Float[Array, 'b h'], Float[Array, 'b h']]  # cell, hidden


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
      total = x + bias[..., None, :] + matmul(hidden, kernel)
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
      return (cell_slope * f, matmul(slope, transposed)), slope

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

  Raises:
    ValueError: `unroll` is less than 1.
  """
  if compute.unroll < 1:
    raise ValueError(f'unroll is {compute.unroll}, expected at least 1')
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
  # The names are for `layers`, of which only these are kept if it is asked.
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
  kernel_slope = weight_slope(hiddens, gates_slope)
  over_time = gates_slope.sum(0, dtype=jnp.float32)
  projected_slope = over_time if projected.ndim == 2 else gates_slope
  return projected_slope, kernel_slope, over_time.sum(0), carry_slopes


recurrence.defvjp(_forward, _backward)
