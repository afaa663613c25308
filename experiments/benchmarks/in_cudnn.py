"""The model with `jax.experimental.rnn`, JAX's own way into cuDNN's LSTM.

One call for all layers of a network, as with `torch.nn.LSTM`. NVIDIA GPUs
only, and float32 only: its products round to TF32 there.
"""

import dataclasses
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.experimental import rnn
from jaxtyping import Array, Float, UInt8

from experiments.benchmarks import handover, naive
from musae_jax import models, training
from musae_jax.pianoroll import NUM_TOKENS, TRACKS


class Layers(nn.Module):
  """LSTM layers in one call; their parameters are cuDNN's flat weights.

  Attributes:
    width: of each direction.
    depth: number of layers.
    bidirectional: whether each has two directions.
    lstm: `rnn.lstm`, or what stands in for it where there is no GPU.
  """

  width: int
  depth: int
  bidirectional: bool = False
  lstm: Callable = rnn.lstm

  @nn.compact
  def __call__(
    self, x: Float[Array, 'b t k'], h0: Float[Array, 'b h'] | None = None
  ) -> tuple[Float[Array, 'b t h'], Float[Array, 'l b h']]:
    """All outputs of the last layer, and every layer's final hidden state.

    Args:
      x: inputs of the first layer.
      h0: initial hidden state of every layer; None: zeros.
    """
    sizes = x.shape[-1], self.width, self.depth
    num_layers = self.depth * (1 + self.bidirectional)
    num_biases = num_layers * 4 * self.width
    # cuDNN adds two biases to each gate; the second stays 0, as in ours.
    total = rnn.get_num_params_in_lstm(*sizes, self.bidirectional)
    zeros = nn.initializers.zeros
    weights = self.param('weights', zeros, (total - 2 * num_biases,))
    bias = self.param('bias', zeros, (num_layers, 4 * self.width))
    biases = jnp.stack([bias, jnp.zeros_like(bias)], axis=1)
    carry = jnp.zeros((num_layers, len(x), self.width))
    lengths = jnp.full(len(x), x.shape[1], jnp.int32)
    outputs, hidden, _ = self.lstm(
      x,
      carry if h0 is None else jnp.broadcast_to(h0, carry.shape),
      carry,
      jnp.concatenate([weights, biases.ravel()]),
      lengths,
      *sizes,
      0.0,  # dropout
      self.bidirectional,
    )
    return outputs, hidden


class Encoder(nn.Module):
  """As `models.Encoder`."""

  latent_dim: int
  width: int
  depth: int
  lstm: Callable = rnn.lstm

  @nn.compact
  def __call__(self, tokens: UInt8[Array, 'b t tracks']) -> models.Posterior:
    """The posterior of each phrase, in the network's coordinates."""
    x = jax.nn.one_hot(tokens, NUM_TOKENS).reshape(*tokens.shape[:2], -1)
    layers = Layers(self.width // 2, self.depth, True, self.lstm, name='layers')
    _, ends = layers(x)
    h = jnp.concatenate([ends[-2], ends[-1]], axis=-1)
    mean = nn.Dense(self.latent_dim, name='mean')(h)
    scale = jnp.exp(2 * nn.Dense(self.latent_dim, name='scale')(h))
    return models.Posterior(mean, scale)


class Decoder(naive.Decoder):
  """As `models.Decoder`."""

  lstm: Callable = rnn.lstm

  @nn.compact
  def __call__(
    self, z: Float[Array, 'b d'], num_steps: int
  ) -> Float[Array, 'b t tracks tokens']:
    """Logits; z in the network's coordinates."""
    x = jnp.repeat(z[:, None], num_steps, axis=1)
    logits = []
    for track in TRACKS:
      h0 = nn.Dense(self.width, name=f'{track}_h0')(z)
      name = f'{track}_layers'
      layers = Layers(self.width, self.depth, lstm=self.lstm, name=name)
      hidden, _ = layers(x, h0)
      logits.append(nn.Dense(NUM_TOKENS, name=f'{track}_logits')(hidden))
    return jnp.stack(logits, axis=2)


def model(
  ours: models.Autoencoder, lstm: Callable = rnn.lstm
) -> models.Autoencoder:
  """The same model with these networks."""
  encoder, decoder = ours.encoder, ours.decoder
  return dataclasses.replace(
    ours,
    encoder=Encoder(encoder.latent_dim, encoder.width, encoder.depth, lstm),
    decoder=Decoder(decoder.width, decoder.depth, lstm),
  )


def state(
  ours: training.TrainState, settings: training.Settings
) -> training.TrainState:
  """The same state, before the optimiser's first update."""
  weights = handover.weights(ours.params)
  encoder = {
    'mean': weights.mean,
    'scale': weights.scale,
    'layers': _flat([layer for pair in weights.encoder for layer in pair]),
  }
  decoder = {}
  for name, track in zip(TRACKS, weights.tracks):
    decoder[f'{name}_h0'] = track.h0
    decoder[f'{name}_layers'] = _flat(track.layers)
    decoder[f'{name}_logits'] = track.logits
  return naive.with_networks(ours, settings, encoder, decoder)


def _flat(layers):
  """Weights layer by layer, both matrices transposed; gates in our order."""
  weights = [
    layer[kind].T.ravel() for layer in layers for kind in ('inputs', 'kernel')
  ]
  bias = jnp.stack([layer['bias'] for layer in layers])
  return {'weights': jnp.concatenate(weights), 'bias': bias}
