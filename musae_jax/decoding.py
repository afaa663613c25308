"""Phrases read off the decoder's logits, of which there is more than one way.

The decoder says at each timestep how likely each token is there, whatever its
neighbours are. Where it is unsure when a note begins, a hold is likelier at
each timestep than the note, and so the likeliest tokens have too few attacks:
of a model of width 256 two thirds of the strings' in the music that it learnt,
and of codes between those of real phrases a third. Its probabilities are not
wrong: they add up to about as many as there are.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, UInt8

from musae_jax.pianoroll import HOLD, NUM_PITCHES, SILENCE

Logits = Float[Array, 'n t tracks tokens']
Tokens = UInt8[Array, 'n t tracks']


def likeliest(logits: Logits) -> Tokens:
  """The likeliest token of each timestep, by which the paper's Table 1 counts.

  No other reading is right as often, token by token.
  """
  return logits.argmax(-1).astype(jnp.uint8)


def proportionate(logits: Logits) -> Tokens:
  """As many attacks, holds and silences as the probabilities add up to.

  Of each track of each phrase: attacks stand where they are likeliest, at the
  likeliest pitch; holds, of the other timesteps, where they are likeliest next
  to silence. Not in the paper; docs/results.md has what it changes.
  """
  log_p = jax.nn.log_softmax(logits)
  attack = jax.nn.logsumexp(log_p[..., :NUM_PITCHES], -1)
  hold, silence = log_p[..., HOLD], log_p[..., SILENCE]
  begins = _likeliest_steps(jnp.exp(attack), attack)
  lasts = _likeliest_steps(
    jnp.exp(hold), jnp.where(begins, -jnp.inf, hold - silence)
  )
  pitch = logits[..., :NUM_PITCHES].argmax(-1)
  rest = jnp.where(lasts, HOLD, SILENCE)
  return jnp.where(begins, pitch, rest).astype(jnp.uint8)


def _likeliest_steps(
  probability: Float[Array, 'n t tracks'], score: Float[Array, 'n t tracks']
) -> Bool[Array, 'n t tracks']:
  """The timesteps of highest score, as many as probabilities add up to."""
  count = jnp.round(probability.sum(1, keepdims=True))
  rank = score.argsort(1, descending=True).argsort(1)
  return rank < count
