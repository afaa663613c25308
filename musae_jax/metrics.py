"""What a phrase is like: its notes counted, in one pass over its tokens.

Low-level metrics after Yang and Lerch 2018, MuseGAN (Dong et al. 2018) and
muspy (Dong et al. 2020), of which the paper's Fig. 3 shows some. They are read
off the tokens of the 130-token grid, of any number of phrases at once.

An onset is a pitch token. A note is an onset and the holds that follow it; a
hold of nothing belongs to none. What has no value, such as the mean pitch of a
track without notes, is NaN.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from musae_jax import batches
from musae_jax.pianoroll import (
  DRUMS,
  HOLD,
  NUM_PITCHES,
  SILENCE,
  STEPS_PER_BAR,
  STEPS_PER_QUARTER,
  TRACKS,
)

# Phrases at once: so few that what is made of them stays in a cache.
_BLOCK = 512
# Where a bar's sixteenths lie in the metre: the higher, the stronger.
_STRENGTH = np.array([4, 0, 1, 0, 2, 0, 1, 0, 3, 0, 1, 0, 2, 0, 1, 0])
# The major scales, which are the minor ones from their sixth degree on.
_MAJOR = np.isin(np.arange(12), (0, 2, 4, 5, 7, 9, 11))
_SCALES = np.array([np.roll(_MAJOR, root) for root in range(12)])


class _View(NamedTuple):
  """Phrases seen so that metrics are short; time first, phrases last."""

  tokens: UInt8[Array, 't tracks n']
  onset: Bool[Array, 't tracks n']
  count: Int[Array, 'tracks n']  # of onsets
  sounding: Int[Array, 't tracks n']  # the pitch, or -1
  age: Int[Array, 't tracks n']  # of what sounds: 1 at its onset
  before: Int[Array, 't tracks n']  # the pitch of the onset before, or -1
  first: Int[Array, 'tracks n']  # timestep of the first onset
  last: Int[Array, 'tracks n']  # of the last
  classes: Int[Array, '12 tracks n']  # onsets by pitch class


def _view(tokens: UInt8[Array, 'n t tracks']) -> _View:
  tokens = tokens.transpose(1, 2, 0)
  pitch = tokens.astype(jnp.int32)
  steps = jnp.arange(len(tokens))[:, None, None]
  onset = tokens < NUM_PITCHES
  # What came last, and when, as one number that only grows.
  stamp = steps << 8 | pitch
  began = _latest(jnp.where(tokens == HOLD, -1, stamp))
  struck = _latest(jnp.where(onset, stamp, -1))
  sounds = (began >= 0) & (began & 255 < NUM_PITCHES)
  nothing = jnp.full_like(struck[:1], -1)
  before = jnp.concatenate([nothing, struck[:-1]])
  pitch_class = jnp.where(onset, tokens % 12, 12)
  return _View(
    tokens,
    onset,
    onset.sum(0),
    jnp.where(sounds, began & 255, -1),
    jnp.where(sounds, steps - (began >> 8) + 1, 0),
    jnp.where(before < 0, -1, before & 255),
    jnp.where(onset, steps, len(tokens)).min(0),
    jnp.where(onset, steps, -1).max(0),
    jnp.stack([(pitch_class == c).sum(0) for c in range(12)]),
  )


def _latest(x: Int[Array, 't *n']) -> Int[Array, 't *n']:
  """The greatest so far."""
  return jax.lax.cummax(x, axis=0)


def _share(part, whole) -> Float[Array, '*n']:
  """Their ratio; NaN where there is nothing to have a part of."""
  return jnp.where(whole > 0, part / jnp.maximum(whole, 1), jnp.nan)


def _mean(total, count, least: int = 1) -> Float[Array, '*n']:
  """total / (count - least + 1); NaN where count is below `least`."""
  return _share(total, count - least + 1)


def _std(count, total, squares) -> Float[Array, '*n']:
  """Of `count` integers, from their sum and that of their squares.

  Exact up to the root for phrases of 256 timesteps, as int32 holds it.
  """
  return jnp.sqrt(jnp.float32(count * squares - total**2)) / jnp.where(
    count > 0, count, jnp.nan
  )


def _bars(x: Array) -> Array:
  """[t, ...] -> [bars, 16, ...]."""
  return x.reshape(-1, STEPS_PER_BAR, *x.shape[1:])


def _distinct(pitch, pitches: int) -> Int[Array, '*n']:
  """How many different ones there are along axis 0; negative ones are none."""
  bits = 0
  for word in range(0, pitches, 32):
    inside = (pitch >= word) & (pitch < word + 32)
    one = jnp.where(inside, jnp.uint32(1) << (pitch - word).astype('uint32'), 0)
    bits += jax.lax.population_count(
      jax.lax.reduce(one, jnp.uint32(0), jax.lax.bitwise_or, (0,))
    )
  return bits.astype(jnp.int32)


def _pitches(v: _View) -> Int[Array, 't tracks n']:
  """The pitches of onsets, -1 elsewhere."""
  return jnp.where(v.onset, v.tokens.astype(jnp.int32), -1)


def _note_length_mean(v):
  return _mean((v.age > 0).sum(0), v.count)


def _note_length_std(v):
  # A note of length l has ages 1 to l, and the first l odd numbers add up to
  # its square.
  squares = jnp.where(v.age > 0, 2 * v.age - 1, 0).sum(0)
  return _std(v.count, (v.age > 0).sum(0), squares)


def _avg_pitch_interval(v):
  follows = v.onset & (v.before >= 0)
  steps = jnp.abs(v.tokens.astype(jnp.int32) - v.before)
  return _mean(jnp.where(follows, steps, 0).sum(0), v.count, 2)


def _pitch_mean(v):
  return _mean(jnp.where(v.onset, v.tokens, 0).sum(0, jnp.int32), v.count)


def _pitch_std(v):
  pitch = jnp.where(v.onset, v.tokens, 0).astype(jnp.int32)
  return _std(v.count, pitch.sum(0), (pitch**2).sum(0))


def _pitch_range(v):
  pitch = _pitches(v)
  low = jnp.where(v.onset, pitch, NUM_PITCHES).min(0)
  return jnp.where(v.count > 0, pitch.max(0) - low, jnp.nan)


def _pitch_count(v):
  return jnp.where(v.count > 0, _distinct(_pitches(v), NUM_PITCHES), jnp.nan)


def _pitch_classes_per_bar(v):
  pitch = _pitches(v)
  classes = _bars(jnp.where(v.onset, pitch % 12, -1))
  distinct = _distinct(classes.swapaxes(0, 1), 12)
  return jnp.where(v.count > 0, distinct.mean(0), jnp.nan)


def _pitch_class_entropy(v):
  p = _share(v.classes, v.count)
  nats = -(p * jnp.log(jnp.where(p > 0, p, 1))).sum(0)
  return nats / np.log(2)


def _scale_consistency(v):
  inside = jnp.einsum('sc,c...->s...', jnp.int32(_SCALES), v.classes)
  return _share(inside.max(0), v.count)


def _qualified_note_rate(v):
  held = v.onset[:-1] & (v.tokens[1:] == HOLD)
  return _mean(held.sum(0), v.count)


def _empty_bar_rate(v):
  return (_bars(v.sounding).max(1) < 0).mean(0)


def _groove_consistency(v):
  onset = _bars(v.onset)
  if len(onset) < 2:
    return jnp.full(v.count.shape, jnp.nan)
  return 1 - (onset[1:] != onset[:-1]).mean((0, 1))


def syncopation_places(
  num_steps: int,
) -> tuple[Int[np.ndarray, 'k'], Int[np.ndarray, 'k']]:
  """Timesteps between beats, and of each the next stronger place.

  Those whose next stronger place is in the phrase.
  """
  steps = np.arange(num_steps)
  strength = np.tile(_STRENGTH, num_steps // STEPS_PER_BAR)
  odd, half = steps[strength == 0], steps[strength == 1]
  off = np.concatenate([odd, half[half + 2 < num_steps]])
  off = off[off + 1 < num_steps]
  return off, off + 1 + (strength[off] == 1)


def _syncopation(v):
  """Of the onsets between beats, those without one at the stronger place."""
  off, stronger = syncopation_places(len(v.tokens))
  syncopated = v.onset[off] & ~v.onset[stronger]
  return _mean(syncopated.sum(0), v.onset[off].sum(0))


def _repetition(v):
  bars = _bars(v.tokens)
  equal = (bars[:, None] == bars).all(2)  # [bars, bars, tracks, n]
  earlier = np.tri(len(bars), k=-1, dtype=bool)[..., None, None]
  return (equal & earlier).any(1).mean(0)


def _drum_pattern(v):
  return _mean(v.onset[::2].sum(0), v.count)


# Of each track: (function, the tracks that have it).
_ALL = np.ones(len(TRACKS), bool)
_DRUMS_ONLY = np.arange(len(TRACKS)) == DRUMS
_OF_A_TRACK: dict[str, tuple[Callable, np.ndarray]] = {
  'note_count': (lambda v: v.count, _ALL),
  'note_density': (lambda v: v.onset.mean(0), _ALL),
  'note_length_mean': (_note_length_mean, _ALL),
  'note_length_std': (_note_length_std, _ALL),
  'avg_pitch_interval': (_avg_pitch_interval, ~_DRUMS_ONLY),
  'ioi_mean': (lambda v: _mean(v.last - v.first, v.count, 2), _ALL),
  'pitch_mean': (_pitch_mean, ~_DRUMS_ONLY),
  'pitch_std': (_pitch_std, ~_DRUMS_ONLY),
  'pitch_range': (_pitch_range, ~_DRUMS_ONLY),
  'pitch_count': (_pitch_count, ~_DRUMS_ONLY),
  'pitch_classes_per_bar': (_pitch_classes_per_bar, ~_DRUMS_ONLY),
  'pitch_class_entropy': (_pitch_class_entropy, ~_DRUMS_ONLY),
  'scale_consistency': (_scale_consistency, ~_DRUMS_ONLY),
  'qualified_note_rate': (_qualified_note_rate, _ALL),
  'empty_bar_rate': (_empty_bar_rate, _ALL),
  'silence_ratio': (lambda v: (v.tokens == SILENCE).mean(0), _ALL),
  'hold_ratio': (lambda v: (v.tokens == HOLD).mean(0), _ALL),
  'groove_consistency': (_groove_consistency, _ALL),
  'syncopation': (_syncopation, _ALL),
  'repetition': (_repetition, _ALL),
  'drum_pattern': (_drum_pattern, _DRUMS_ONLY),
}


def _pairs(tracks) -> Iterator[tuple[int, int]]:
  tracks = list(tracks)
  return ((a, b) for i, a in enumerate(tracks) for b in tracks[i + 1 :])


def _onset_coincidence(v):
  """Jaccard index of two tracks' onsets, mean over the pairs with any."""
  shares = [
    _share(
      (v.onset[:, a] & v.onset[:, b]).sum(0),
      (v.onset[:, a] | v.onset[:, b]).sum(0),
    )
    for a, b in _pairs(range(len(TRACKS)))
  ]
  return _nanmean(jnp.stack(shares), 0)


