"""What an edit can change in a phrase: density, note length and so on.

An attribute is of a track, 'density/bass', or of the whole phrase, 'density':
its mean over the tracks that have it. Density is in onsets a timestep, note
length in timesteps, register the mean MIDI pitch, syncopation a share of the
onsets between beats; `metrics` has the definitions.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, UInt8

from musae_jax import metrics
from musae_jax.pianoroll import DRUMS, HOLD, NUM_PITCHES, TRACKS

_METRICS = {
  'density': 'note_density',
  'note_length': 'note_length_mean',
  'register': 'pitch_mean',
  'syncopation': 'syncopation',
}
# Drums have neither pitch nor length.
_PITCHED = ('note_length', 'register')
KINDS = tuple(_METRICS)
NAMES = (
  *KINDS,
  *(
    f'{kind}/{track}'
    for track in TRACKS
    for kind in KINDS
    if track != TRACKS[DRUMS] or kind not in _PITCHED
  ),
)
# Expected notes below which a track has none to speak of.
_SOME = 0.5


def measure(
  phrases: UInt8[np.ndarray, 'n t 4'],
) -> dict[str, Float[np.ndarray, 'n']]:
  """Every attribute of each phrase, by name; NaN where it has none."""
  found = metrics.measure(phrases)
  return _by_name({kind: found[metric] for kind, metric in _METRICS.items()})


def _has(kind: str) -> Bool[np.ndarray, 'tracks']:
  """The tracks that have an attribute."""
  drums = np.arange(len(TRACKS)) == DRUMS
  return ~drums if kind in _PITCHED else drums | True


def _by_name(values):
  """One row a name, of values [n, tracks] by kind."""
  found = {}
  for kind, of_tracks in values.items():
    xp = of_tracks.__array_namespace__()
    of_tracks = xp.where(_has(kind), of_tracks, xp.nan)
    known = ~xp.isnan(of_tracks)
    total = xp.where(known, of_tracks, 0).sum(-1)
    count = known.sum(-1)
    found[kind] = xp.where(count > 0, total / xp.maximum(count, 1), xp.nan)
    for i in np.flatnonzero(_has(kind)):
      found[f'{kind}/{TRACKS[i]}'] = of_tracks[:, i]
  return {name: found[name] for name in NAMES}


def expected(
  tokens: Float[Array, 'b t tracks tokens'],
) -> dict[str, Float[Array, 'b']]:
  """What `measure` is expected to find in phrases not decided yet.

  Of counts over counts the expected count over the expected count, which is
  differentiable. NaN, with a gradient of zero, where a track is expected to
  have no notes. Where each distribution has a single token, what `measure`
  finds.

  Args:
    tokens: probabilities of each timestep and track, independent.
  """
  onset = tokens[..., :NUM_PITCHES].sum(-1)
  count = onset.sum(1)
  pitch = (tokens[..., :NUM_PITCHES] @ jnp.arange(NUM_PITCHES)).sum(1)
  off, stronger = metrics.syncopation_places(tokens.shape[1])
  syncopated = (onset[:, off] * (1 - onset[:, stronger])).sum(1)
  return _by_name(
    {
      'density': onset.mean(1),
      'note_length': _ratio(_sounding(onset, tokens[..., HOLD]), count),
      'register': _ratio(pitch, count),
      'syncopation': _ratio(syncopated, onset[:, off].sum(1)),
    }
  )


def _sounding(onset, hold):
  """Expected timesteps in which a note sounds: a hold of nothing is none."""

  def step(sounds, now):
    onset, hold = now
    sounds = onset + hold * sounds
    return sounds, sounds

  over_time = onset.swapaxes(0, 1), hold.swapaxes(0, 1)
  return jax.lax.scan(step, jnp.zeros_like(onset[:, 0]), over_time)[1].sum(0)


def _ratio(part, whole):
  known = whole >= _SOME
  # Both branches of a `where` are differentiated: neither may be infinite.
  return jnp.where(known, part / jnp.where(known, whole, 1), jnp.nan)
