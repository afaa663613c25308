"""Whether codes match the prior, and what they know: a latent space measured.

The critic's own estimate looks small long before codes match. So here stand
distances with their floor, the same distance between two sets of prior draws:
a match is a ratio of 1, not a small number.

Codes are float32 [n, d] in the prior's axes. Distances are taken in whitened
coordinates, where the prior has unit scale along each axis.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Bool, Float, Int
from sklearn.covariance import LedoitWolf

from musae_jax import regularisers
from musae_jax.priors import Prior, draw

_BLOCK = 500  # rows of a kernel's matrix at once
_DIRECTIONS = 256
# Of the classifier that tells codes from draws.
_WIDTH, _UPDATES, _BATCH = 128, 600, 512
# Of one tag, to say how well it is told from another.
_SONGS = 8


class Match(NamedTuple):
  """How far codes are from the prior.

  Attributes:
    mmd: squared maximum mean discrepancy; 0 where they match.
    mmd_floor: of draws from draws.
    sliced_wasserstein: mean over directions of the distance of projections.
    sliced_wasserstein_floor: of draws from draws.
  """

  mmd: float
  mmd_floor: float
  sliced_wasserstein: float
  sliced_wasserstein_floor: float

  @property
  def over_floor(self) -> float:
    """The sliced Wasserstein distance, in floors."""
    return self.sliced_wasserstein / self.sliced_wasserstein_floor


def match(
  prior: Prior,
  codes: Float[np.ndarray, 'n d'],
  tags: Bool[np.ndarray, 'n k'],
  seed: int = 0,
) -> Match:
  """Returns how far codes are from draws of the same tags."""
  codes, a, b, key = _compared(prior, codes, tags, seed)
  within = _kernel_mean(a, a, True), _kernel_mean(b, b, True)
  mmd = (
    _kernel_mean(codes, codes, True)
    + within[0]
    - 2 * _kernel_mean(codes, a, False)
  )
  floor = sum(within) - 2 * _kernel_mean(a, b, False)
  found = (mmd, floor, _sliced(key, codes, a), _sliced(key, a, b))
  return Match(*map(float, found))


def sliced_over_floor(
  prior: Prior,
  codes: Float[np.ndarray, 'n d'],
  tags: Bool[np.ndarray, 'n k'],
  seed: int = 0,
) -> float:
  """Returns `match`'s sliced Wasserstein distance in floors, alone."""
  codes, a, b, key = _compared(prior, codes, tags, seed)
  return float(_sliced(key, codes, a)) / float(_sliced(key, a, b))


def _compared(prior, codes, tags, seed):
  """Returns codes and two sets of draws, whitened, and a key."""
  *keys, key = jax.random.split(jax.random.key(seed), 3)
  a, b = (draw(prior, key, tags) / prior.std for key in keys)
  return jnp.asarray(codes) / prior.std, a, b, key