def _tonal_distance(v):
  """Distance of two pitched tracks' tonal centroids, mean over beats and pairs.

  Harte, Sandler and Gasser 2006, eqs. 1-3, of the pitch classes that sound in
  a beat, each weighted by how long; of beats in which both tracks sound.
  """
  classes = np.arange(12)[:, None] * np.array([7 / 6, 3 / 2, 2 / 3]) * np.pi
  waves = np.stack([np.sin(classes), np.cos(classes)], -1)
  basis = (waves * np.array([1, 1, 0.5])[:, None]).reshape(12, 6)
  sounding = jnp.where(v.sounding < 0, 12, v.sounding % 12)
  sounding = sounding.reshape(-1, STEPS_PER_QUARTER, *sounding.shape[1:])
  chroma = jnp.stack([(sounding == c).sum(1) for c in range(12)])
  centroid = jnp.einsum('cd,c...->d...', jnp.float32(basis), chroma)
  centroid /= chroma.sum(0)  # NaN where nothing sounds
  distances = [
    jnp.sqrt(((centroid[:, :, a] - centroid[:, :, b]) ** 2).sum(0))
    for a, b in _pairs(np.flatnonzero(~_DRUMS_ONLY))
  ]
  return _nanmean(jnp.stack(distances), (0, 1))


