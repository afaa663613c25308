"""Model FLOPs against the products of the real step, and of one by hand."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from experiments import build, config_flag
from musae_jax import flops, losses, models, priors, training
from musae_jax.compute import Compute
from musae_jax.pianoroll import NUM_TOKENS

# No two alike, and hardly a common factor: a size in the wrong place shows.
BATCH, NUM_STEPS, LATENT, GENRES = 3, 5, 7, 4
SIDE, DEPTH = 11, 3
DECODER, DECODER_DEPTH = 13, 2
CRITIC, UPDATES = 17, 2
ROWS = NUM_STEPS * BATCH
SETTINGS = training.Settings(critic_steps=UPDATES)


def make_model(activation='tanh', compute=Compute()):  # noqa: B008
  return models.Autoencoder(
    models.Encoder(LATENT, 2 * SIDE, DEPTH, compute),
    models.Decoder(DECODER, DECODER_DEPTH, compute),
    models.Critic(CRITIC, activation),
    priors.Flower(LATENT, GENRES),
  )


def counted(model, num_updates=UPDATES):
  settings = training.Settings(critic_steps=num_updates)
  return flops.train_step(model, settings, NUM_STEPS, BATCH)


def product(m, k, n):
  return 2 * m * k * n


def products(jaxpr):
  """FLOPs of all matrix products in a jaxpr, as often as they are made."""
  total = 0
  for equation in jaxpr.eqns:
    if equation.primitive.name == 'dot_general':
      (axes, _), _ = equation.params['dimension_numbers']
      length = math.prod(equation.invars[0].aval.shape[i] for i in axes)
      total += 2 * length * math.prod(equation.outvars[0].aval.shape)
    inside = sum(map(products, jaxprs_in_params(equation.params)))
    # Of how often a `while` goes round its jaxpr says nothing.
    assert not (inside and equation.primitive.name in ('while', 'cond'))
    total += inside * equation.params.get('length', 1)
  return total


def traced(function, *args):
  return products(jax.make_jaxpr(function)(*args).jaxpr)


def phrases():
  return jax.ShapeDtypeStruct((BATCH, NUM_STEPS, 4), jnp.uint8)


# What the step multiplies though the mathematics need not.
ENCODER_EXTRA = (
  # Rows added up as a product with one-hots, for the first layer's gradient.
  2 * product(4 * NUM_TOKENS, ROWS, 4 * SIDE)
  # The zeros that each layer starts from: forwards and both gradients.
  + 2 * DEPTH * 3 * product(BATCH, SIDE, 4 * SIDE)
)
EXTRA = (
  ENCODER_EXTRA
  # The logits, computed again.
  + 4 * product(ROWS, DECODER, NUM_TOKENS)
  # The gradient by z has the genres' columns too: in the autoencoder's phase,
  # and in the penalty, where it has two gradients of its own.
  + (1 + 3 * UPDATES) * product(BATCH, CRITIC, GENRES)
  # The score at the point where only the slope is wanted, which XLA drops.
  + UPDATES * product(BATCH, CRITIC, 1)
)


@pytest.mark.parametrize(
  ('activation', 'compute'),
  [
    ('tanh', Compute()),
    ('leaky_relu', Compute()),
    ('tanh', Compute('bfloat16', unroll=NUM_STEPS, stacked=True)),
  ],
)
def test_equals_the_products_of_the_real_step(activation, compute):
  model = make_model(activation, compute)
  state = jax.eval_shape(
    lambda: training.init_state(model, SETTINGS, 0, NUM_STEPS)
  )
  genres = jax.ShapeDtypeStruct((BATCH, GENRES), bool)
  batch = {'phrases': phrases(), 'genres': genres}
  made = traced(training.make_train_step(model, SETTINGS), state, batch)
  assert counted(model).total == made - EXTRA


def test_the_encoders_share_is_its_own():
  model = make_model()
  params = jax.eval_shape(lambda: model.init(jax.random.key(0), NUM_STEPS))

  def gradient(params, tokens):
    posterior, pull_back = jax.vjp(lambda p: model.encode(p, tokens), params)
    return pull_back(posterior)

  made = traced(gradient, params, phrases())
  assert counted(model).encoder == made - ENCODER_EXTRA


class ByHand:
  """A critic with numpy, its gradients written out, its products counted."""

  def __init__(self, params, activation):
    layers = [params['params'][f'Dense_{i}'] for i in range(3)]
    self.w = [np.float64(layer['kernel']) for layer in layers]
    self.b = [np.float64(layer['bias']) for layer in layers]
    self.activation = activation
    self.flops = 0

  def dot(self, x, y):
    self.flops += product(*x.shape, y.shape[1])
    return x @ y

  def act(self, a):
    """The activation, its derivative and its second derivative."""
    if self.activation == 'tanh':
      t = np.tanh(a)
      return t, 1 - t**2, -2 * t * (1 - t**2)
    slope = np.where(a > 0, 1, 0.2)
    return slope * a, slope, None

  def up(self, x):
    """The two hidden layers: each one's value and derivatives."""
    first = self.act(self.dot(x, self.w[0]) + self.b[0])
    return first, self.act(self.dot(first[0], self.w[1]) + self.b[1])

  def down(self, first, second, slope):
    """The gradients by the hidden layers' arguments, and before those."""
    by_second = self.dot(slope, self.w[2].T)
    at_second = by_second * second[1]
    by_first = self.dot(at_second, self.w[1].T)
    return by_first * first[1], at_second, by_first, by_second

  def learn(self, x, slope):
    """The gradient by all parameters of the scores' sum, weighed by slope."""
    first, second = self.up(x)
    self.dot(second[0], self.w[2])  # the score, which the loss reports
    at_first, at_second, _, _ = self.down(first, second, slope)
    w = [
      self.dot(below.T, at)
      for below, at in ((x, at_first), (first[0], at_second))
    ]
    w.append(self.dot(second[0].T, slope))
    b = [at.sum(0) for at in (at_first, at_second, slope)]
    return w, b

  def slope(self, x):
    """The gradient of each score by its code, and what it came by."""
    first, second = self.up(x)
    way = self.down(first, second, np.ones((len(x), 1)))
    return self.dot(way[0], self.w[0][:LATENT].T), first, second, way

  def penalty(self, x):
    """The gradient by all parameters of E (|slope| - 1)^2."""
    slope, first, second, (at_first, at_second, by_first, by_second) = (
      self.slope(x)
    )
    length = np.linalg.norm(slope, axis=-1, keepdims=True)
    # By the slope, then back the way that it came.
    back = 2 * (length - 1) / length * slope / len(x)
    w = [np.zeros_like(w) for w in self.w]
    b = [np.zeros_like(b) for b in self.b]
    w[0][:LATENT] = self.dot(back.T, at_first)
    back = self.dot(back, self.w[0][:LATENT])
    to_first = back * first[1]
    w[1] = self.dot(to_first.T, at_second)
    to_at_second = self.dot(to_first, self.w[1])
    w[2] = self.dot((to_at_second * second[1]).T, np.ones((len(x), 1)))
    if self.activation == 'tanh':
      # The derivatives depend on where they are taken.
      a2 = to_at_second * by_second * second[2]
      a1 = back * by_first * first[2] + self.dot(a2, self.w[1].T) * first[1]
      w[1] += self.dot(first[0].T, a2)
      w[0] += self.dot(x.T, a1)
      b[0], b[1] = a1.sum(0), a2.sum(0)
    return w, b


