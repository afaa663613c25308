"""What the networks may see, and in which coordinates."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from musae_jax import models, priors
from musae_jax.pianoroll import NUM_TOKENS

BATCH, NUM_STEPS, LATENT, WIDTH = 3, 6, 5, 8


def make_model(**changes):
  model = models.Autoencoder(
    encoder=models.Encoder(LATENT, WIDTH, depth=2),
    decoder=models.Decoder(WIDTH, depth=2),
    critic=models.Critic(WIDTH),
    prior=priors.Flower(LATENT, num_components=4),
  )
  return dataclasses.replace(model, **changes)


@pytest.fixture(scope='module')
def params():
  init = jax.jit(make_model().init, static_argnums=1)
  return init(jax.random.key(0), NUM_STEPS)


@pytest.fixture(scope='module')
def tokens():
  shape = (BATCH, NUM_STEPS, 4)
  rng = np.random.default_rng(0)
  return rng.integers(0, NUM_TOKENS, shape, dtype=np.uint8)


@pytest.fixture(scope='module')
def z():
  return jax.random.normal(jax.random.key(1), (BATCH, LATENT))


def test_shapes(params, tokens, z):
  model = make_model()
  posterior = jax.jit(model.encode)(params, tokens)
  assert posterior.mean.shape == posterior.scale.shape == (BATCH, LATENT)
  logits = jax.jit(model.decode, static_argnums=2)(params, z, NUM_STEPS)
  assert logits.shape == (BATCH, NUM_STEPS, 4, NUM_TOKENS)
  assert model.score(params, z, jnp.ones((BATCH, 4))).shape == (BATCH,)


def test_parameters_have_the_papers_sizes():
  model = models.Autoencoder(
    models.Encoder(512), models.Decoder(), models.Critic(), priors.Flower(512)
  )
  init = lambda key: model.init(key, 32)  # noqa: E731
  shapes = jax.eval_shape(init, jax.random.key(0))
  count = lambda tree: sum(x.size for x in jax.tree.leaves(tree))  # noqa: E731
  n, d, v = 1024, 512, 130  # N_h, N_z, tokens
  bilstm = 2 * (n // 2 * 4 * n // 2 + 4 * n // 2)  # kernel and bias, both ways
  inputs = 4 * v * 4 * n + 2 * n * 4 * n
  heads = 2 * (n * d + d)  # W_mu and W_sigma of eqs. 8-9
  assert count(shapes['encoder']) == inputs + 3 * bilstm + heads
  lstm = n * 4 * n + 4 * n
  track = (d * n + n) + (d + 2 * n) * 4 * n + 3 * lstm + (n * v + v)
  assert count(shapes['decoder']) == 4 * track
  assert count(shapes['critic']) == (d + 32) * n + n + n * n + n + n + 1


def test_scale_is_exp_of_twice_the_dense_layer(params, tokens):
  model = make_model(whitened=False)
  before = model.encode(params, tokens).scale
  params = jax.tree.map(lambda x: x, params)
  params['encoder']['params']['scale']['bias'] += 1
  after = model.encode(params, tokens).scale
  np.testing.assert_allclose(after / before, np.exp(2), rtol=1e-5)


def test_whitening_is_a_change_of_coordinates(params, tokens, z):
  white, raw = make_model(), make_model(whitened=False)
  std, condition = white.prior.std, jnp.ones((BATCH, 4))
  for ours, network in zip(
    white.encode(params, tokens), raw.encode(params, tokens)
  ):
    np.testing.assert_allclose(ours, network * std, rtol=1e-5)
  np.testing.assert_allclose(
    white.decode(params, z * std, 2), raw.decode(params, z, 2), atol=1e-5
  )
  np.testing.assert_allclose(
    white.score(params, z * std, condition),
    raw.score(params, z, condition),
    atol=1e-5,
  )


def test_every_token_and_its_track_matter_to_the_code(params, tokens):
  encode = jax.jit(make_model().encode)
  code = encode(params, tokens).mean
  for step in (0, NUM_STEPS - 1):
    for track in range(4):
      changed = tokens.copy()
      changed[0, step, track] ^= 1
      moved = np.abs(encode(params, changed).mean - code).max(-1)
      assert moved[0] > 0 and not moved[1:].any()
  swapped = encode(params, tokens[..., ::-1]).mean
  assert np.abs(swapped - code).min(-1).all()


def test_tracks_are_decoded_by_networks_of_their_own(params, z):
  decode = jax.jit(make_model().decode, static_argnums=2)
  before = decode(params, z, NUM_STEPS)
  only_bass = jnp.zeros(4).at[1].set(1)

  def nudge(x):
    return x + only_bass.reshape(4, *[1] * (x.ndim - 1))

  params = params | {'decoder': jax.tree.map(nudge, params['decoder'])}
  changed = np.abs(decode(params, z, NUM_STEPS) - before).max((0, 1, 3))
  np.testing.assert_array_equal(changed > 0, only_bass)


def test_a_track_starts_at_h0_with_z_at_every_step(params, z):
  """One layer by hand: eqs. 11-12 with an empty cell."""
  decoder = models.TrackDecoder(width=2, depth=1)
  params = decoder.init(jax.random.key(3), z, 2)
  p = params['params']
  h = z @ p['h0']['kernel'] + p['h0']['bias']
  cell = jnp.zeros_like(h)
  expected = []
  for _ in range(2):
    layer = p['layers_0']
    gates = z @ layer['inputs'] + layer['bias'] + h @ layer['kernel']
    i, f, g, o = jnp.split(gates, 4, -1)
    cell = jax.nn.sigmoid(f) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(cell)
    expected.append(h @ p['logits']['kernel'] + p['logits']['bias'])
  actual = decoder.apply(params, z, 2)
  np.testing.assert_allclose(actual, jnp.stack(expected), atol=1e-5)


def test_comparing_says_what_the_logits_say(params, tokens, z):
  model = make_model()
  logits = jax.jit(model.decode, static_argnums=2)(params, z, NUM_STEPS)
  nats, predicted = jax.jit(model.compare)(params, z, tokens)
  log_p = np.log(np.take_along_axis(nn.softmax(logits), tokens[..., None], -1))
  np.testing.assert_allclose(nats, -log_p[..., 0], rtol=1e-5)
  np.testing.assert_array_equal(predicted, logits.argmax(-1))


def test_no_condition_is_zeros_and_a_condition_matters(params, z):
  model = make_model()
  score = model.score(params, z)
  np.testing.assert_array_equal(
    score, model.score(params, z, jnp.zeros((BATCH, 4)))
  )
  assert (model.score(params, z, jnp.ones((BATCH, 4))) != score).all()


@pytest.mark.parametrize('activation', models.ACTIVATIONS)
def test_critic_by_hand(activation):
  critic = models.Critic(width=2, activation=activation)
  z, condition = jnp.array([[1.0, -2.0]]), jnp.array([[3.0]])
  params = critic.init(jax.random.key(0), z, condition)
  x = np.array([[1.0, -2.0, 3.0]])
  dense = params['params']
  for name in ('Dense_0', 'Dense_1'):
    x = x @ dense[name]['kernel'] + dense[name]['bias']
    x = np.tanh(x) if activation == 'tanh' else np.where(x > 0, x, 0.2 * x)
  expected = (x @ dense['Dense_2']['kernel'] + dense['Dense_2']['bias'])[:, 0]
  actual = critic.apply(params, z, condition)
  np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_no_logits_are_kept_for_the_gradient(params, tokens, capsys):
  z = jnp.zeros((BATCH, LATENT))

  def nats(decoder):
    return make_model().compare({'decoder': decoder}, z, tokens)[0].sum()

  jax.ad_checkpoint.print_saved_residuals(nats, params['decoder'])
  kept = capsys.readouterr().out
  assert f'f32[{NUM_STEPS},{BATCH},{WIDTH}]' in kept
  assert f'{NUM_STEPS},{BATCH},{NUM_TOKENS}]' not in kept
