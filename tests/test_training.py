"""One update, seen from all sides; schedules and counts by hand."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from musae_jax import models, priors, regularisers, training
from musae_jax.pianoroll import HOLD, NUM_TOKENS, SILENCE

BATCH, NUM_STEPS, LATENT, WIDTH, GENRES = 8, 4, 4, 16, 4
# Beta is 0 to begin with, and .5 from here on.
LATE = 1000
AUTOENCODER_ONLY = training.Settings(
  learning_rate=0.005,
  decay_kind='none',
  beta_end=0.5,
  beta_increment=0.5,
  beta_interval=LATE,
  critic_steps=2,
  critic_learning_rate=0.0,
  transpose=False,
)
CRITIC_ONLY = dataclasses.replace(
  AUTOENCODER_ONLY,
  learning_rate=0.0,
  critic_learning_rate=1e-2,
  critic_steps=10,
)


def make_model(prior=None):
  return models.Autoencoder(
    encoder=models.Encoder(LATENT, WIDTH, depth=1),
    decoder=models.Decoder(WIDTH, depth=1),
    critic=models.Critic(WIDTH),
    prior=prior or priors.Flower(LATENT, num_components=GENRES),
  )


def at(state, step):
  """A copy, which donation may take, at another update."""
  return jax.tree.map(jnp.copy, state).replace(step=jnp.int32(step))


def changed(before, after):
  """The names of the networks of which any parameter differs."""
  differs = lambda a, b: bool((a != b).any())  # noqa: E731
  return {
    name
    for name in before
    if any(jax.tree.leaves(jax.tree.map(differs, before[name], after[name])))
  }


@pytest.fixture(scope='module')
def batch():
  rng = np.random.default_rng(0)
  shape = (BATCH, NUM_STEPS, 4)
  genres = np.eye(GENRES, dtype=bool)[rng.integers(GENRES, size=BATCH)]
  genres[:2] = False
  return {
    'phrases': rng.integers(0, NUM_TOKENS, shape, dtype=np.uint8),
    'genres': genres,
  }


@pytest.fixture(scope='module')
def state():
  return training.init_state(make_model(), AUTOENCODER_ONLY, 0, NUM_STEPS)


@pytest.fixture(scope='module')
def autoencoder_step():
  return training.make_train_step(make_model(), AUTOENCODER_ONLY)


@pytest.fixture(scope='module')
def critic_step():
  return training.make_train_step(make_model(), CRITIC_ONLY)


def test_each_phase_moves_its_own_networks_only(
  state, batch, autoencoder_step, critic_step
):
  before = at(state, LATE)
  after, _ = autoencoder_step(before, batch)
  # The update has taken its memory.
  assert all(x.is_deleted() for x in jax.tree.leaves(before.params))
  assert changed(state.params, after.params) == {'encoder', 'decoder'}
  after, _ = critic_step(at(state, LATE), batch)
  assert changed(state.params, after.params) == {'critic'}


def test_the_encoder_climbs_the_score_and_nothing_else_of_the_critics(
  state, batch, autoencoder_step
):
  """Adam's first step by hand, past a decoder that ignores z."""
  model = make_model()
  params = at(state, LATE).params
  params['decoder'] = jax.tree.map(jnp.zeros_like, params['decoder'])
  key = jax.random.fold_in(state.key, LATE)
  posterior_key = jax.random.split(key, 3)[2]

  def minus_score(encoder):
    posterior = model.encode({'encoder': encoder}, batch['phrases'])
    z = posterior.sample(posterior_key)
    condition = jnp.float32(batch['genres'])
    return -0.5 * model.score(params, z, condition).mean()

  grads = jax.jit(jax.grad(minus_score))(params['encoder'])
  adam = optax.adam(AUTOENCODER_ONLY.learning_rate)
  expected = optax.apply_updates(
    params['encoder'], adam.update(grads, adam.init(grads))[0]
  )
  norm = optax.tree.norm(grads)
  after, metrics = autoencoder_step(
    at(state.replace(params=params), LATE), batch
  )
  np.testing.assert_allclose(metrics['encoder_gradient_norm'], norm, rtol=1e-4)
  # Adam divides by |gradient|: where that is next to 0, rounding decides.
  jax.tree.map(
    lambda a, e, g: np.testing.assert_allclose(
      np.where(abs(g) > 1e-5, a, 0), np.where(abs(g) > 1e-5, e, 0), atol=1e-4
    ),
    after.params['encoder'],
    expected,
    grads,
  )


