"""Straight ways through the codes along which an attribute grows.

Codes here are whitened, divided by the prior's standard deviation along each
axis; an attribute's values are in its standard deviations in the data. A step
is the change of a code for which a linear view of the data expects the
attribute to grow by one.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from musae_jax.priors import Prior

# The ends of an attribute that are compared: this share of phrases at either.
_END = 0.25
# Added to the variance of each axis: little, next to the prior's of 1.
_RIDGE = 0.01
# Where no component says what a genre is, tags do: of the variance of their
# means this share is held still.
_GENRE_SHARE = 0.9
# What is left of a direction of length 1 where nothing is left of it.
_NOTHING = 1e-3
# A deviation below this share of the values is one of rounding.
_VARIES = 1e-6


class Directions(NamedTuple):
  """Steps of each of k attributes.

  Attributes:
    names: 'density', 'density/bass' and so on.
    std: of each attribute in the data, in its own unit.
    difference: from the mean code of those who have least to that of those who
      have most.
    ridge: the way of steepest growth that leaves the other attributes of the
      same place, and the genre, as they are; zeros where no way does.
  """

  names: tuple[str, ...]
  std: Float[np.ndarray, 'k']
  difference: Float[np.ndarray, 'k d']
  ridge: Float[np.ndarray, 'k d']


def fit(
  codes: Float[np.ndarray, 'n d'],
  values: Mapping[str, Float[np.ndarray, 'n']],
  prior: Prior,
  tags: Bool[np.ndarray, 'n k'],
) -> Directions:
  """Returns the steps that codes and what their phrases are like tell of.

  Of attributes that do not vary there are none.

  Args:
    codes: posteriors' means, in the prior's axes.
    values: of each attribute, NaN where a phrase has none. One of a track is
      named 'density/bass', one of the whole phrase 'density'.
    prior: whose components are the genres, if it has several.
    tags: genres of each phrase, which say what a genre is if it has not.
  """
  codes = np.asarray(codes, np.float64) / prior.std
  names, std, difference, slopes = [], [], [], []
  for name, value in values.items():
    known = ~np.isnan(value)
    value = np.asarray(value, np.float64)[known]
    if len(value) and value.std() > _VARIES * max(abs(value).max(), 1):
      names.append(name)
      std.append(value.std())
      difference.append(_difference(codes[known], value / std[-1]))
      slopes.append(_slope(codes[known], value / std[-1]))
  genre = genre_axes(codes, prior, tags)
  ridge = [
    _step(
      slopes[i],
      [*genre, *(slopes[names.index(other)] for other in others(name, names))],
    )
    for i, name in enumerate(names)
  ]
  shape = len(names), codes.shape[1]
  steps = (np.float32(x).reshape(shape) for x in (difference, ridge))
  return Directions(tuple(names), np.float32(std), *steps)


def others(name: str, names: Collection[str]) -> tuple[str, ...]:
  """The other attributes of the same track, or of the whole phrase."""

  def place(name):
    return name.partition('/')[2]

  return tuple(n for n in names if place(n) == place(name) and n != name)


def genre_axes(
  codes: Float[np.ndarray, 'n d'],
  prior: Prior,
  tags: Bool[np.ndarray, 'n k'],
) -> Float[np.ndarray, 'm d']:
  """An orthonormal basis of where genre lies.

  The span of the components' means, for a flower the plane of its ring; for a
  prior of one component, that in which the tags' mean codes differ most.

  Args:
    codes: whitened.
    prior: the codes'.
    tags: genres of each phrase.
  """
  if prior.num_components > 1:
    centres, share = prior.means / prior.std, 1 - 1e-6
  else:
    count = tags.sum(0)[:, None]
    means = tags.T.astype(np.float64) @ codes / np.maximum(count, 1)
    centres = (means - codes.mean(0)) * np.sqrt(count)
    share = _GENRE_SHARE
  _, singular, axes = np.linalg.svd(centres, full_matrices=False)
  total = np.cumsum(singular**2)
  if not total[-1]:
    return axes[:0]
  return axes[: 1 + np.searchsorted(total, share * total[-1])]


def _difference(codes, value):
  """The step between those of an attribute's low end and those of its high."""
  low, high = np.quantile(value, [_END, 1 - _END])
  ends = value >= high, value <= low
  top, bottom = (codes[end].mean(0) for end in ends)
  most, least = (value[end].mean() for end in ends)
  # Of an attribute that most phrases have the same of, the ends may touch.
  return (top - bottom) / (most - least) if most > least else 0 * top


def _slope(codes, value):
  """The ridge regression's gradient: by how much each axis adds to a value."""
  codes, value = codes - codes.mean(0), value - value.mean()
  gram = codes.T @ codes / len(codes)
  penalty = _RIDGE * np.eye(len(gram))
  return np.linalg.solve(gram + penalty, codes.T @ value / len(codes))


def _step(slope, still):
  """The shortest step that adds 1 along `slope`, and nothing along `still`."""
  left = slope
  if len(still):
    basis, singular, _ = np.linalg.svd(np.stack(still, 1), full_matrices=False)
    basis = basis[:, singular > 1e-9 * singular[0]]
    left = slope - basis @ (basis.T @ slope)
  if np.linalg.norm(left) <= _NOTHING * np.linalg.norm(slope):
    return 0 * slope
  return left / (slope @ left)
