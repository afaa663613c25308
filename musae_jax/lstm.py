"""The recurrent core: LSTM layers whose input projection is hoisted.

Only `h @ kernel` needs the step before it, so that alone is in the loop. What
goes in, `x @ W`, is projected by the caller for all timesteps at once, with
whatever suits x: a dense layer, a gather where x is one-hot, a single product
where x is constant in time.

Arrays are time-major here, [t, b, ...], as the scan reads them. The gates lie
side by side in the order input, forget, cell, output. Layers that run beside
each other (both directions, the four tracks) are stacked with `nn.vmap`: one
scan, batched products, a quarter of the kernel launches on an accelerator.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Carry = tuple[Float[Array, 'b h'], Float[Array, 'b h']]  # cell, hidden


def recurrence(
  projected: Float[Array, '*t b 4h'],
  kernel: Float[Array, 'h 4h'],
  carry: Carry,
  num_steps: int | None = None,
) -> tuple[Carry, Float[Array, 't b h']]:
  """The final carry and the hidden states of an LSTM.

  Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000; the
  same arithmetic as flax's OptimizedLSTMCell.

  Args:
    projected: input and bias of the gates; without a time axis, the same at
      each of `num_steps` timesteps.
    kernel: hidden state to gates.
    carry: initial cell and hidden state.
    num_steps: needed only where `projected` has no time axis.
  """
  constant = projected.ndim == 2

  def step(carry, x):
    cell, hidden = carry
    gates = (projected if constant else x) + hidden @ kernel
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    cell = nn.sigmoid(f) * cell + nn.sigmoid(i) * jnp.tanh(g)
    hidden = nn.sigmoid(o) * jnp.tanh(cell)
    return (cell, hidden), hidden

  return jax.lax.scan(step, carry, None if constant else projected, num_steps)


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
  """

  width: int

  @nn.compact
  def __call__(
    self,
    projected: Float[Array, '*t b 4h'],
    carry: Carry | None = None,
    num_steps: int | None = None,
  ) -> tuple[Carry, Float[Array, 't b h']]:
    """The final carry and the outputs; see `recurrence`.

    Args:
      projected: `x @ W` without a bias, which is the layer's.
      carry: zeros where None.
      num_steps: needed only where `projected` has no time axis.
    """
    kernel = self.param(
      'kernel', _nearly_orthonormal, (self.width, 4 * self.width)
    )
    bias = self.param('bias', _remember, (4 * self.width,))
    if carry is None:
      zeros = jnp.zeros((projected.shape[-2], self.width), projected.dtype)
      carry = (zeros, zeros)
    return recurrence(projected + bias, kernel, carry, num_steps)


class BiLSTM(nn.Module):
  """Two layers that read in opposite directions, from zero states.

  Attributes:
    width: of both directions together; even.
  """

  width: int

  @nn.compact
  def __call__(
    self, projected: Float[Array, 't b 8h']
  ) -> tuple[Float[Array, 'b 2h'], Float[Array, 't b 2h']]:
    """What each direction holds at its own end, and the outputs.

    The backward direction ends at timestep 0: the last output is not its end.

    Args:
      projected: `x @ W` without a bias, forwards and backwards side by side.
    """
    if self.width % 2:
      raise ValueError(f'width is {self.width}, expected an even number')
    forward, backward = jnp.split(projected, 2, axis=-1)
    both = nn.vmap(
      LSTM, variable_axes={'params': 0}, split_rngs={'params': True}
    )(self.width // 2)
    (_, end), outputs = both(jnp.stack([forward, backward[::-1]]))
    outputs = jnp.concatenate([outputs[0], outputs[1, ::-1]], axis=-1)
    return jnp.concatenate(list(end), axis=-1), outputs
