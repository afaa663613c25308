"""The training step in Keras on TensorFlow: its layers, tapes and Adam."""

import os

os.environ.setdefault('KERAS_BACKEND', 'tensorflow')
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')

import keras
import numpy as np
import tensorflow as tf

from experiments.benchmarks import handover
from musae_jax import models, training
from musae_jax.pianoroll import NUM_TOKENS, TRACKS

_ACTIVATIONS = {
  'tanh': keras.activations.tanh,
  'leaky_relu': lambda x: keras.activations.leaky_relu(x, 0.2),
}


class Encoder(keras.Model):
  """As `models.Encoder`."""

  def __init__(self, latent_dim: int, width: int, depth: int):
    super().__init__()
    self.lstms = [
      keras.layers.Bidirectional(
        keras.layers.LSTM(width // 2, return_sequences=i < depth - 1)
      )
      for i in range(depth)
    ]
    self.mean = keras.layers.Dense(latent_dim)
    self.scale = keras.layers.Dense(latent_dim)

  def call(self, tokens):
    """Mean and scale; `tokens` is uint8[b, t, tracks]."""
    x = tf.one_hot(tokens, NUM_TOKENS)
    x = tf.reshape(x, (*tokens.shape[:2], len(TRACKS) * NUM_TOKENS))
    for layer in self.lstms:
      x = layer(x)  # the last one's is both directions' ends
    return self.mean(x), tf.exp(2 * self.scale(x))


class TrackDecoder(keras.Model):
  """As `models.TrackDecoder`."""

  def __init__(self, width: int, depth: int):
    super().__init__()
    self.h0 = keras.layers.Dense(width)
    self.lstms = [
      keras.layers.LSTM(width, return_sequences=True) for _ in range(depth)
    ]
    self.logits = keras.layers.Dense(NUM_TOKENS)

  def call(self, z, num_steps):
    """Logits, [b, t, tokens]."""
    h0 = self.h0(z)
    x = tf.repeat(z[:, None], num_steps, axis=1)
    for layer in self.lstms:
      x = layer(x, initial_state=[h0, tf.zeros_like(h0)])
    return self.logits(x)


class Step:
  """The update, called with one step's draws at a time."""

  def __init__(
    self,
    model: models.Autoencoder,
    settings: training.Settings,
    weights: handover.Weights,
  ):
    """Takes our weights over.

    Args:
      model: whose sizes and activation.
      settings: whose optimisers and penalty.
      weights: numpy arrays.
    """
    self.settings = settings
    encoder, decoder = model.encoder, model.decoder
    self.encoder = Encoder(encoder.latent_dim, encoder.width, encoder.depth)
    self.decoders = [TrackDecoder(decoder.width, decoder.depth) for _ in TRACKS]
    activation = _ACTIVATIONS[model.critic.activation]
    self.critic = keras.Sequential(
      [
        keras.layers.Dense(model.critic.width, activation),
        keras.layers.Dense(model.critic.width, activation),
        keras.layers.Dense(1),
      ]
    )
    # Keras adds its epsilon before the correction of the second moment, the
    # others behind it; so the first update's is the same.
    self.optimizer, self.critic_optimizer = (
      keras.optimizers.Adam(
        beta_1=first, beta_2=second, epsilon=1e-8 * (1 - second) ** 0.5
      )
      for first, second in (settings.betas, settings.critic_betas)
    )
    _load(self, model, weights)
    self.weights = [
      weight
      for network in (self.encoder, *self.decoders)
      for weight in network.trainable_weights
    ]
    self.optimizer.build(self.weights)
    self.critic_optimizer.build(self.critic.trainable_weights)
    self._update = tf.function(self._update)

  def put(self, draws: handover.Draws) -> handover.Draws:
    """The draws as tensors, the learning rates as they are."""
    tensors = {
      name: tf.constant(x)
      for name, x in draws._asdict().items()
      if isinstance(x, np.ndarray)
    }
    return draws._replace(**tensors, beta=tf.constant(draws.beta))

  def __call__(self, draws: handover.Draws) -> dict[str, tf.Tensor]:
    """Updates the networks; returns the metrics of `put` draws."""
    self.optimizer.learning_rate = draws.learning_rate
    self.critic_optimizer.learning_rate = draws.critic_learning_rate
    return self._update(draws._replace(learning_rate=0, critic_learning_rate=0))

  def _update(self, draws):
    tokens = tf.cast(draws.tokens, tf.int32)
    with tf.GradientTape() as tape:
      mean, scale = self.encoder(tokens)
      metrics = self._train_critic(
        tf.stop_gradient(mean), tf.stop_gradient(scale), draws
      )
      z = mean + scale * draws.noise
      logits = [
        decoder(z, num_steps=tokens.shape[1]) for decoder in self.decoders
      ]
      nats = [
        tf.nn.sparse_softmax_cross_entropy_with_logits(tokens[..., i], x)
        for i, x in enumerate(logits)
      ]
      reconstruction = tf.add_n([tf.reduce_mean(x) for x in nats])
      score = tf.reduce_mean(self._score(z, draws.condition))
      loss = reconstruction - draws.beta * score
    grads = tape.gradient(loss, self.weights)
    self.optimizer.apply(grads, self.weights)
    correct = [
      tf.argmax(x, -1, tf.int32) == tokens[..., i] for i, x in enumerate(logits)
    ]
    return {
      'loss': loss,
      'reconstruction': reconstruction,
      **metrics,
      'accuracy': tf.reduce_mean(
        tf.cast(tf.stack(correct), tf.float32), (1, 2)
      ),
    }

  def _score(self, z, condition):
    return self.critic(tf.concat([z, condition], -1))[:, 0]

  def _train_critic(self, mean, scale, draws):
    weights = self.critic.trainable_weights
    rows = (tf.unstack(x) for x in (draws.z_real, draws.noises, draws.mixes))
    for z_real, noise, mix in zip(*rows):
      z_fake = mean + scale * noise
      between = mix * z_real + (1 - mix) * z_fake
      with tf.GradientTape() as tape:
        with tf.GradientTape() as inner:
          inner.watch(between)
          score = self._score(between, draws.condition)
        slope = inner.gradient(score, between)
        length = tf.sqrt(tf.reduce_sum(slope**2, -1) + 1e-12)
        penalty = tf.reduce_mean((length - 1) ** 2)
        estimate = tf.reduce_mean(
          self._score(z_real, draws.condition)
        ) - tf.reduce_mean(self._score(z_fake, draws.condition))
        loss = self.settings.penalty_weight * penalty - estimate
      self.critic_optimizer.apply(tape.gradient(loss, weights), weights)
    return {'critic_estimate': estimate, 'penalty': penalty}


def _load(step, model, weights):
  """Builds the networks and gives them our weights."""
  z = tf.zeros((1, model.prior.dim))
  step.encoder(tf.zeros((1, 1, len(TRACKS)), tf.int32))
  step._score(z, tf.zeros((1, model.prior.num_components)))
  _load_dense(step.encoder.mean, weights.mean)
  _load_dense(step.encoder.scale, weights.scale)
  for bidirectional, layers in zip(step.encoder.lstms, weights.encoder):
    bidirectional.set_weights([x for layer in layers for x in _arrays(layer)])
  for decoder, track in zip(step.decoders, weights.tracks):
    decoder(z, num_steps=1)
    _load_dense(decoder.h0, track.h0)
    _load_dense(decoder.logits, track.logits)
    for lstm, layer in zip(decoder.lstms, track.layers):
      lstm.set_weights(_arrays(layer))
  for dense, layer in zip(step.critic.layers, weights.critic):
    _load_dense(dense, layer)


def _arrays(layer):
  """Keras's weights of an LSTM; gates are in our order."""
  return [layer[name] for name in ('inputs', 'kernel', 'bias')]


def _load_dense(dense, layer):
  dense.set_weights([layer['kernel'], layer['bias']])
