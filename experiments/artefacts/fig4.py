"""Fig. 4: how far interpolations are from where they begin."""

import numpy as np

from experiments.artefacts.artefact import Artefact
from experiments.artefacts.fig2 import path_names
from experiments.artefacts.subject import Subject
from musae_jax import charts, paths

_PAIRS = 256
_STEPS = 21


def make(subject: Subject) -> Artefact:
  """Returns the share of tokens that differ from the first, along each path."""
  pairs = min(_PAIRS, len(subject.means) // 2)
  ends = subject.means[:pairs], subject.means[pairs : 2 * pairs]
  t = np.linspace(0, 1, _STEPS)
  curves, facts = {}, {'pairs': pairs}
  for name in path_names(subject):
    path = paths.between(name, *ends, t, subject.prior.std)
    path = path.astype(np.float32)
    decoded = subject.instrument.likeliest(path.reshape(-1, path.shape[-1]))
    decoded = decoded.reshape(*path.shape[:2], *decoded.shape[1:])
    differs = (decoded != decoded[0]).mean((2, 3))  # [steps, pairs]
    curves[name] = differs.mean(1)
    facts[name] = {
      # Of each pair's steps, those that do not lead back.
      'steps_not_back': float((np.diff(differs, axis=0) >= 0).mean()),
      'mean_never_goes_back': bool((np.diff(curves[name]) >= 0).all()),
      'largest_step_of_the_mean': float(np.diff(curves[name]).max()),
    }
  # Each token from either end, with the path's parameter as probability.
  last = curves['line'][-1]
  curves['tokens at random'] = t * last
  rows = [
    {'parameter': at, **{name: float(y[i]) for name, y in curves.items()}}
    for i, at in enumerate(t.tolist())
  ]
  back = ', '.join(
    f'{name} {1 - facts[name]["steps_not_back"]:.1%}'
    for name in path_names(subject)
  )
  return Artefact(
    'Fig. 4: Hamming distance along interpolations',
    f"Share of tokens that differ from the path's first phrase, mean of "
    f'{pairs} pairs of validation phrases; dashed, taking each token of either '
    'end at random (Bernoulli). Steps of single pairs that lead back: '
    f'{back}.',
    {'': lambda: charts.hamming(t, curves)},
    rows,
    facts,
  )