def test_the_critic_learns_from_draws_of_the_posterior(state, batch):
  """Adam's first step by hand; the mean of a posterior is no draw of it."""
  model = make_model()
  settings = dataclasses.replace(
    CRITIC_ONLY, critic_steps=1, penalty_weight=3.0
  )
  params = at(state, 0).params
  critic_key = jax.random.split(jax.random.fold_in(state.key, 0), 3)[1]
  (key,) = jax.random.split(critic_key, 1)
  petal_key, prior_key, posterior_key, key = jax.random.split(key, 4)
  genres = jnp.asarray(batch['genres'])
  condition = jnp.float32(genres)
  posterior = model.encode(params, batch['phrases'])
  noise = jax.random.normal(posterior_key, posterior.mean.shape)
  z_fake = (posterior.mean + posterior.scale * noise) / model.unit
  petals = priors.draw_components(petal_key, genres)
  z_real = model.prior.sample(prior_key, petals) / model.unit
  mix = jax.random.uniform(key, (BATCH, 1))
  z_mixed = mix * z_real + (1 - mix) * z_fake

  def loss(critic):
    def score(z):
      return model.critic.apply(critic, z, condition)

    slopes = jax.grad(lambda z: score(z).sum())(z_mixed)
    norms = jnp.sqrt(jnp.square(slopes).sum(-1))
    penalty = jnp.square(norms - 1).mean()
    estimate = score(z_real).mean() - score(z_fake).mean()
    return 3 * penalty - estimate

  grads = jax.grad(loss)(params['critic'])
  step = training.make_train_step(model, settings)
  after, metrics = step(at(state, 0), batch)
  norm = optax.tree.norm(grads)
  np.testing.assert_allclose(metrics['critic_gradient_norm'], norm, rtol=1e-4)
  # From zeros, Adam's first step is one of the learning rate, along the sign.
  jax.tree.map(
    lambda a, b, g: np.testing.assert_allclose(
      np.where(abs(g) > 1e-5, a - b, 0),
      np.where(abs(g) > 1e-5, -settings.critic_learning_rate * np.sign(g), 0),
      atol=1e-4,
    ),
    after.params['critic'],
    params['critic'],
    grads,
  )


def test_both_learning_rates_follow_the_schedule(state, batch):
  decaying = dataclasses.replace(
    AUTOENCODER_ONLY,
    critic_learning_rate=1e-2,
    decay_kind='inverse_time',
    learning_rate_decay=1e-3,
    warmup_steps=4 * LATE + 4,
  )
  factor = (LATE + 1) / (4 * LATE + 4) / (1 + 1e-3 * LATE)
  constant = dataclasses.replace(
    decaying,
    learning_rate=factor * decaying.learning_rate,
    critic_learning_rate=factor * decaying.critic_learning_rate,
    decay_kind='none',
    warmup_steps=0,
  )
  (found, metrics), (expected, _) = (
    training.make_train_step(make_model(), settings)(at(state, LATE), batch)
    for settings in (decaying, constant)
  )
  assert metrics['learning_rate'] == pytest.approx(0.005 / 8, rel=1e-4)
  jax.tree.map(
    lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-7),
    found.params,
    expected.params,
  )
  assert changed(state.params, found.params) == set(state.params)


