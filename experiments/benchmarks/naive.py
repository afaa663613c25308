"""The model in flax's own cells, as one would write it without `lstm.py`.

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

from musae_jax import models, training
from musae_jax.pianoroll import NUM_TOKENS, TRACKS

GATES = 'ifgo'


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
        for direction in ('forward', 'backward')
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


def model(ours: models.MusAE) -> models.MusAE:
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
  autoencoder = {
    'encoder': {'params': _encoder(ours.params['encoder']['params'])},
    'decoder': {'params': _decoder(ours.params['decoder']['params'])},
  }
  return ours.replace(
    params={**autoencoder, 'critic': ours.params['critic']},
    optimizer=settings.optimizer.init(autoencoder),
  )


def _encoder(params):
  found = {name: params[name] for name in ('mean', 'scale')}
  for i in range(len(params) - len(found)):
    layers = params[f'BiLSTM_{i}']['directions']
    for j, direction in enumerate(('forward', 'backward')):
      found[f'{direction}_{i}'] = _cell(_row(layers, j))
  return found


def _decoder(params):
  found = {}
  for j, track in enumerate(TRACKS):
    for name, layer in _row(params['tracks'], j).items():
      is_lstm = name.startswith('layers_')
      name = f'{track}_{name.removeprefix("layers_")}'
      found[name] = _cell(layer) if is_lstm else layer
  return found


def _row(tree, i):
  return jax.tree.map(lambda x: x[i], tree)


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
