"""What draws codes to the prior: the critic, and others to compare it with.

Those others take codes and draws in whitened coordinates, where the prior has
unit scale, each with the tags of its phrase: what is matched is their joint
distribution, so that genres find their components.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from musae_jax import losses
from musae_jax.models import Autoencoder, Posterior
from musae_jax.priors import Prior, draw

# Scales of the kernel of Tolstikhin et al. 2018 (arXiv:1711.01558): sums of
# several are sensitive to what is near and to what is far.
SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_NUM_DIRECTIONS = 128


def kernel(
  a: Float[Array, 'n d'], b: Float[Array, 'm d']
) -> Float[Array, 'n m']:
  """Sum of inverse multiquadrics c / (c + |a - b|^2), c = 2 d times a scale.

  2 d is the expected squared distance of two draws of unit variance.
  """
  dot = jnp.matmul(a, b.T, precision='highest')
  square = (a**2).sum(-1)[:, None] + (b**2).sum(-1) - 2 * dot
  square = jnp.maximum(square, 0)
  scales = [2 * a.shape[-1] * scale for scale in SCALES]
  return sum(c / (c + square) for c in scales)


def mmd(
  codes: Float[Array, 'b d'],
  draws: Float[Array, 'b d'],
  tags: Float[Array, 'b k'],
) -> Float[Array, '']:
  """Squared maximum mean discrepancy of (code, tags), unbiased.

  Gretton et al. 2012, eq. 3, with `kernel` times 1 + the cosine of two
  phrases' tags: the 1 alone would compare codes without them.
  """
  unit = tags / jnp.maximum(jnp.linalg.norm(tags, axis=-1, keepdims=True), 1)
  alike = 1 + unit @ unit.T
  others = alike * (1 - jnp.eye(len(tags)))  # none with itself
  within = kernel(codes, codes) + kernel(draws, draws)
  between = kernel(codes, draws)
  pairs = len(tags) * (len(tags) - 1)
  return (others * (within - between - between.T)).sum() / pairs


def sliced_wasserstein(
  key: Array,
  codes: Float[Array, 'b d'],
  draws: Float[Array, 'b d'],
  tags: Float[Array, 'b k'],
) -> Float[Array, '']:
  """Squared sliced Wasserstein distance of (code, tags), of order 2.

  Bonneel et al. 2015: of projections on random directions, the mean squared
  distance of the sorted ones.
  """
  codes, draws = (jnp.concatenate([z, tags], -1) for z in (codes, draws))
  shape = codes.shape[-1], _NUM_DIRECTIONS
  directions = jax.random.normal(key, shape)
  directions /= jnp.linalg.norm(directions, axis=0)
  sort = lambda z: jnp.sort(z @ directions, axis=0)  # noqa: E731
  return codes.shape[-1] * ((sort(codes) - sort(draws)) ** 2).mean()


def log_components(prior: Prior, z: Float[Array, 'b d']) -> Float[Array, 'b k']:
  """Log-density of each code under each component, in nats."""
  components = jnp.arange(prior.num_components)
  return jax.vmap(lambda k: prior.log_prob(z, k), out_axes=1)(components)


def log_prior(
  prior: Prior, z: Float[Array, 'b d'], tags: Bool[Array, 'b k']
) -> Float[Array, 'b']:
  """Log-density of each code under the mixture of its tags' components.

  Of all where there are none, as `priors.draw_components` draws.
  """
  allowed = tags | ~tags.any(-1, keepdims=True)
  log_probs = jnp.where(allowed, log_components(prior, z), -jnp.inf)
  return jax.nn.logsumexp(log_probs, -1) - jnp.log(allowed.sum(-1))


def kl(
  prior: Prior,
  posterior: Posterior,
  z: Float[Array, 'b d'],
  tags: Bool[Array, 'b k'],
) -> Float[Array, '']:
  """Nats of a phrase's posterior over the prior of its tags.

  Kingma and Welling 2014's term, at one draw: log q(z) - log p(z).

  Args:
    prior: p.
    posterior: q.
    z: a draw from each posterior.
    tags: those of each phrase.
  """
  log_q = jax.scipy.stats.norm.logpdf(z, posterior.mean, posterior.scale)
  return (log_q.sum(-1) - log_prior(prior, z, tags)).mean()


def condition(settings, genres: Bool[Array, 'b k']) -> Float[Array, 'b k']:
  """What the critic sees of the genres."""
  return jnp.float32(genres) * (settings.condition != 'none')


class Codes(NamedTuple):
  """Codes of a batch, and what draws them to the prior may want to know."""

  model: Autoencoder
  settings: Any  # a `training.Settings`
  critic: dict  # its parameters
  posterior: Posterior
  z: Float[Array, 'b d']  # a draw of it
  genres: Bool[Array, 'b k']
  num_steps: int  # of a phrase

  def draws(self, key: Array) -> Float[Array, 'b d']:
    """As many of the prior, each of a petal of its phrase."""
    return draw(self.model.prior, key, self.genres)

  def whitened(self, key: Array) -> tuple[Array, Array, Array]:
    """Codes and draws where the prior has unit scale, and their condition."""
    std = self.model.prior.std
    told = condition(self.settings, self.genres)
    return self.z / std, self.draws(key) / std, told


def _by_critic(codes: Codes, key: Array) -> Float[Array, '']:
  """Minus the critic's score; 'joint' with the critic's own loss (eq. 6)."""
  model, settings = codes.model, codes.settings
  told = condition(settings, codes.genres)
  critic = {'critic': codes.critic}
  pull = -model.score(critic, codes.z, told).mean()
  if settings.phases == 'joint':
    draws_key, key = jax.random.split(key)
    pull += losses.critic_loss(
      key,
      lambda z: model.critic.apply(codes.critic, z, told),
      codes.draws(draws_key) / model.unit,
      codes.z / model.unit,
      settings.penalty_weight,
    )[0]
  return pull


def _by_kl(codes: Codes, key: Array) -> Float[Array, '']:
  """Nats a timestep, as the reconstruction's: beta 1 makes it the ELBO."""
  prior, posterior, z = codes.model.prior, codes.posterior, codes.z
  genres = codes.genres & (codes.settings.condition != 'none')
  return kl(prior, posterior, z, genres) / codes.num_steps


# What the encoder minimises, times beta, beside the reconstruction.
REGULARISERS = {
  'wgan_gp': _by_critic,
  'mmd': lambda codes, key: mmd(*codes.whitened(key)),
  'sliced_wasserstein': lambda codes, key: sliced_wasserstein(
    jax.random.fold_in(key, 1), *codes.whitened(key)
  ),
  'kl': _by_kl,
  'none': lambda codes, key: jnp.float32(0),
}
