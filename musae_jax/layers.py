"""Layers of LSTMs, as modules: one direction, both, and copies side by side.

Time-major, [t, b, ...], as `lstm.recurrence`, which they run.
"""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from musae_jax.compute import Compute
from musae_jax.lstm import Carry, recurrence
from musae_jax.products import product, row_sum

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
      ValueError: `num_steps` is missing, or not that of `x`, or 0.
    """
    if x.ndim == 3 and num_steps not in (None, len(x)):
      raise ValueError(
        f'num_steps is {num_steps}, expected that of x: {len(x)}'
      )
    if x.ndim == 2 and num_steps is None:
      raise ValueError('num_steps is missing, expected it where x has no time')
    num_steps = len(x) if num_steps is None else num_steps
    if num_steps < 1:
      raise ValueError(f'num_steps is {num_steps}, expected at least 1')
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
    layer = functools.partial(_layer, num_steps=num_steps, compute=self.compute)
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
