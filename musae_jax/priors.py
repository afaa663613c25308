"""Prior distributions of z: the paper's two, and a swiss roll.

A prior is a mixture of `num_components` equally likely components over
R^dim. It offers

    std         [d]     marginal standard deviation along each axis
    means       [k, d]  mean of each component
    sample(key, components [b])  -> [b, d], one draw from each component
    log_prob(z [b, d], component) -> [b], nats; the mixture's where None

and costs O(dim) a draw: no dim x dim matrix is ever formed. Anything else
with these members is a prior too; the model asks for nothing more.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from jaxtyping import Array, Bool, Float, Int


def draw_components(key: Array, genres: Bool[Array, 'b k']) -> Int[Array, 'b']:
  """One of each row's set bits, uniformly; any of all k where none is set."""
  allowed = genres | ~genres.any(-1, keepdims=True)
  return jax.random.categorical(key, jnp.where(allowed, 0.0, -jnp.inf))


def draw(
  prior: 'Prior', key: Array, genres: Bool[Array, 'b k']
) -> Float[Array, 'b d']:
  """Draws from a prior, each of a component of its row's genres.

  What the codes of phrases with these genres are to match. A prior of one
  component has no genres to look at.
  """
  component_key, key = jax.random.split(key)
  if prior.num_components == 1:
    return prior.sample(key, jnp.zeros(len(genres), int))
  return prior.sample(key, draw_components(component_key, genres))


# The prior itself is a static argument: frozen, so it has a hash.
_jit = functools.partial(jax.jit, static_argnums=0)


@dataclasses.dataclass(frozen=True)
class Gaussian:
  """N(0, I), the paper's baseline (section 3.3)."""

  dim: int
  num_components = 1

  @property
  def std(self) -> Float[np.ndarray, 'd']:
    """Marginal standard deviation along each axis."""
    return np.ones(self.dim, np.float32)

  @property
  def means(self) -> Float[np.ndarray, '1 d']:
    """Mean of the only component."""
    return np.zeros((1, self.dim), np.float32)

  @_jit
  def sample(
    self, key: Array, components: Int[Array, 'b']
  ) -> Float[Array, 'b d']:
    """As many draws as there are `components`, which are all 0."""
    return jax.random.normal(key, (len(components), self.dim))

  @_jit
  def log_prob(
    self, z: Float[Array, 'b d'], component: Int[Array, '*b'] | None = None
  ) -> Float[Array, 'b']:
    """Log-density in nats; there is one component, so it is not looked at."""
    del component
    return norm.logpdf(z).sum(-1)


@dataclasses.dataclass(frozen=True)
class Flower:
  """Gaussian petals on the unit circle, long along its radius.

  The paper's eqs. 14-18, with its i counted from 0: petal i has its mean at
  angle 2 pi i / k in the plane of the first two axes, `radial_variance` (a1)
  away from the centre and `variance` (a2) along every other direction.
  M_i of eq. 16 turns that plane only, so two coordinates are rotated.
  """

  dim: int
  num_components: int = 32
  radial_variance: float = 0.1
  variance: float = 0.001

  @property
  def _directions(self) -> Float[np.ndarray, 'k 2']:
    turns = np.arange(self.num_components) / self.num_components
    angles = 2 * np.pi * turns
    return np.stack([np.cos(angles), np.sin(angles)], -1).astype(np.float32)

  @property
  def std(self) -> Float[np.ndarray, 'd']:
    """Marginal standard deviation along each axis, of the whole mixture."""
    squares = (self._directions**2).mean(0)
    variance = np.full(self.dim, self.variance)
    variance[:2] = (
      squares * (1 + self.radial_variance)
      + (1 - squares) * self.variance
      - self._directions.mean(0) ** 2
    )
    return np.sqrt(variance).astype(np.float32)

  @property
  def means(self) -> Float[np.ndarray, 'k d']:
    """Mean of each petal (eq. 14)."""
    return np.pad(self._directions, [(0, 0), (0, self.dim - 2)])

  @_jit
  def sample(
    self, key: Array, components: Int[Array, 'b']
  ) -> Float[Array, 'b d']:
    """One draw from each of `components`."""
    x = jax.random.normal(key, (len(components), self.dim))
    radial = 1 + x[:, 0] * self.radial_variance**0.5
    x = x * self.variance**0.5
    cos, sin = jnp.asarray(self._directions)[components].T
    plane = [radial * cos - x[:, 1] * sin, radial * sin + x[:, 1] * cos]
    return x.at[:, :2].set(jnp.stack(plane, -1))

  @_jit
  def log_prob(
    self, z: Float[Array, 'b d'], component: Int[Array, '*b'] | None = None
  ) -> Float[Array, 'b']:
    """Log-density in nats, of one petal or of their mixture."""
    cos, sin = self._directions.T
    x, y = z[:, :1], z[:, 1:2]
    petals = norm.logpdf(x * cos + y * sin, 1, self.radial_variance**0.5)
    petals += norm.logpdf(y * cos - x * sin, 0, self.variance**0.5)
    rest = norm.logpdf(z[:, 2:], 0, self.variance**0.5).sum(-1)
    return rest + _select(petals, component)


