"""Attributes of a phrase that is not decided yet: what is expected of them.

A decoder gives each timestep and track a distribution over tokens, all
independent. Of a phrase drawn from it the attributes are counts over counts;
here stand the expected count over the expected count, which are differentiable.
Where each distribution has a single token, they are what `metrics` measures.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from musae_jax.metrics import syncopation_places
from musae_jax.pianoroll import DRUMS, HOLD, NUM_PITCHES, TRACKS

# Expected notes below which a track has none to speak of.
_SOME = 0.5


def expected(
  tokens: Float[Array, 'b t tracks tokens'],
) -> dict[str, Float[Array, 'b tracks']]:
  """Density, note length, register and syncopation of each track.

  In onsets a timestep, timesteps, MIDI pitch, and as a share of onsets between
  the beats. NaN, with a gradient of zero, where a track is expected to have
  no notes, and for drums no length and no register.

  Args:
    tokens: probabilities.
  """
  onset = tokens[..., :NUM_PITCHES].sum(-1)
  count = onset.sum(1)
  pitch = (tokens[..., :NUM_PITCHES] @ jnp.arange(NUM_PITCHES)).sum(1)
  off, stronger = syncopation_places(tokens.shape[1])
  syncopated = (onset[:, off] * (1 - onset[:, stronger])).sum(1)
  pitched = np.arange(len(TRACKS)) != DRUMS
  return {
    'density': onset.mean(1),
    'note_length': _ratio(_sounding(onset, tokens), count, pitched),
    'register': _ratio(pitch, count, pitched),
    'syncopation': _ratio(syncopated, onset[:, off].sum(1)),
  }


def _sounding(onset, tokens):
  """Expected timesteps in which a note sounds: a hold of nothing is none."""

  def step(sounds, now):
    onset, hold = now
    sounds = onset + hold * sounds
    return sounds, sounds

  over_time = jnp.stack([onset, tokens[..., HOLD]]).swapaxes(1, 2)
  silent = jnp.zeros_like(onset[:, 0])
  return jax.lax.scan(step, silent, tuple(over_time))[1].sum(0)


def _ratio(part, whole, has=True):
  known = (whole >= _SOME) & has
  # Both branches of a `where` are differentiated: neither may be infinite.
  return jnp.where(known, part / jnp.where(known, whole, 1), jnp.nan)