def _nanmean(x, axis) -> Float[Array, '*n']:
  """The mean of what is not NaN; NaN, without a warning, where all is."""
  known = ~jnp.isnan(x)
  return _share(jnp.where(known, x, 0).sum(axis), known.sum(axis))


_ACROSS: dict[str, Callable] = {
  'onset_coincidence': _onset_coincidence,
  'tonal_distance': _tonal_distance,
}
# Names of all: of a track, then across tracks.
NAMES = (*_OF_A_TRACK, *_ACROSS)


@jax.jit
def _measure(tokens):
  view = _view(tokens)
  return {
    name: jnp.where(has, jnp.float32(function(view)).T, jnp.nan)
    for name, (function, has) in _OF_A_TRACK.items()
  } | {name: function(view) for name, function in _ACROSS.items()}


def measure(
  phrases: UInt8[np.ndarray, 'n t 4'], block: int = _BLOCK
) -> dict[str, Float[np.ndarray, 'n *tracks']]:
  """Returns every metric of every phrase, by name.

  Of whole bars. float32 [n, 4] of a track's metrics, [n] of those across
  tracks; NaN where undefined, and for tracks that do not have it.

  Args:
    phrases: tokens.
    block: phrases at once.
  """
  parts = []
  for tokens, mask in batches.padded_batches(phrases, block):
    found = jax.device_get(_measure(tokens))
    parts.append({name: values[mask] for name, values in found.items()})
  return {name: np.concatenate([p[name] for p in parts]) for name in NAMES}


