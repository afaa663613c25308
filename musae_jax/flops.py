"""The matrix products of one update, and what share of a device they fill.

Counted are the products that the mathematics needs, as for the model FLOPs
utilisation (MFU) of Chowdhery et al. 2022 (arXiv:2204.02311), appendix B: each
is 2 m k n for matrices of m x k and k x n, and it comes forwards, for the
gradient by its input and for the gradient by its weights. Nothing elementwise
is counted, and nothing that is computed again to save memory. Nor is what is
no product, or has no gradient:

- the encoder's first layer adds up rows of its weights, and the gradient of
  these adds up too, though `products.row_sum` makes it a product with one-hots;
- its layers start from a hidden state of zeros, which they need not multiply;
- z, the decoder's input at each timestep, is projected once;
- tokens, genres, and the codes that the critic learns from are constants.
"""

from typing import NamedTuple

from musae_jax.models import Autoencoder, Critic, Decoder, Encoder
from musae_jax.pianoroll import NUM_TOKENS, TRACKS
from musae_jax.training import Settings

# Dense bfloat16 FLOP/s of one device, keyed by JAX's `device_kind`. Where the
# source gives the figure with sparsity only, half of it.
PEAK = {
  # NVIDIA A100 Tensor Core GPU datasheet.
  'NVIDIA A100-SXM4-40GB': 312e12,
  'NVIDIA A100-SXM4-80GB': 312e12,
  'NVIDIA A100-PCIE-40GB': 312e12,
  'NVIDIA A100 80GB PCIe': 312e12,
  # NVIDIA H100 Tensor Core GPU datasheet: 1,979, 1,513 and 1,671 with sparsity.
  'NVIDIA H100 80GB HBM3': 989.5e12,
  'NVIDIA H100 PCIe': 756.5e12,
  'NVIDIA H100 NVL': 835.5e12,
  # NVIDIA H200 Tensor Core GPU datasheet: 1,979 and 1,671 with sparsity.
  'NVIDIA H200': 989.5e12,
  'NVIDIA H200 NVL': 835.5e12,
  # Google Cloud's pages "TPU v4", "TPU v5e", "TPU v5p" and "TPU v6e": peak
  # compute per chip. JAX knows the last three by two names each.
  'TPU v4': 275e12,
  'TPU v5 lite': 197e12,
  'TPU v5e': 197e12,
  'TPU v5': 459e12,
  'TPU v5p': 459e12,
  'TPU v6 lite': 918e12,
  'TPU v6e': 918e12,
}
# Their slope is the same on either side of a kink.
_PIECEWISE_LINEAR = ('leaky_relu',)


class Flops(NamedTuple):
  """Of one update, by network; the critic's are those of both phases."""

  encoder: int
  decoder: int
  critic: int

  @property
  def total(self) -> int:
    """Of all three."""
    return sum(self)


def train_step(
  model: Autoencoder, settings: Settings, num_steps: int, batch_size: int
) -> Flops:
  """The model FLOPs of one call of `training.make_train_step`'s function.

  Args:
    model: whose sizes count; how it computes does not.
    settings: for the critic's updates, of which another regulariser has none.
      That one's own work, and what 'joint' phases add, is left out.
    num_steps: timesteps of a phrase.
    batch_size: phrases on all devices together.
  """
  return Flops(
    _encoder(model.encoder, num_steps, batch_size),
    _decoder(model.decoder, model.prior.dim, num_steps, batch_size),
    _critic(
      model.critic,
      model.prior.dim,
      model.prior.num_components,
      settings.critic_steps,
      batch_size,
    )
    if settings.regulariser == 'wgan_gp'
    else 0,
  )


def utilisation(
  flops_per_second: float, device_kind: str, num_devices: int = 1
) -> float | None:
  """MFU, in [0, 1]: the share of what the devices could do at their best.

  Their best is `PEAK`, dense bfloat16, whatever the products are made in: a
  run in float32 is shown what it forgoes.

  Args:
    flops_per_second: of all devices together.
    device_kind: as JAX has it.
    num_devices: how many.

  Returns:
    None for a kind that has no entry, such as 'cpu'.
  """
  if device_kind not in PEAK:
    return None
  return flops_per_second / (num_devices * PEAK[device_kind])


def _product(m: int, k: int, n: int) -> int:
  return 2 * m * k * n


def _encoder(encoder: Encoder, num_steps: int, batch_size: int) -> int:
  side, gates = encoder.width // 2, 4 * (encoder.width // 2)
  inputs = _product(num_steps * batch_size, encoder.width, gates)
  # The first timestep finds zeros.
  recurrent = _product((num_steps - 1) * batch_size, side, gates)
  layers = (encoder.depth - 1) * inputs + encoder.depth * recurrent
  mean = scale = _product(batch_size, encoder.width, encoder.latent_dim)
  # Forwards, by the inputs, by the weights.
  return 3 * (2 * layers + mean + scale)


def _decoder(
  decoder: Decoder, latent_dim: int, num_steps: int, batch_size: int
) -> int:
  width, gates = decoder.width, 4 * decoder.width
  rows = num_steps * batch_size
  recurrent = inputs = _product(rows, width, gates)
  track = (
    _product(batch_size, latent_dim, width)  # h0
    + _product(batch_size, latent_dim, gates)
    + (decoder.depth - 1) * inputs
    + decoder.depth * recurrent
    + _product(rows, width, NUM_TOKENS)
  )
  return 3 * len(TRACKS) * track


def _critic(
  critic: Critic,
  latent_dim: int,
  num_components: int,
  num_updates: int,
  batch_size: int,
) -> int:
  """Of its own updates, then of its score's gradient by z for the encoder.

  An update scores prior draws and codes, and takes the gradients by the
  weights. Between them it goes up to the last hidden layer and back down to z,
  for the slope that the penalty measures. The slope's own gradient goes that
  way back: each product of the way down has one by either factor, but for the
  first, which multiplies ones. If the activations are curved, the slope also
  depends on the way up, so that has its gradients too.
  """
  width = critic.width
  first = _product(batch_size, latent_dim + num_components, width)
  by_z = _product(batch_size, latent_dim, width)
  second = _product(batch_size, width, width)
  last = _product(batch_size, width, 1)
  score = first + second + last
  slope = last + second + by_z
  learn = score + score + (last + second)
  penalty = (first + second) + slope + (2 * slope - last)
  if critic.activation not in _PIECEWISE_LINEAR:
    penalty += (first + second) + second
  return num_updates * (2 * learn + penalty) + score + slope