@pytest.mark.parametrize('activation', models.ACTIVATIONS)
def test_a_critic_by_hand_learns_the_same_from_as_many_products(activation):
  """Its gradient is that of `losses.critic_loss`: none of them is missing."""
  model = make_model(activation)
  rng = np.random.default_rng(0)
  z_real, z_fake = rng.normal(size=(2, BATCH, LATENT))
  genres = rng.integers(0, 2, (BATCH, GENRES)).astype(float)
  params = jax.jit(model.critic.init)(jax.random.key(0), z_real, genres)
  params = jax.tree.map(lambda p: p + 0.3 * rng.normal(size=p.shape), params)
  key = jax.random.key(1)

  def loss(params):
    def score(z):
      return model.critic.apply(params, z, genres)

    return losses.critic_loss(key, score, z_real, z_fake, 10.0)[0]

  hand = ByHand(params, activation)
  beside = lambda z: np.concatenate([z, genres], -1)  # noqa: E731
  mean = np.full((BATCH, 1), 1 / BATCH)
  t = np.asarray(jax.random.uniform(key, (BATCH, 1)))
  real_w, real_b = hand.learn(beside(z_real), -mean)
  fake_w, fake_b = hand.learn(beside(z_fake), mean)
  w, b = hand.penalty(beside(t * z_real + (1 - t) * z_fake))
  update = hand.flops
  expected = jax.jit(jax.grad(loss))(params)['params']
  for i in range(3):
    layer = expected[f'Dense_{i}']
    for found, exact in (
      (real_w[i] + fake_w[i] + 10 * w[i], layer['kernel']),
      (real_b[i] + fake_b[i] + 10 * b[i], layer['bias']),
    ):
      np.testing.assert_allclose(found, exact, rtol=1e-3, atol=1e-4)

  hand.flops = 0
  slope, _, second, _ = hand.slope(beside(z_fake))
  hand.dot(second[0], hand.w[2])  # the score, which the loss reports
  by_z = jax.grad(lambda z: model.critic.apply(params, z, genres).sum())
  np.testing.assert_allclose(slope, jax.jit(by_z)(z_fake), rtol=1e-3, atol=1e-4)
  assert counted(model, 0).critic == hand.flops
  assert counted(model, 1).critic == hand.flops + update
  assert counted(model, 3).critic == hand.flops + 3 * update


@pytest.mark.parametrize(
  ('name', 'num_steps', 'expected'),
  [('flower16', 256, 39), ('gaussian2', 32, 4.92)],
)
def test_the_papers_sizes(name, num_steps, expected):
  config = config_flag.load(name)
  model, settings = build.model(config), build.settings(config)
  found = flops.train_step(model, settings, num_steps, config.train.batch_size)
  assert found.total == pytest.approx(expected * 1e12, rel=5e-3)


def test_utilisation_is_the_share_of_all_devices_peak():
  kind = 'NVIDIA H100 80GB HBM3'
  assert flops.utilisation(flops.PEAK[kind], kind) == 1
  assert flops.utilisation(989.5e12, kind, 4) == 0.25
  assert flops.utilisation(1e9, 'cpu') is None
