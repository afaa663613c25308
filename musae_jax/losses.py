"""The terms of eq. 3: reconstruction, and WGAN-GP on the codes.

Signs as in Gulrajani et al. 2017 (arXiv:1704.00028): the critic's score is
high on prior draws and low on codes. The paper's eqs. 4-5 read the other way
round with p_r as the codes; nothing else differs.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

Score = Callable[[Float[Array, 'b d']], Float[Array, 'b']]


def cross_entropy(
  logits: Float[Array, '*n tokens'], tokens: UInt8[Array, '*n']
) -> Float[Array, '*n']:
  """Nats that each token costs: H(p_d, p_g) of eq. 3."""
  found = jnp.arange(logits.shape[-1]) == tokens[..., None]
  return jax.nn.logsumexp(logits, axis=-1) - jnp.where(found, logits, 0).sum(-1)


def gradient_penalty(
  key: Array,
  critic: Score,
  z_real: Float[Array, 'b d'],
  z_fake: Float[Array, 'b d'],
) -> Float[Array, '']:
  """E[(|grad critic(z)| - 1)^2] for z uniform on the segments between codes.

  Gulrajani et al. 2017, eq. 3, without its weight; the paper's eq. 6. The
  length is that of the coordinates that z is given in.
  """
  t = jax.random.uniform(key, (len(z_real), 1))
  slope = jax.grad(lambda z: critic(z).sum())(t * z_real + (1 - t) * z_fake)
  # Where the slope is 0 its length has no derivative: NaN without the 1e-12.
  length = jnp.sqrt((slope**2).sum(-1) + 1e-12)
  return jnp.mean((length - 1) ** 2)


def critic_loss(
  key: Array,
  critic: Score,
  z_real: Float[Array, 'b d'],
  z_fake: Float[Array, 'b d'],
  penalty_weight: float = 10.0,
) -> tuple[Float[Array, ''], dict]:
  """What the critic minimises, and its two parts.

  Gulrajani et al. 2017, eq. 3. 'critic_estimate' is E critic(real) - E
  critic(fake), the estimate of the Wasserstein distance once the critic has
  converged; it looks small long before the codes match the prior.
  """
  estimate = critic(z_real).mean() - critic(z_fake).mean()
  penalty = gradient_penalty(key, critic, z_real, z_fake)
  loss = penalty_weight * penalty - estimate
  return loss, {'critic_estimate': estimate, 'penalty': penalty}
