"""Genre tags: the vocabulary, multi-hot vectors, the order on the ring."""

import collections
import difflib
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Bool, Float

from musae_jax.errors import UserError

NUM_GENRES = 32


def vocabulary(
  songs: Iterable[Sequence[str]], size: int = NUM_GENRES
) -> list[str]:
  """The most frequent tags, most frequent first; ties in alphabetical order.

  Args:
    songs: the tags of each song; a tag counts once a song.
    size: how many to keep (the paper, section 3.3: 32).
  """
  counts = collections.Counter(tag for tags in songs for tag in set(tags))
  return sorted(counts, key=lambda tag: (-counts[tag], tag))[:size]


def petal(genre: str, genres: Sequence[str]) -> int:
  """The place of a genre on the ring, whatever its capitals.

  Raises:
    UserError: there is none of that name; lists those there are.
  """
  known = [name.casefold() for name in genres]
  wanted = genre.strip().casefold()
  if wanted in known:
    return known.index(wanted)
  if not known:
    raise UserError(f'genre {genre!r}: the model knows no genres')
  close = difflib.get_close_matches(wanted, known, 1, cutoff=0.5)
  meant = f'did you mean {genres[known.index(close[0])]!r}? ' if close else ''
  raise UserError(
    f'genre {genre!r} is unknown; {meant}known are {", ".join(genres)}'
  )


def multi_hot(
  tags: Iterable[str], genres: Sequence[str], size: int = NUM_GENRES
) -> Bool[np.ndarray, 'size']:
  """Which of the genres are among a song's tags; index = petal."""
  tags = set(tags)
  hot = np.zeros(size, bool)
  hot[: len(genres)] = [genre in tags for genre in genres]
  return hot


def similarity(
  songs: Iterable[Sequence[str]], genres: Sequence[str]
) -> Float[np.ndarray, 'k k']:
  """Cosine of the genres' song indicators: co-occurrence in 0..1."""
  k = len(genres)
  rows = [multi_hot(tags, genres, k) for tags in songs]
  return cosines(np.array(rows, bool).reshape(len(rows), k))


def cosines(hot: Bool[np.ndarray, 's k']) -> Float[np.ndarray, 'k k']:
  """`similarity` of songs whose genres are a row each."""
  together = hot.astype(float).T @ hot
  count = np.maximum(np.diag(together), 1)
  return together / np.sqrt(np.outer(count, count))


def ring_order(similarity: Float[np.ndarray, 'k k']) -> list[int]:
  """A cyclic order in which neighbours are as similar as can be found.

  Circular seriation as a shortest round trip over 1 - similarity: nearest
  neighbour tours from every start, each improved by reversing segments
  (2-opt, Croes 1958) and by moving them (Or-opt, Or 1976) until neither helps;
  the best of them. Deterministic. The trip starts at 0 and goes towards the
  more similar of 0's neighbours.
  """
  k = len(similarity)
  if k < 4:
    return list(range(k))
  distance, moves = 1 - similarity, _moves(k)
  tours = [
    _improve(_nearest_neighbours(distance, start), distance, moves)
    for start in range(k)
  ]
  tour = min(tours, key=lambda tour: _length(tour, distance))
  tour = np.roll(tour, -int(np.flatnonzero(tour == 0)[0]))
  if distance[0, tour[-1]] < distance[0, tour[1]]:
    tour = np.roll(tour[::-1], 1)
  return [int(i) for i in tour]


def neighbours_similarity(similarity: Float[np.ndarray, 'k k']) -> float:
  """The mean similarity of neighbours on the ring 0, 1, ... k - 1, 0."""
  k = len(similarity)
  return float(similarity[np.arange(k), (np.arange(k) + 1) % k].mean())


def _length(tour, distance) -> float:
  return distance[tour, np.roll(tour, -1, axis=-1)].sum(axis=-1)


def _nearest_neighbours(distance, start: int):
  tour, left = [start], set(range(len(distance))) - {start}
  while left:
    tour.append(min(sorted(left), key=lambda i: distance[tour[-1], i]))
    left.remove(tour[-1])
  return np.array(tour)


def _improve(tour, distance, moves):
  """Applies the best move until none shortens the tour."""
  while True:
    candidates = tour[moves]
    lengths = _length(candidates, distance)
    best = lengths.argmin()
    if lengths[best] > _length(tour, distance) - 1e-12:
      return tour
    tour = candidates[best]


def _moves(k: int):
  """Every 2-opt and Or-opt move of a tour of k, as rows of positions."""
  tour = np.arange(k)
  moves = []
  for i in range(k - 1):
    for j in range(i + 2, k + 1):
      moves.append(np.concatenate([tour[:i], tour[i:j][::-1], tour[j:]]))
  for size in (1, 2, 3):
    for i in range(k):
      segment, rest = np.split(np.roll(tour, -i), [size])
      for j in range(1, len(rest)):
        moves.append(np.concatenate([rest[:j], segment, rest[j:]]))
  return np.array(moves)


def hand_made_order(lines: Iterable[str], genres: Sequence[str]) -> list[str]:
  """The genres in the order of a file of one a line.

  Raises:
    ValueError: the lines are not exactly the genres; names the differences.
  """
  order = [line.strip() for line in lines if line.strip()]
  missing, unknown = set(genres) - set(order), set(order) - set(genres)
  if missing or unknown or len(order) != len(genres):
    raise ValueError(
      f'the order has {len(order)} lines, expected the {len(genres)} genres '
      f'once each; missing: {", ".join(sorted(missing)) or "none"}; '
      f'unknown: {", ".join(sorted(unknown)) or "none"}'
    )
  return order
