"""Codes moved so that their phrases have more or less of an attribute.

A change of 0.5 is half a standard deviation of the data.
"""

from collections.abc import Collection, Mapping

import numpy as np
from jaxtyping import Bool, UInt8

from musae_jax import attributes, batches, descent, directions
from musae_jax.coding import Coder, Codes, in_batches
from musae_jax.data import Split
from musae_jax.directions import Directions
from musae_jax.errors import UserError
from musae_jax.pianoroll import TRACKS

METHODS = ('difference', 'ridge', 'gradient')
# Searched along, it moves register best and the others about as well as any, by
# experiments/benchmarks/editing.py; the directions take a tenth of the time.
DEFAULT = 'gradient'

# How far along a way an edit may go, in what a method finds right; or not at
# all.
_AMOUNTS = (0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3)
# Phrases of a split that directions are fitted to.
_FITTED = 10_000
# Beside a squared distance of 1 standard deviation from what is asked: one of
# another attribute from what it was; a nat that a track's tokens differ by,
# where it is to be kept and where not; and a nat an axis that a code gets less
# likely by.
_OTHERS, _KEPT, _REST, _PRIOR = 0.3, 10.0, 0.3, 1.0


def fit_split(coder: Coder, split: Split) -> Directions:
  """What `fit` finds in some thousands of a split's phrases, of chance.

  Args:
    coder: the model.
    split: the training split.
  """
  rows = batches.permutation(len(split), 2, 0)[:_FITTED]
  return fit(coder, split.phrases[rows], split.genres[rows])


def fit(
  coder: Coder,
  phrases: UInt8[np.ndarray, 'n t 4'],
  tags: Bool[np.ndarray, 'n k'],
) -> Directions:
  """The attributes' deviations, and their directions, in these phrases.

  Args:
    coder: the model.
    phrases: of the training split, some thousands.
    tags: their genres.
  """
  codes, _ = coder.posterior(phrases)
  prior = coder.model.prior
  return directions.fit(codes, attributes.measure(phrases), prior, tags)


def move(
  coder: Coder,
  z: Codes,
  targets: Mapping[str, float],
  fitted: Directions,
  method: str = DEFAULT,
  keep: Collection[str] = (),
) -> Codes:
  """Codes moved as a method has it; how far that brings them is not looked at.

  Arguments as those of `edit`.
  """
  _check(targets, fitted, method, keep)
  if method != 'gradient':
    change = np.array([targets.get(n, 0) for n in fitted.names])
    steps = change @ getattr(fitted, method)
    return np.float32(z + steps * coder.model.prior.std)
  goal = _goal(targets, fitted, keep)
  return in_batches(
    lambda z: descent.descend(
      coder.model, coder.num_steps, fitted.names, coder.params, goal, z
    ),
    z,
  )


def edit(
  coder: Coder,
  z: Codes,
  targets: Mapping[str, float],
  fitted: Directions,
  method: str = DEFAULT,
  keep: Collection[str] = (),
) -> Codes:
  """Codes of phrases whose attributes differ by as much as was asked.

  A method says which way each code is to go. Along it several places are
  decoded and measured, and the best is taken: where the attributes are nearest
  to what was asked, and the others of the same place to what they were.

  Args:
    coder: the model.
    z: codes, in the prior's axes.
    targets: changes by attribute, in the data's standard deviations.
    fitted: the attributes' steps and deviations.
    method: one of METHODS. 'difference' and 'ridge' take those directions;
      'gradient' goes down a slope until what the decoder is expected to play
      has what is asked, and stays likely under the prior, and else as it was.
    keep: tracks that are to stay, which only 'gradient' heeds.

  Raises:
    UserError: there is no such attribute, method or track, or no direction.
  """
  end = move(coder, z, targets, fitted, method, keep)
  goal = _goal(targets, fitted, keep)
  before = _measured(coder, z, goal, fitted.names)

  def cost(found):
    off = found - before - goal.change
    # What a phrase has not, now or then, is as wrong as if nothing were done.
    off = np.where(np.isnan(off), goal.change, off)
    return (goal.weights * off**2).sum(-1)

  best, least = z, cost(before)
  for amount in _AMOUNTS:
    there = z + np.float32(amount) * (end - z)
    found = cost(_measured(coder, there, goal, fitted.names))
    best = np.where((found < least)[:, None], there, best)
    least = np.minimum(found, least)
  return best


def _measured(coder, z, goal, names):
  """The attributes of decoded codes, in standard deviations, a column each."""
  values = attributes.measure(coder.decode(z))
  return np.stack([values[name] for name in names], -1) / goal.std


def _check(targets, fitted, method, keep):
  for name in targets:
    if name not in fitted.names:
      raise UserError(
        f'there is no attribute {name!r}, expected one of '
        + ', '.join(fitted.names)
      )
  for what, found, known in (
    ('method', [method], METHODS),
    ('track', keep, TRACKS),
  ):
    for name in found:
      if not isinstance(name, str) or name not in known:
        raise UserError(
          f'there is no {what} {name!r}, expected one of {", ".join(known)}'
        )
  if method == 'gradient':
    return
  for name in targets:
    if not getattr(fitted, method)[fitted.names.index(name)].any():
      raise UserError(
        f'{name} has no direction of its own, expected method=gradient'
      )


def _goal(targets, fitted, keep) -> descent.Goal:
  beside = {
    o for name in targets for o in directions.others(name, attributes.NAMES)
  }
  weights = [
    1.0 if n in targets else _OTHERS * (n in beside) for n in fitted.names
  ]
  change = [targets.get(n, 0) for n in fitted.names]
  tracks = [_KEPT if track in keep else _REST for track in TRACKS]
  return descent.Goal(
    *map(np.float32, (change, fitted.std, weights, tracks, _PRIOR))
  )
