"""Encoder, decoder and critic, and the autoencoder that joins them to a prior.

Section 3.2 of the paper. Dense layers have biases, which its equations leave
out.
"""

import dataclasses
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from musae_jax import layers, losses, products
from musae_jax.compute import Compute
from musae_jax.pianoroll import NUM_TOKENS, TRACKS
from musae_jax.priors import Prior


class Posterior(NamedTuple):
  """The Gaussian that a phrase is encoded to, its axes independent."""

  mean: Float[Array, 'b d']
  scale: Float[Array, 'b d']

  def sample(self, key: Array) -> Float[Array, 'b d']:
    """One code a phrase, differentiable in mean and scale."""
    return self.mean + self.scale * jax.random.normal(key, self.mean.shape)


SCALES = {
  # Eq. 10.
  'exp2': lambda x: jnp.exp(2 * x),
  'softplus': nn.softplus,
}


class Encoder(nn.Module):
  """Bidirectional LSTMs, eqs. 7-10.

  Attributes:
    latent_dim: axes of the posterior.
    width: of h, both directions together, which is what makes W_mu of eq. 8 a
      matrix of N_h x N_z.
    depth: number of layers.
    compute: how.
    scale: a key of SCALES, the function of W_sigma h; the paper's is exp2.
  """

  latent_dim: int
  width: int = 1024
  depth: int = 3
  compute: Compute = Compute()
  scale: str = 'exp2'

  @nn.compact
  def __call__(self, tokens: UInt8[Array, 'b t tracks']) -> Posterior:
    """The posterior of each phrase, in the network's coordinates."""
    rows = tokens.astype(jnp.int32) + NUM_TOKENS * np.arange(len(TRACKS))
    num_rows = NUM_TOKENS * len(TRACKS)
    first = layers.BiLSTM(self.width, num_rows, self.compute)
    h, x = first(rows.swapaxes(0, 1))
    for _ in range(self.depth - 1):
      h, x = layers.BiLSTM(self.width, compute=self.compute)(x)
    h = h.astype(jnp.float32)
    mean = nn.Dense(self.latent_dim, name='mean')(h)
    scale = SCALES[self.scale](nn.Dense(self.latent_dim, name='scale')(h))
    return Posterior(mean, scale)


class TrackDecoder(nn.Module):
  """The LSTMs of one track, eqs. 11-12, not autoregressive.

  All layers start from the same h0 = W_track z, and from an empty cell; z is
  the first layer's input at every timestep.
  """

  width: int = 1024
  depth: int = 3
  compute: Compute = Compute()

  def setup(self):
    """Names the layers, which two methods share."""
    self.h0 = nn.Dense(self.width)
    self.layers = [
      layers.LSTM(self.width, compute=self.compute) for _ in range(self.depth)
    ]
    self.logits = Head(NUM_TOKENS)

  def __call__(
    self, z: Float[Array, 'b d'], num_steps: int
  ) -> Float[Array, 't b tokens']:
    """Logits of the track's tokens."""
    return self.logits(self._hidden(z, num_steps))

  def compare(
    self, z: Float[Array, 'b d'], tokens: UInt8[Array, 't b']
  ) -> tuple[Float[Array, 't b'], UInt8[Array, 't b']]:
    """Nats that each of a phrase's tokens costs, and the likeliest tokens.

    The logits, thirty times as large as either, are not kept for the gradient
    but computed again.
    """

    def compare(head, x, tokens):
      logits = head(x)
      predicted = logits.argmax(-1).astype(jnp.uint8)
      return losses.cross_entropy(logits, tokens), predicted

    return nn.remat(compare)(self.logits, self._hidden(z, len(tokens)), tokens)

  def _hidden(self, z, num_steps):
    h0 = self.h0(z)
    x = z
    for layer in self.layers:
      _, x = layer(x, (jnp.zeros_like(h0), h0), num_steps)
    return x


class Head(nn.Module):
  """A dense layer that multiplies in its input's dtype and adds in float32."""

  features: int

  @nn.compact
  def __call__(self, x: Float[Array, '*n k']) -> Float[Array, '*n features']:
    """`x @ kernel + bias`, float32."""
    shape = x.shape[-1], self.features
    kernel = self.param('kernel', nn.initializers.lecun_normal(), shape)
    bias = self.param('bias', nn.initializers.zeros, (self.features,))
    return products.product(x, kernel, 'float32') + bias


