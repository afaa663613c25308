"""The model in flax's own cells, as one would write it without ours.

One `nn.RNN` of an `nn.OptimizedLSTMCell` for each layer, direction and track;
one-hots for tokens, z repeated at every timestep, the gradient left to
autodiff. The same numbers come out: only the time and memory differ.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, UInt8

from experiments.benchmarks import handover
from musae_jax import models, training
from musae_jax.pianoroll import NUM_TOKENS, TRACKS

GATES = 'ifgo'
DIRECTIONS = 'forward', 'backward'


class Encoder(nn.Module):
  """As `models.Encoder`."""

  latent_dim: int
  width: int = 1024
  depth: int = 3

  @nn.compact
  def __call__(self, tokens: UInt8[Array, 'b t tracks']) -> models.Posterior:
    """The posterior of each phrase, in the network's coordinates."""
    x = jax.nn.one_hot(tokens, NUM_TOKENS)
    x = x.reshape(*tokens.shape[:2], -1)
    for i in range(self.depth):
      directions = (
        nn.RNN(nn.OptimizedLSTMCell(self.width // 2, name=f'{direction}_{i}'))
        for direction in DIRECTIONS
      )
      ends, x = nn.Bidirectional(*directions, return_carry=True)(x)
    h = jnp.concatenate([hidden for _, hidden in ends], axis=-1)
    mean = nn.Dense(self.latent_dim, name='mean')(h)
    scale = jnp.exp(2 * nn.Dense(self.latent_dim, name='scale')(h))
    return models.Posterior(mean, scale)


class Decoder(nn.Module):
  """As `models.Decoder`."""

  width: int = 1024
  depth: int = 3

  @nn.compact
  def __call__(
    self, z: Float[Array, 'b d'], num_steps: int
  ) -> Float[Array, 'b t tracks tokens']:
    """Logits; z in the network's coordinates."""
    repeated = jnp.repeat(z[:, None], num_steps, axis=1)
    logits = []
    for track in TRACKS:
      h0 = nn.Dense(self.width, name=f'{track}_h0')(z)
      x = repeated
      for i in range(self.depth):
        cell = nn.OptimizedLSTMCell(self.width, name=f'{track}_{i}')
        x = nn.RNN(cell)(x, initial_carry=(jnp.zeros_like(h0), h0))
      logits.append(nn.Dense(NUM_TOKENS, name=f'{track}_logits')(x))
    return jnp.stack(logits, axis=2)

  def compare(
    self, z: Float[Array, 'b d'], tokens: UInt8[Array, 'b t tracks']
  ) -> tuple[Float[Array, 'b t tracks'], UInt8[Array, 'b t tracks']]:
    """Nats that each of the tokens costs, and the likeliest tokens."""
    logits = self(z, tokens.shape[1])
    nats = optax.softmax_cross_entropy_with_integer_labels(logits, tokens)
    return nats, logits.argmax(-1).astype(jnp.uint8)


def model(ours: models.Autoencoder) -> models.Autoencoder:
  """The same model with these networks; the critic is dense layers anyway."""
  encoder, decoder = ours.encoder, ours.decoder
  return dataclasses.replace(
    ours,
    encoder=Encoder(encoder.latent_dim, encoder.width, encoder.depth),
    decoder=Decoder(decoder.width, decoder.depth),
  )


def state(
  ours: training.TrainState, settings: training.Settings
) -> training.TrainState:
  """The same state, before the optimiser's first update."""
  weights = handover.weights(ours.params)
  encoder = {'mean': weights.mean, 'scale': weights.scale}
  for i, layers in enumerate(weights.encoder):
    for direction, layer in zip(DIRECTIONS, layers):
      encoder[f'{direction}_{i}'] = _cell(layer)
  decoder = {}
  for name, track in zip(TRACKS, weights.tracks):
    decoder[f'{name}_h0'] = track.h0
    decoder[f'{name}_logits'] = track.logits
    for i, layer in enumerate(track.layers):
      decoder[f'{name}_{i}'] = _cell(layer)
  return with_networks(ours, settings, encoder, decoder)


def with_networks(
  state: training.TrainState,
  settings: training.Settings,
  encoder: dict,
  decoder: dict,
) -> training.TrainState:
  """The state with other parameters, before the optimiser's first update."""
  autoencoder = {'encoder': {'params': encoder}, 'decoder': {'params': decoder}}
  return state.replace(
    params={**state.params, **autoencoder},
    optimizer=settings.optimizer.init(autoencoder),
  )


def _cell(layer):
  """Flax's parameters of a cell, where each gate has matrices of its own."""
  inputs, kernels, biases = (
    jnp.split(layer[name], len(GATES), axis=-1)
    for name in ('inputs', 'kernel', 'bias')
  )
  cell = {f'i{gate}': {'kernel': x} for gate, x in zip(GATES, inputs)}
  for gate, kernel, bias in zip(GATES, kernels, biases):
    cell[f'h{gate}'] = {'kernel': kernel, 'bias': bias}
  return cell