def test_the_critics_adam_has_its_own_betas(state, batch):
  """Its moments after one step of the critic, by hand."""
  settings = dataclasses.replace(
    CRITIC_ONLY, critic_steps=1, critic_betas=(0.25, 0.75)
  )
  step = training.make_train_step(make_model(), settings)
  after, metrics = step(at(state, 0), batch)
  moments, norm = after.critic_optimizer, metrics['critic_gradient_norm']
  np.testing.assert_allclose(optax.tree.norm(moments.mu), 0.75 * norm, 1e-5)
  squares = sum(x.sum() for x in jax.tree.leaves(moments.nu))
  np.testing.assert_allclose(squares, 0.25 * norm**2, 1e-5)


def test_averages_are_of_updates_not_of_the_beginning(batch):
  settings = dataclasses.replace(AUTOENCODER_ONLY, averaging=0.5)
  step = training.make_train_step(make_model(), settings)
  state = training.init_state(make_model(), settings, 0, NUM_STEPS)
  averages, found = [], []
  for _ in range(13):
    state, _ = step(state, batch)
    found.append(jax.device_get(state.params))
    averages.append(jax.device_get(state.average))
  assert averages[0].keys() == {'encoder', 'decoder'}
  assert (
    changed(found[0], averages[0] | {'critic': found[0]['critic']}) == set()
  )

  def mixed(i, kept):
    mix = lambda old, new: kept * old + (1 - kept) * new  # noqa: E731
    new = {name: found[i][name] for name in averages[i]}
    expected = jax.tree.map(mix, averages[i - 1], new)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
      averages[i],
      expected,
    )

  mixed(1, 1 / 11)
  mixed(12, 0.5)  # not 12 / 22
  assert state.trained['critic'] is state.params['critic']
  assert state.trained['encoder'] is state.average['encoder']


def test_without_averages_the_last_update_is_what_was_trained(
  state, batch, autoencoder_step
):
  after, _ = autoencoder_step(at(state, LATE), batch)
  assert after.average == {} and after.trained == after.params


def test_an_update_that_is_not_finite_is_left_out(state, batch):
  @dataclasses.dataclass(frozen=True)
  class Poisoned(training.Settings):
    def beta(self, step):
      return jnp.where(step == LATE, jnp.nan, super().beta(step))

  fields = dataclasses.asdict(AUTOENCODER_ONLY)
  skipping = Poisoned(**fields | {'on_nan': 'skip', 'averaging': 0.9})
  step = training.make_train_step(make_model(), skipping)
  average = {name: state.params[name] for name in ('encoder', 'decoder')}
  state = state.replace(average=average)
  after, metrics = step(at(state, LATE), batch)
  assert np.isnan(metrics['loss'])
  assert metrics['skipped'] == 1
  assert after.step == LATE + 1
  for field in ('params', 'average', 'optimizer', 'critic_optimizer'):
    jax.tree.map(
      np.testing.assert_array_equal,
      getattr(after, field),
      getattr(state, field),
    )
  after, metrics = step(after, batch)
  assert metrics['skipped'] == 0
  assert changed(state.params, after.params) == {'encoder', 'decoder'}


def test_beta_weighs_the_score(state, batch, autoencoder_step):
  _, early = autoencoder_step(at(state, 0), batch)
  assert early['beta'] == 0
  assert early['loss'] == early['reconstruction']
  _, late = autoencoder_step(at(state, LATE), batch)
  assert late['beta'] == 0.5
  assert late['loss'] != late['reconstruction']


def test_same_state_same_result_and_each_update_draws_anew(
  state, batch, critic_step
):
  first, metrics = critic_step(at(state, 0), batch)
  squares = [np.sum(np.square(x)) for x in jax.tree.leaves(first.params)]
  assert metrics['parameter_norm'] == pytest.approx(sum(squares) ** 0.5)
  _, again = critic_step(at(state, 0), batch)
  jax.tree.map(np.testing.assert_array_equal, metrics, again)
  assert first.step == 1
  # The autoencoder stands still here, so that only its noise can differ.
  _, later = critic_step(at(state, 1), batch)
  assert later['reconstruction'] != metrics['reconstruction']