class Decoder(nn.Module):
  """One decoder a track (eq. 13), beside each other.

  Attributes:
    width: of each track's LSTMs.
    depth: number of layers.
    compute: how.
  """

  width: int = 1024
  depth: int = 3
  compute: Compute = Compute()

  def __call__(
    self, z: Float[Array, 'b d'], num_steps: int
  ) -> Float[Array, 'b t tracks tokens']:
    """Logits; z in the network's coordinates."""
    logits = self._each('__call__', z, num_steps)
    return logits.transpose(2, 1, 0, 3)

  def compare(
    self, z: Float[Array, 'b d'], tokens: UInt8[Array, 'b t tracks']
  ) -> tuple[Float[Array, 'b t tracks'], UInt8[Array, 'b t tracks']]:
    """Nats that each of the tokens costs, and the likeliest tokens."""
    nats, predicted = self._each(
      'compare', z, tokens.shape[1], tokens.transpose(2, 1, 0)
    )
    return nats.transpose(2, 1, 0), predicted.transpose(2, 1, 0)

  @nn.compact
  def _each(self, method, z, num_steps, *each):
    """What `method` of each track's decoder returns."""
    track = TrackDecoder(self.width, self.depth, self.compute, parent=None)
    init = layers.copies(track, len(TRACKS), z, num_steps)
    params = self.param('tracks', init)

    def run(params, tokens=num_steps):
      return track.apply({'params': params}, z, tokens, method=method)

    return layers.beside(run, self.compute.stacked)(params, *each)


ACTIVATIONS = {
  'tanh': nn.tanh,
  # The slope usual in GANs, Radford et al. 2015 (arXiv:1511.06434).
  'leaky_relu': lambda x: nn.leaky_relu(x, 0.2),
}


class Critic(nn.Module):
  """Two hidden layers and a linear score (section 3.2.3).

  The paper's critic sees z alone; this one sees a condition beside it, for
  without the genres any assignment of them to the petals is equally good.

  Attributes:
    width: of the hidden layers.
    activation: a key of ACTIVATIONS; the paper's is tanh.
  """

  width: int = 1024
  activation: str = 'tanh'

  @nn.compact
  def __call__(
    self, z: Float[Array, 'b d'], condition: Float[Array, 'b k']
  ) -> Float[Array, 'b']:
    """Higher where z is more like the prior; z in network coordinates."""
    x = jnp.concatenate([z, condition], axis=-1)
    for _ in range(2):
      x = ACTIVATIONS[self.activation](nn.Dense(self.width)(x))
    return nn.Dense(1)(x)[:, 0]


@dataclasses.dataclass(frozen=True)
class Autoencoder:
  """The networks and the prior that they are trained to match.

  Codes are in the prior's own coordinates, the paper's, wherever they are an
  argument or a result here. By default the networks see them whitened: divided
  by the prior's standard deviation along each axis. That is a fixed change of
  coordinates, not another model class, and not in the paper; without it the
  critic cannot hold the axes in which the flower is thin. `whitened=False` is
  the paper's reading.
  """

  encoder: Encoder
  decoder: Decoder
  critic: Critic
  prior: Prior
  whitened: bool = True

  def with_compute(self, compute: Compute) -> 'Autoencoder':
    """The same model, computed otherwise."""
    return dataclasses.replace(
      self,
      encoder=self.encoder.clone(compute=compute),
      decoder=self.decoder.clone(compute=compute),
    )

  @property
  def unit(self) -> Float[np.ndarray, 'd']:
    """Length, in the prior's coordinates, of one in the networks'."""
    return self.prior.std if self.whitened else np.ones_like(self.prior.std)

  def init(self, key: Array, num_steps: int) -> dict:
    """Parameters of 'encoder', 'decoder' and 'critic'."""
    keys = jax.random.split(key, 3)
    tokens = jnp.zeros((1, num_steps, len(TRACKS)), jnp.uint8)
    z = jnp.zeros((1, self.prior.dim))
    condition = jnp.zeros((1, self.prior.num_components))
    return {
      'encoder': self.encoder.init(keys[0], tokens),
      'decoder': self.decoder.init(keys[1], z, num_steps),
      'critic': self.critic.init(keys[2], z, condition),
    }

  def encode(
    self, params: dict, tokens: UInt8[Array, 'b t tracks']
  ) -> Posterior:
    """The posterior of each phrase; its mean is the phrase's code."""
    mean, scale = self.encoder.apply(params['encoder'], tokens)
    return Posterior(mean * self.unit, scale * self.unit)

  def decode(
    self, params: dict, z: Float[Array, 'b d'], num_steps: int
  ) -> Float[Array, 'b t tracks tokens']:
    """Logits of every token, which `decoding` reads phrases off."""
    return self.decoder.apply(params['decoder'], z / self.unit, num_steps)

  def compare(
    self,
    params: dict,
    z: Float[Array, 'b d'],
    tokens: UInt8[Array, 'b t tracks'],
  ) -> tuple[Float[Array, 'b t tracks'], UInt8[Array, 'b t tracks']]:
    """Nats that each of the tokens costs, and the likeliest tokens.

    What the logits of `decode` say, without keeping them.
    """
    return self.decoder.apply(
      params['decoder'], z / self.unit, tokens, method='compare'
    )

  def score(
    self,
    params: dict,
    z: Float[Array, 'b d'],
    condition: Float[Array, 'b k'] | None = None,
  ) -> Float[Array, 'b']:
    """The critic's score.

    Args:
      params: of which only the critic's are used.
      z: codes.
      condition: one number a component of the prior; None: zeros, no genre.
    """
    if condition is None:
      condition = jnp.zeros((len(z), self.prior.num_components))
    return self.critic.apply(params['critic'], z / self.unit, condition)
