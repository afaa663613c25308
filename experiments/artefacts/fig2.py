"""Fig. 2: piano rolls of an interpolation."""

import numpy as np

from experiments.artefacts.artefact import Artefact
from experiments.artefacts.subject import Subject
from musae_jax import paths, plots

_STEPS = 7


def make(subject: Subject) -> Artefact:
  """Returns the way from a validation phrase to one of another song."""
  first = 0
  other = int(np.argmax(subject.songs != subject.songs[first]))
  ends = subject.means[[first]], subject.means[[other]]
  t = np.linspace(0, 1, _STEPS)
  figures, rows = {}, []
  for name in path_names(subject):
    path = paths.between(name, *ends, t, subject.prior.std)[:, 0]
    decoded = subject.instrument.likeliest(path.astype(np.float32))
    rolls = {f'{name}, {at:.2f}': phrase for at, phrase in zip(t, decoded)}
    figures['' if not figures else name] = lambda rolls=rolls: plots.strip(
      rolls
    )
    for at, phrase in zip(t, decoded):
      rows.append(
        {
          'path': name,
          'parameter': float(at),
          'differs_from_first': float((phrase != decoded[0]).mean()),
          'differs_from_last': float((phrase != decoded[-1]).mean()),
        }
      )
  split = subject.splits.validation
  where = [
    f'{split.songs[split.song[row]]}, bar {split.bar[row] + 1}'
    for row in subject.rows[[first, other]]
  ]
  return Artefact(
    'Fig. 2: an interpolation',
    f'From the code of {where[0]} to that of {where[1]}, of songs that '
    'training never saw, each decoded in between. Tracks have one colour each, '
    'beats and bars are ruled.',
    figures,
    rows,
    {'first': where[0], 'last': where[1]},
  )


def path_names(subject: Subject) -> list[str]:
  """Returns the ways there are: a ring's arc where there is a ring."""
  return [
    name
    for name in paths.PATHS
    if name != 'arc' or subject.prior.num_components > 1
  ]