def test_critic_learns_to_tell_codes_from_the_prior(state, batch, critic_step):
  state = at(state, 0)
  # Codes far from the flower, so that there is something to tell.
  state.params['encoder']['params']['mean']['bias'] += 3
  estimates = []
  for _ in range(20):
    state, metrics = critic_step(state, batch)
    estimates.append(float(metrics['critic_estimate']))
  assert estimates[-1] > max(2.0, estimates[0])
  assert metrics['penalty'] < 0.5


def test_overfits_one_batch(state, batch, autoencoder_step):
  phrases = np.full_like(batch['phrases'], HOLD)
  phrases[:4, 0], phrases[4:, 0] = (36, 40, 60, 72), (38, 43, 64, SILENCE)
  state = at(state, 0)
  for _ in range(700):
    state, metrics = autoencoder_step(state, batch | {'phrases': phrases})
  assert metrics['beta'] == 0
  assert metrics['reconstruction'] < 0.2
  assert min(v for k, v in metrics.items() if 'accuracy' in k) > 0.95


def augment(settings, batch, model=None):
  key = jax.random.key(0)
  return training.augment(model or make_model(), settings, key, batch)


def test_a_tag_is_one_of_the_set_and_no_tag_stays_none(batch):
  genres = np.zeros((4000, GENRES), bool)
  genres[1000:, [0, 2]] = True
  batch = {
    'phrases': np.zeros((4000, 1, 4), np.uint8),
    'genres': jnp.asarray(genres),
  }
  for condition in ('set', 'none'):
    settings = training.Settings(condition=condition)
    np.testing.assert_array_equal(augment(settings, batch)[1], genres)
  _, tag = augment(training.Settings(condition='tag'), batch)
  assert not tag[:1000].any()
  np.testing.assert_array_equal(tag[1000:].sum(-1), 1)
  np.testing.assert_allclose(tag[1000:].mean(0), [0.5, 0, 0.5, 0], atol=0.05)


def test_transposes_by_the_papers_interval():
  batch = {
    'phrases': jnp.full((2000, 1, 4), 60, jnp.uint8),
    'genres': jnp.zeros((2000, GENRES), bool),
  }
  tokens, _ = augment(training.Settings(), batch)
  moved = np.asarray(tokens[:, 0, :], int) - 60
  assert not moved[:, 0].any()  # drums
  np.testing.assert_array_equal(moved[:, 1], moved[:, 3])
  assert set(moved[:, 1]) == set(range(-5, 7))
  still, _ = augment(training.Settings(transpose=False), batch)
  np.testing.assert_array_equal(still, batch['phrases'])


@pytest.mark.parametrize(
  ('changes', 'step', 'expected'),
  [
    ({}, 0, 1.0),
    ({}, 10_000, 0.5),
    ({'decay_kind': 'exponential'}, 10_000, 0.9999**10_000),
    ({'decay_kind': 'none'}, 10_000, 1.0),
    ({'decay_kind': 'none', 'warmup_steps': 4}, 0, 0.25),
    ({'decay_kind': 'none', 'warmup_steps': 4}, 9, 1.0),
  ],
)
def test_decay_by_hand(changes, step, expected):
  decay = training.Settings(**changes).decay(jnp.int32(step))
  assert float(decay) == pytest.approx(expected, rel=1e-3)


def test_beta_by_hand():
  steps = jnp.array([0, 9_999, 10_000, 25_000, 100_000, 999_999])
  expected = [0, 0, 0.1, 0.2, 1, 1]
  np.testing.assert_allclose(training.Settings().beta(steps), expected)
  capped = training.Settings(beta_end=0.15).beta(steps)
  np.testing.assert_allclose(capped, [0, 0, 0.1, 0.15, 0.15, 0.15])


@pytest.mark.parametrize('field', ['decay_kind', 'condition', 'on_nan'])
def test_an_unknown_name_is_named(field):
  with pytest.raises(ValueError, match=f"{field} is 'x', expected one of"):
    training.Settings(**{field: 'x'})


