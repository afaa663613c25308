import numpy as np
import pytest

from musae_jax import genres
from musae_jax.errors import UserError


def test_vocabulary_counts_songs_and_breaks_ties_by_name():
  songs = [('rock', 'rock', 'pop'), ('pop',), ('jazz',), ('blues',)]
  assert genres.vocabulary(songs, 3) == ['pop', 'blues', 'jazz']


def test_multi_hot():
  hot = genres.multi_hot(['jazz', 'polka'], ['rock', 'jazz'], 4)
  assert hot.tolist() == [False, True, False, False]


def test_similarity_is_the_cosine_of_song_indicators():
  songs = [('a', 'b'), ('a',), ('b',), ('a',)]
  expected = 1 / np.sqrt(3 * 2)
  found = genres.similarity(songs, ['a', 'b'])
  np.testing.assert_allclose(found, [[1, expected], [expected, 1]])


@pytest.mark.parametrize('k', [3, 5, 12, 32])
def test_a_ring_that_is_there_is_found(k):
  hidden = np.random.default_rng(k).permutation(k)
  around = 2 * np.pi * hidden / k
  similarity = (1 + np.cos(around[:, None] - around)) / 2
  order = genres.ring_order(similarity)
  steps = np.diff(hidden[order + order[:1]]) % k
  assert sorted(order) == list(range(k))
  assert set(steps) in ({1}, {k - 1}) or k == 3
  assert order[0] == 0


def test_the_ring_is_no_longer_than_many_random_ones():
  rng = np.random.default_rng(0)
  songs = [
    [f'g{i}' for i in np.flatnonzero(rng.random(12) < 0.3)] for _ in range(200)
  ]
  names = sorted({g for tags in songs for g in tags})
  distance = 1 - genres.similarity(songs, names)
  best = genres._length(np.array(genres.ring_order(1 - distance)), distance)
  random = [genres._length(rng.permutation(12), distance) for _ in range(2000)]
  assert best < min(random)


def test_a_hand_made_order():
  order = genres.hand_made_order(['b\n', '\n', ' a '], ['a', 'b'])
  assert order == ['b', 'a']
  with pytest.raises(ValueError, match='missing: b; unknown: c'):
    genres.hand_made_order(['a', 'c'], ['a', 'b'])
  with pytest.raises(ValueError, match='3 lines, expected the 2'):
    genres.hand_made_order(['a', 'b', 'b'], ['a', 'b'])


def test_a_genre_s_petal():
  ring = ['rock', "rock 'n roll", 'Jazz']
  assert genres.petal('jazz', ring) == 2
  assert genres.petal(' ROCK ', ring) == 0
  with pytest.raises(UserError, match="'jass' is unknown; did you mean 'Jazz'"):
    genres.petal('jass', ring)
  with pytest.raises(UserError, match="'zydeco' is unknown; known are rock, "):
    genres.petal('zydeco', ring)
  with pytest.raises(UserError, match='knows no genres'):
    genres.petal('rock', [])
