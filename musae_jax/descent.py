"""Codes led down a slope, through the decoder, to phrases as asked for.

What the decoder is expected to play is differentiable where the phrase is not,
and `decoding.proportionate` plays about that.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from musae_jax import attributes
from musae_jax.models import Autoencoder

_STEPS, _LEARNING_RATE = 20, 0.1


class Goal(NamedTuple):
  """What the attributes and the tokens of an edited phrase are to be.

  Attributes:
    change: of each attribute, in its standard deviations.
    std: these.
    weights: of each attribute's squared distance from that change.
    tracks: weight of each track's nats.
    prior: weight of the prior's nats.
  """

  change: Float[Array, 'k']
  std: Float[Array, 'k']
  weights: Float[Array, 'k']
  tracks: Float[Array, 'tracks']
  prior: Float[Array, '']


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def descend(
  model: Autoencoder,
  num_steps: int,
  names: tuple[str, ...],
  params: dict,
  goal: Goal,
  z: Float[Array, 'b d'],
) -> Float[Array, 'b d']:
  """The codes to which the objective's slope leads, each on its own.

  Kingma and Ba 2015's Adam, in whitened coordinates, on the sum of: weighted
  squared distances of expected attributes from the goal; weighted nats by
  which tokens' distributions differ from what they were; and weighted nats
  an axis by which the prior finds a code less likely than it was.

  Args:
    model: networks and prior.
    num_steps: length of a phrase in timesteps.
    names: of the goal's attributes.
    params: the model's.
    goal: the same for all codes.
    z: codes, in the prior's axes.
  """
  import optax  # takes a fifth of a second, and `musae` mostly does without

  unit = model.prior.std

  def play(u):
    logits = model.decode(params, u * unit, num_steps)
    found = attributes.expected(jax.nn.softmax(logits))
    values = jnp.stack([found[name] for name in names], -1)
    return jax.nn.log_softmax(logits), values / goal.std

  start = z / unit
  before, values_before = play(start)
  likely = model.prior.log_prob(z)

  def objective(u):
    tokens, values = play(u)
    off = values - values_before - goal.change
    # An attribute that a phrase has not, now or then, cannot be asked for.
    off = jnp.where(jnp.isnan(off), 0, off)
    nats = (jnp.exp(before) * (before - tokens)).sum(-1).mean(1)
    less = jnp.maximum(likely - model.prior.log_prob(u * unit), 0)
    return (
      (goal.weights * off**2).sum()
      + (goal.tracks * nats).sum()
      + goal.prior * less.sum() / u.shape[-1]
    )

  optimizer = optax.adam(_LEARNING_RATE)

  def step(carry, _):
    u, state = carry
    updates, state = optimizer.update(jax.grad(objective)(u), state)
    return (optax.apply_updates(u, updates), state), None

  carry = start, optimizer.init(start)
  (u, _), _ = jax.lax.scan(step, carry, length=_STEPS)
  return u * unit