@dataclasses.dataclass(frozen=True)
class SwissRoll:
  """A spiral in the first two axes, blurred; Gaussian along the others.

  The prior of Makhzani et al. 2015 (arXiv:1511.05644), fig. 4b: not in the
  paper, it shows that being samplable is all that a prior needs. The spiral is
  r = s, angle = 2 pi turns s for s = sqrt(u), u uniform on [0, 1], so that
  equal lengths of it are about equally likely; component i of k is the piece
  i / k <= u < (i + 1) / k. Noise of `variance` is added along every axis, for
  without it there is no density.

  Attributes:
    dim: number of axes, at least 2.
    num_components: number of pieces, from the centre outwards.
    turns: times the spiral goes round.
    variance: of the noise along each axis.
    num_points: points a piece at which integrals over u are evaluated. The
      log-density is exact in the limit, and good while their distance on the
      spiral, about pi turns / (num_components num_points), is below the
      noise's standard deviation.
  """

  dim: int
  num_components: int = 32
  turns: float = 2.0
  variance: float = 0.001
  num_points: int = 64

  def _spiral(self, u):
    xp = u.__array_namespace__()
    s = u**0.5
    angle = 2 * np.pi * self.turns * s
    return xp.stack([s * xp.cos(angle), s * xp.sin(angle)], -1)

  @property
  def _points(self) -> Float[np.ndarray, 'k n 2']:
    shape = (self.num_components, self.num_points)
    u = (np.arange(np.prod(shape)) + 0.5) / np.prod(shape)
    return self._spiral(u).reshape(*shape, 2).astype(np.float32)

  @property
  def std(self) -> Float[np.ndarray, 'd']:
    """Marginal standard deviation along each axis, of the whole roll."""
    variance = np.full(self.dim, self.variance)
    variance[:2] += self._points.var((0, 1))
    return np.sqrt(variance).astype(np.float32)

  @property
  def means(self) -> Float[np.ndarray, 'k d']:
    """Mean of each piece."""
    return np.pad(self._points.mean(1), [(0, 0), (0, self.dim - 2)])

  @_jit
  def sample(
    self, key: Array, components: Int[Array, 'b']
  ) -> Float[Array, 'b d']:
    """One draw from each of `components`."""
    along, across = jax.random.split(key)
    u = jax.random.uniform(along, components.shape)
    noise = jax.random.normal(across, (len(components), self.dim))
    spiral = self._spiral((components + u) / self.num_components)
    return (noise * self.variance**0.5).at[:, :2].add(spiral)

  @_jit
  def log_prob(
    self, z: Float[Array, 'b d'], component: Int[Array, '*b'] | None = None
  ) -> Float[Array, 'b']:
    """Log-density in nats, of one piece or of the roll."""
    std = self.variance**0.5
    near = norm.logpdf(z[:, None, None, :2], self._points, std).sum(-1)
    pieces = jax.nn.logsumexp(near, -1) - np.log(self.num_points)
    rest = norm.logpdf(z[:, 2:], 0, std).sum(-1)
    return rest + _select(pieces, component)


def _select(
  log_probs: Float[Array, 'b k'], component: Int[Array, '*b'] | None
) -> Float[Array, 'b']:
  """The column of one component, or the log-density of the mixture."""
  if component is None:
    return jax.nn.logsumexp(log_probs, -1) - np.log(log_probs.shape[-1])
  component = jnp.broadcast_to(component, log_probs.shape[:1])
  return jnp.take_along_axis(log_probs, component[:, None], -1)[:, 0]


Prior = Gaussian | Flower | SwissRoll
