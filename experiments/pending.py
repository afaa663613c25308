"""The metrics of a run since its last line, and whether they are sound."""

import math

import jax
import numpy as np

from musae_jax.pianoroll import NUM_TOKENS, TRACKS

# What a metric stays below in a run that is sound. Of the reconstruction, a
# hundred times what a timestep costs who knows nothing.
_BOUNDS = {'reconstruction': 100 * len(TRACKS) * math.log(NUM_TOKENS)}
_BOUND = 1e6


class Diverged(ValueError):
  """A metric is not finite, or far off; one line says which, and when."""


class Pending:
  """The metrics of each dispatch, as the device returns them.

  Args:
    step: the last one before them.
    kept: those up to it that `as_json` gave.
  """

  def __init__(self, step: int, kept: list[dict] = ()):
    self._metrics = [
      {name: np.float32(values) for name, values in metrics.items()}
      for metrics in kept
    ]
    self._first = step + 1 - sum(np.size(m['loss']) for m in self._metrics)

  def add(self, metrics: dict) -> None:
    """Adds those of one dispatch, scalars or [steps]; waits for nothing."""
    self._metrics.append(metrics)

  def as_json(self) -> list[dict]:
    """Returns them all exactly, for the line after a restart."""
    return [
      {name: values.tolist() for name, values in metrics.items()}
      for metrics in jax.device_get(self._metrics)
    ]

  def means(self) -> dict[str, float]:
    """Returns the mean of each metric over the steps that were not skipped.

    'skipped' is the share of those that were.

    Raises:
      Diverged: a metric of a step that was made is not finite, or has
        exploded, or every step was skipped.
    """
    found = jax.device_get(self._metrics)
    values = {
      name: np.hstack([metrics[name] for metrics in found]) for name in found[0]
    }
    skipped = values.get('skipped', np.zeros_like(values['loss'])) > 0
    if skipped.all():
      raise Diverged(
        f'steps {self._first} to {self._first + len(skipped) - 1} were all '
        'skipped, a metric of each not being finite'
      )
    wrong = {
      name: ~skipped & ~(np.abs(of_steps) <= _bound(name))
      for name, of_steps in values.items()
    }
    first = {name: np.argmax(at) for name, at in wrong.items() if at.any()}
    if first:
      name = min(first, key=first.get)
      raise Diverged(
        f'{name} became {values[name][first[name]]:g} at step '
        f'{self._first + first[name]}'
      )
    return {
      name: float(
        np.mean(of_steps if name == 'skipped' else of_steps[~skipped])
      )
      for name, of_steps in values.items()
    }


def _bound(name: str) -> float:
  """Returns what a metric may be at most.

  Anything, if it is a norm, for Adam takes any, or the config's own.
  """
  if name.endswith('_norm') or name in ('learning_rate', 'beta'):
    return np.finfo('f').max
  return _BOUNDS.get(name, _BOUND)
