"""How well phrases are reconstructed, and what knowing nothing would score.

The paper's Table 1: per track, the share of timesteps whose most likely token
is the right one. Most tokens are holds, so beside it stand two predictions
that look at no phrase, the accuracy on attacks, and the F1 of onsets.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int, UInt8

from musae_jax import batches, parallel
from musae_jax.models import Autoencoder
from musae_jax.pianoroll import HOLD, NUM_PITCHES, NUM_TOKENS, TRACKS

# One number a track, in TRACKS' order; as `make_eval_step` counts them.
Sums = Mapping[str, np.ndarray]

# What `scores` returns.
MEASURES = ('accuracy', 'attack_accuracy', 'onset_f1', 'cross_entropy')
_NONE = float('nan')
# The paper's Table 1 by bars: drums, bass, guitar, strings, on its own data.
# It has two 2-bar models, of drums and of melodies, which are no track here.
PAPER = {
  2: {
    'MusAE, Gaussian (melody .991)': (0.999, _NONE, _NONE, _NONE),
    'MusicVAE, flat (melody .951)': (0.917, _NONE, _NONE, _NONE),
  },
  16: {
    'MusAE, Gaussian': (0.773, 0.763, 0.710, 0.802),
    'MusAE, mixture': (0.911, 0.880, 0.797, 0.825),
    'MusicVAE, flat': (0.641, 0.651, 0.660, _NONE),
    'MusicVAE, hierarchical': (0.895, 0.782, 0.760, _NONE),
  },
}


def make_eval_step(model: Autoencoder, mesh: Mesh | None = None):
  """Counts to add up over a split: `step(params, phrases, mask) -> sums`.

  A phrase is reconstructed from its posterior's mean, each token by argmax. An
  onset is a pitch token; it is found where the same pitch stands at the same
  timestep of the same track.

  Args:
    model: networks and prior.
    mesh: where parameters are replicated, phrases split; None: one device.

  Returns:
    A jitted function of parameters, phrases uint8[b, T, 4] and mask bool[b],
    False where a row only fills the batch. Its sums are [4], one a track, over
    phrases and timesteps: int32, but for 'cross_entropy', float32 nats.
  """

  def step(
    params: dict, phrases: UInt8[Array, 'b t tracks'], mask: Bool[Array, 'b']
  ) -> dict:
    z = model.encode(params, phrases).mean
    nats, predicted = model.compare(params, z, phrases)
    sums = {**compare(predicted, phrases), 'cross_entropy': nats}
    return jax.tree.map(
      lambda x: jnp.where(mask[:, None, None], x, 0).sum((0, 1)), sums
    )

  return parallel.jit(step, mesh, sharded=(1, 2))


def compare(
  predicted: UInt8[Array, '*n tracks'], phrases: UInt8[Array, '*n tracks']
) -> dict[str, Bool[Array, '*n tracks']]:
  """What is counted of each token, but for 'cross_entropy'."""
  correct = predicted == phrases
  attack, claimed = phrases < NUM_PITCHES, predicted < NUM_PITCHES
  return {
    'timesteps': correct | True,
    'correct': correct,
    'attacks': attack,
    'attacks_correct': attack & correct,
    'onset_fp': claimed & ~correct,
  }


def evaluate(
  step: Callable[..., Sums],
  params: dict,
  phrases: np.ndarray,
  batch_size: int,
  rows: np.ndarray | None = None,
  shard: Callable = lambda batch: batch,
) -> Sums:
  """Returns the sums of an evaluation step over phrases.

  Args:
    step: from `make_eval_step`.
    params: the model's.
    phrases: tokens uint8[n, t, 4].
    batch_size: phrases of a batch.
    rows: which phrases; all of them by default.
    shard: puts a batch where the step wants it.
  """
  total = None
  for batch in batches.padded_batches(phrases, batch_size, rows):
    sums = jax.device_get(step(params, *shard(batch)))
    # int32 holds a batch's counts, not a split's.
    sums = {k: v.astype(np.result_type(v, np.int64)) for k, v in sums.items()}
    total = sums if total is None else jax.tree.map(np.add, total, sums)
  return total


def scores(sums: Sums) -> dict[str, Float[np.ndarray, 'tracks']]:
  """Returns accuracies and F1 in [0, 1] of each track.

  'accuracy' over all timesteps, 'attack_accuracy' over those where a note
  begins, 'onset_f1' of notes begun at the right step with the right pitch;
  'cross_entropy' in nats a token where the sums have it. NaN where a track has
  nothing to count.
  """

  def share(part, whole):
    with np.errstate(invalid='ignore'):
      return np.asarray(part) / np.asarray(whole)

  found = sums['attacks_correct']
  claimed = found + sums['onset_fp']
  result = {
    'accuracy': share(sums['correct'], sums['timesteps']),
    'attack_accuracy': share(found, sums['attacks']),
    'onset_f1': share(2 * found, sums['attacks'] + claimed),
  }
  if 'cross_entropy' in sums:
    result['cross_entropy'] = share(sums['cross_entropy'], sums['timesteps'])
  return result


def averages(values: Float[np.ndarray, 'tracks']) -> dict[str, float]:
  """Returns the means 'dbgs' over all tracks and 'dbg' without strings."""
  return {'dbgs': float(np.mean(values)), 'dbg': float(np.mean(values[:3]))}


def token_counts(
  phrases: np.ndarray, block: int = 4096
) -> Int[np.ndarray, 't tracks tokens']:
  """Returns how often each token stands at each timestep of each track."""
  shape = (*phrases.shape[1:], NUM_TOKENS)
  place = np.arange(shape[0] * shape[1]).reshape(shape[:2]) * NUM_TOKENS
  counts = np.zeros(np.prod(shape), np.int64)
  for start in range(0, len(phrases), block):
    tokens = phrases[start : start + block]
    counts += np.bincount((tokens + place).ravel(), minlength=len(counts))
  return counts.reshape(shape)


def constant_sums(
  counts: Int[np.ndarray, 't tracks tokens'],
  prediction: UInt8[np.ndarray, 't tracks'],
) -> Sums:
  """Returns the sums of predicting the same phrase for every phrase counted."""
  right = np.take_along_axis(counts, prediction[..., None].astype(int), -1)
  right = right[..., 0]
  claimed = prediction < NUM_PITCHES
  size = counts.sum(-1)
  sums = {
    'timesteps': size,
    'correct': right,
    'attacks': counts[..., :NUM_PITCHES].sum(-1),
    'attacks_correct': np.where(claimed, right, 0),
    'onset_fp': np.where(claimed, size - right, 0),
  }
  return {name: value.sum(0) for name, value in sums.items()}


def baselines(
  train: Int[np.ndarray, 't tracks tokens'],
  validation: Int[np.ndarray, 't tracks tokens'],
) -> dict[str, Sums]:
  """Returns what two constant predictions score on the validation split.

  Args:
    train: token counts of the training split, which the most frequent token of
      each timestep and track is taken from.
    validation: token counts of the split scored.
  """
  hold = np.full(train.shape[:2], HOLD, np.uint8)
  frequent = train.argmax(-1).astype(np.uint8)
  return {
    'always hold': constant_sums(validation, hold),
    'most frequent token': constant_sums(validation, frequent),
  }


def report(
  model: Sums, others: Mapping[str, Sums], num_bars: int | None = None
) -> dict[str, dict[str, dict[str, float | None]]]:
  """Returns every figure, {measure: {row: {track or average: value}}}.

  Args:
    model: the trained model's sums.
    others: the baselines' sums, by name.
    num_bars: of a phrase; the paper's accuracies for that length are added.
  """
  result = {}
  for row, sums in {'this model': model, **others}.items():
    for measure, values in scores(sums).items():
      result.setdefault(measure, {})[row] = _row(values)
  for row, values in PAPER.get(num_bars, {}).items():
    result['accuracy'][f'paper, other data: {row}'] = _row(np.array(values))
  return result


def _row(values: Float[np.ndarray, 'tracks']) -> dict[str, float | None]:
  row = {**dict(zip(TRACKS, map(float, values))), **averages(values)}
  return {k: v if np.isfinite(v) else None for k, v in row.items()}


def markdown(figures: Mapping[str, Mapping[str, Mapping]]) -> str:
  """Returns the figures of `report` as one table, a measure after another."""
  columns = (*TRACKS, 'dbgs', 'dbg')
  lines = [
    '| measure | | ' + ' | '.join(columns) + ' |',
    '|---|---|' + '---:|' * len(columns),
  ]
  for measure, rows in figures.items():
    for name, row in rows.items():
      cells = ('-' if row[c] is None else f'{row[c]:.3f}' for c in columns)
      label = measure.replace('_', ' ')
      lines.append(f'| {label} | {name} | ' + ' | '.join(cells) + ' |')
  return '\n'.join(lines) + '\n'