def test_several_updates_in_one_call_equal_as_many_calls(state):
  """And nothing but what is put there goes to the device."""
  rng = np.random.default_rng(0)
  phrases = rng.integers(0, NUM_TOKENS, (9, NUM_STEPS, 4), dtype=np.uint8)
  genres = rng.random((9, GENRES)) < 0.5
  order = rng.integers(0, 9, (5, BATCH)).astype(np.int32)
  settings = dataclasses.replace(
    AUTOENCODER_ONLY, critic_learning_rate=1e-3, transpose=True
  )
  step = training.make_train_step(make_model(), settings)
  steps = training.make_train_steps(make_model(), settings, num_updates=3)
  one_by_one, at_once = at(state, LATE), at(state, LATE)
  split = {'phrases': phrases, 'genres': genres, 'order': order}
  # The first two rows of the order are an earlier step's.
  split = jax.device_put(split | {'first': np.int32(LATE - 2)})
  batches = [
    jax.device_put({'phrases': phrases[rows], 'genres': genres[rows]})
    for rows in order[2:]
  ]
  with jax.transfer_guard('disallow'):
    metrics = []
    for batch in batches:
      one_by_one, found = step(one_by_one, batch)
      metrics.append(found)
    before = at_once
    at_once, together = steps(before, split)
  assert all(x.is_deleted() for x in jax.tree.leaves(before.params))
  assert int(at_once.step) == LATE + 3
  for name, values in together.items():
    expected = [found[name] for found in metrics]
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-6)
  jax.tree.map(
    lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-3, atol=1e-4),
    at_once.params,
    one_by_one.params,
  )


@pytest.mark.parametrize(
  'changes',
  [
    *({'regulariser': name} for name in regularisers.REGULARISERS),
    {'phases': 'joint'},
    {'regulariser': 'kl', 'condition': 'none'},
  ],
)
def test_every_ablation_trains(state, batch, changes):
  settings = dataclasses.replace(
    AUTOENCODER_ONLY, critic_learning_rate=1e-2, **changes
  )
  step = training.make_train_step(make_model(), settings)
  after, metrics = step(at(state, LATE), batch)
  assert all(np.isfinite(x) for x in jax.tree.leaves(metrics))
  total = metrics['reconstruction'] + 0.5 * metrics['regulariser']
  np.testing.assert_allclose(metrics['loss'], total, rtol=1e-5)
  trained = {'encoder', 'decoder'}
  if settings.regulariser == 'wgan_gp':
    trained.add('critic')
  assert changed(state.params, after.params) == trained
  assert ('critic_estimate' in metrics) == ('critic' in trained)


def test_without_a_regulariser_beta_is_nothing(state, batch):
  settings = dataclasses.replace(AUTOENCODER_ONLY, regulariser='none')
  plain = dataclasses.replace(settings, beta_end=0.0)
  outcomes = [
    training.make_train_step(make_model(), s)(at(state, LATE), batch)[0]
    for s in (settings, plain)
  ]
  assert not changed(*(x.params for x in outcomes))


@pytest.mark.parametrize('activation', ['tanh', 'leaky_relu'])
def test_joint_phases_leave_the_encoder_only_the_penalty(
  state, batch, activation
):
  """In expectation: the score's two terms cancel, given the same code.

  And a critic that is piecewise linear leaves it nothing at all.
  """
  joint = dataclasses.replace(AUTOENCODER_ONLY, phases='joint')
  model = dataclasses.replace(
    make_model(), critic=models.Critic(WIDTH, activation)
  )
  posterior = model.encode(state.params, batch['phrases'])
  critic = state.params['critic']
  z = posterior.sample(jax.random.key(5))

  def pull(settings, z):
    codes = regularisers.Codes(
      model, settings, critic, posterior, z, batch['genres'], NUM_STEPS
    )
    return regularisers.REGULARISERS['wgan_gp'](codes, jax.random.key(6))

  both = jax.grad(lambda z: pull(joint, z))(z)
  without = dataclasses.replace(joint, penalty_weight=0.0)
  cancelled = jax.grad(lambda z: pull(without, z))(z)
  np.testing.assert_allclose(cancelled, 0, atol=1e-6)
  assert (np.abs(both).max() > 1e-4) == (activation == 'tanh')