def columns(
  values: Mapping[str, Float[np.ndarray, 'n *tracks']],
) -> dict[str, Float[np.ndarray, 'n']]:
  """Returns the metrics with one column each, 'note_count/bass' and so on.

  Those that a track does not have are left out.
  """
  found = {
    f'{name}/{TRACKS[i]}': values[name][:, i]
    for name, (_, has) in _OF_A_TRACK.items()
    for i in np.flatnonzero(has)
  }
  return found | {name: values[name] for name in _ACROSS}


def means(
  x: Float[np.ndarray, '*m n'],
) -> tuple[Float[np.ndarray, '*m'], Float[np.ndarray, '*m']]:
  """Returns the means over phrases where defined, and the share that is.

  NaN where none is.
  """
  known = ~np.isnan(x)
  with np.errstate(invalid='ignore', divide='ignore'):
    return np.where(known, x, 0).sum(-1) / known.sum(-1), known.mean(-1)


def distance(
  values: Mapping[str, Float[np.ndarray, 'n']],
  data: Mapping[str, Float[np.ndarray, 'm']],
) -> dict[str, float]:
  """Returns how far apart the distributions of each column are.

  The first Wasserstein distance in the data's standard deviations: 0 where
  they are equal, 1 where one is the other moved by as much. NaN where a column
  is defined in neither, or in the data does not vary.
  """
  return {
    name: _wasserstein(values[name], column) for name, column in data.items()
  }


def _wasserstein(a, b) -> float:
  a, b = (np.sort(x[~np.isnan(x)].astype(float)) for x in (a, b))
  if not (len(a) and len(b)) or not b.std():
    return float('nan')
  # The quantile functions, between all places where either has a step.
  places = np.union1d(*(np.arange(n + 1) / n for n in (len(a), len(b))))
  middle = (places[1:] + places[:-1]) / 2
  gap = a[(middle * len(a)).astype(int)] - b[(middle * len(b)).astype(int)]
  return float((np.abs(gap) * np.diff(places)).sum() / b.std())