@functools.partial(jax.jit, static_argnums=2)
def _kernel_mean(a, b, alike: bool):
  """Mean of the kernel over pairs; where `alike`, none of a row with itself."""
  rows = -(-len(a) // _BLOCK) * _BLOCK
  padded = jnp.zeros((rows, a.shape[1])).at[: len(a)].set(a)
  valid = jnp.arange(rows) < len(a)

  def block(of):
    part, known = of
    return jnp.where(known[:, None], regularisers.kernel(part, b), 0).sum()

  shape = (-1, _BLOCK)
  total = jax.lax.map(
    block, (padded.reshape(*shape, a.shape[1]), valid.reshape(shape))
  ).sum()
  if alike:
    itself = len(a) * len(regularisers.SCALES)
    return (total - itself) / (len(a) * (len(a) - 1))
  return total / (len(a) * len(b))


@jax.jit
def _sliced(key, a, b):
  directions = jax.random.normal(key, (a.shape[1], _DIRECTIONS))
  directions /= jnp.linalg.norm(directions, axis=0)
  sort = lambda z: jnp.sort(z @ directions, axis=0)  # noqa: E731
  return jnp.abs(sort(a) - sort(b)).mean()


def classifier_accuracy(
  prior: Prior,
  codes: Float[np.ndarray, 'n d'],
  tags: Bool[np.ndarray, 'n k'],
  seed: int = 0,
) -> float:
  """Returns how often a classifier tells codes from draws; .5 is a match.

  Lopez-Paz and Oquab 2017 (arXiv:1610.06545): two hidden layers, trained on
  half of both, scored on the other half.
  """
  keys = jax.random.split(jax.random.key(seed), 3)
  z = jnp.concatenate([codes, draw(prior, keys[0], tags)]) / prior.std
  # With squares it sees at once where a scale is another.
  z = jnp.concatenate([z, z**2 - 1], -1)
  label = jnp.arange(len(z)) < len(codes)
  order = jax.random.permutation(keys[1], len(z))
  half = len(z) // 2
  train, test = order[:half], order[half:]
  score = _classifier(keys[2], z[train], label[train])
  return float(((score(z[test]) > 0) == label[test]).mean())


def _classifier(key, x, label):
  """Returns the score of a small network, trained to tell labels apart."""
  sizes = (x.shape[1], _WIDTH, _WIDTH, 1)
  keys = jax.random.split(key, len(sizes))
  params = [
    (jax.random.normal(k, (m, n)) / m**0.5, jnp.zeros(n))
    for k, m, n in zip(keys, sizes, sizes[1:])
  ]

  def score(params, x):
    *hidden, last = params
    for weights, bias in hidden:
      x = jax.nn.leaky_relu(x @ weights + bias)
    return (x @ last[0] + last[1])[:, 0]

  def loss(params, x, label):
    return optax.sigmoid_binary_cross_entropy(score(params, x), label).mean()

  optimizer = optax.adamw(2e-3, weight_decay=1e-2)

  @jax.jit
  def train(params, keys, x, label):
    def update(carry, key):
      params, state = carry
      rows = jax.random.randint(key, (_BATCH,), 0, len(x))
      grads = jax.grad(loss)(params, x[rows], label[rows])
      changes, state = optimizer.update(grads, state, params)
      return (optax.apply_updates(params, changes), state), None

    return jax.lax.scan(update, (params, optimizer.init(params)), keys)[0][0]

  updates = jax.random.split(keys[-1], _UPDATES)
  return functools.partial(score, train(params, updates, x, label))


def scale_ratio(
  prior: Prior, codes: Float[np.ndarray, 'n d']
) -> Float[np.ndarray, 'd']:
  """Returns the codes' standard deviation over the prior's, axis by axis."""
  return np.asarray(codes).std(0) / prior.std


def kurtosis(codes: Float[np.ndarray, 'n d']) -> float:
  """Returns how heavy the codes' tails are: 3 for a Gaussian, more for heavier.

  The fourth moment over the squared variance, mean over the axes. Projections
  on other directions, as of the sliced Wasserstein distance, hide it: sums of
  many axes have light tails whatever the axes have.
  """
  centred = codes - codes.mean(0)
  return float(((centred**4).mean(0) / (centred**2).mean(0) ** 2).mean())


def active_dimensions(
  prior: Prior, means: Float[np.ndarray, 'n d'], least: float = 0.01
) -> int:
  """Returns along how many axes posteriors' means differ between phrases.

  Burda et al. 2016's active units: a variance above `least`, of the prior's.
  """
  return int((scale_ratio(prior, means) ** 2 > least).sum())


class Petals(NamedTuple):
  """How often a code lies on a petal of its phrase's own tags.

  Attributes:
    accuracy: of the codes.
    chance: of the codes, if tags were dealt out anew.
    ceiling: of draws from the prior, given the same tags.
  """

  accuracy: float
  chance: float
  ceiling: float


def petals(
  prior: Prior,
  codes: Float[np.ndarray, 'n d'],
  tags: Bool[np.ndarray, 'n k'],
  seed: int = 0,
) -> Petals:
  """Returns how often the likeliest component is one of a phrase's tags.

  The Bayes rule of the prior; phrases without a tag are left out.
  """
  tagged = tags.any(-1)
  codes, tags = codes[tagged], tags[tagged]
  key, order_key = jax.random.split(jax.random.key(seed))
  order = np.asarray(jax.random.permutation(order_key, len(tags)))

  def share(z, tags):
    component = likeliest(prior, z)
    return float(tags[np.arange(len(tags)), component].mean())

  return Petals(
    share(codes, tags),
    share(codes, tags[order]),
    share(draw(prior, key, tags), tags),
  )


def likeliest(
  prior: Prior, codes: Float[np.ndarray, 'n d']
) -> Int[np.ndarray, 'n']:
  """Returns the component that most probably made each code."""
  return np.asarray(_likeliest(prior, jnp.asarray(codes)))


@functools.partial(jax.jit, static_argnums=0)
def _likeliest(prior, codes):
  return regularisers.log_components(prior, codes).argmax(-1)


def relative_error(
  prior: Prior,
  codes: Float[np.ndarray, 'n d'],
  again: Float[np.ndarray, 'n d'],
) -> float:
  """Returns the squared distance of codes and what became of them.

  Whitened, and over what two unrelated draws of the prior have: 0 for the same
  codes, 1 for no relation. For codes that were decoded and encoded again it is
  the cycle error.
  """
  square = (((codes - again) / prior.std) ** 2).sum(-1).mean()
  return float(square / (2 * prior.dim))


def probe_aucs(
  codes: Float[np.ndarray, 'n d'],
  tags: Bool[np.ndarray, 'n k'],
  songs: Int[np.ndarray, 'n'],
) -> Float[np.ndarray, 'k k']:
  """Returns how well a straight line tells each two tags apart.

  Fisher's linear discriminant between the phrases with one tag and those with
  the other, leaving out who has both, with one covariance for all, shrunk by
  Ledoit and Wolf 2004; scored by the area under the ROC curve.

  Args:
    codes: in coordinates of one scale.
    tags: of each phrase.
    songs: of each phrase; on every second one the line is scored, to which it
      was not fitted.

  Returns:
    Symmetric; NaN on the diagonal, and where there are few songs to tell apart.
  """
  k, held_out = tags.shape[1], songs % 2 == 0
  fitted = LedoitWolf().fit(codes[~held_out])
  precision = fitted.precision_.astype(np.float32)
  result = np.full((k, k), np.nan)
  for a in range(k):
    for b in range(a):
      one, other = (tags[:, i] & ~tags[:, j] for i, j in ((a, b), (b, a)))
      known = [side & ~held_out for side in (one, other)]
      asked = [side & held_out for side in (one, other)]
      if all(len(np.unique(songs[side])) >= _SONGS for side in known + asked):
        way = codes[known[0]].mean(0) - codes[known[1]].mean(0)
        scores = codes @ (precision @ way)
        result[a, b] = result[b, a] = area_under_curve(
          *(scores[side] for side in asked)
        )
  return result


def mean_auc(auc: Float[np.ndarray, 'k k']) -> float:
  """Returns the mean over the pairs that have one; NaN if none has."""
  known = auc[np.isfinite(auc)]
  return float(known.mean()) if len(known) else float('nan')


def area_under_curve(
  positive: Float[np.ndarray, 'p'], negative: Float[np.ndarray, 'n']
) -> float:
  """Returns how often a positive scores above a negative; a tie is a half."""
  order = np.sort(negative)
  below = np.searchsorted(order, positive, 'left')
  up_to = np.searchsorted(order, positive, 'right')
  return float((below + up_to).mean() / (2 * len(negative)))
