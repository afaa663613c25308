"""Every config builds, at its full size, and its update keeps every shape."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from experiments import build, config_flag
from experiments.config_flag import ConfigError
from musae_jax import data, evaluation, training

TIMESTEPS = {'lakh_pianoroll/2bar': 32, 'lakh_pianoroll/16bar': 256}
NAMES = [
  f'{name}{variant}'
  for name in config_flag.names()
  for variant in ('', ':paper')
]


def test_the_five_configs():
  assert config_flag.names() == [
    'flower16',
    'flower2',
    'gaussian16',
    'gaussian2',
    'quickstart',
  ]


@pytest.mark.parametrize('name', NAMES)
def test_full_shapes(name):
  config = config_flag.load(name)
  build.check(config)
  model, settings = build.model(config), build.settings(config)
  num_steps = TIMESTEPS[config.data.name]
  state = jax.eval_shape(
    lambda: training.init_state(model, settings, 0, num_steps)
  )
  phrases = jax.ShapeDtypeStruct(
    (config.train.batch_size, num_steps, 4), jnp.uint8
  )
  genres = jax.ShapeDtypeStruct((config.train.batch_size, 32), bool)
  after, metrics = jax.eval_shape(
    training.make_train_step(model, settings),
    state,
    {'phrases': phrases, 'genres': genres},
  )
  assert jax.tree.map(lambda x: (x.shape, x.dtype), after) == jax.tree.map(
    lambda x: (x.shape, x.dtype), state
  )
  assert metrics['loss'].shape == ()
  mask = jax.ShapeDtypeStruct((config.train.batch_size,), bool)
  sums = jax.eval_shape(
    evaluation.make_eval_step(model), state.params, phrases, mask
  )
  assert sums['correct'].shape == (4,)


@pytest.mark.parametrize('name', ['flower16', 'gaussian16'])
def test_sizes_are_the_papers(name):
  config = config_flag.load(name)
  assert config.model.width == config.critic.width == 1024
  assert config.model.depth == 3
  assert config.model.latent_dim == 512
  assert config.train.batch_size == 256


def test_every_setting_can_be_set():
  """No field of `training.Settings` is left at a default of the library's."""
  config = config_flag.load('flower2')
  names = {field.name for field in dataclasses.fields(training.Settings)}
  assert names - set(config.train) == {
    'critic_steps',
    'critic_learning_rate',
    'critic_betas',
    'penalty_weight',
    'condition',
  }
  config.critic.steps, config.critic.learning_rate = 9, 0.5
  settings = build.settings(config)
  assert settings.critic_steps == 9
  assert settings.critic_learning_rate == 0.5
  assert settings.critic_betas == (0.5, 0.9)
  assert settings.beta_end == 0.3


@pytest.mark.parametrize('kind', ['flower', 'swiss_roll'])
def test_one_component_for_each_genre(tiny_data, kind):
  config = config_flag.load('flower2')
  config.data.dir = tiny_data
  config_flag.override(config, 'prior.kind', kind)
  build.splits(config)
  for components in (1, 31):
    config.prior.num_components = components
    with pytest.raises(data.DatasetError, match=f'components={components} '):
      build.splits(config)
  config_flag.override(config, 'prior.kind', 'gaussian')
  build.splits(config)


@pytest.mark.parametrize(
  ('field', 'value', 'expected'),
  [
    ('train.batch_size', '0', 'at least 1'),
    ('train.batch_size', '12', 'a multiple of the 8 devices'),
    ('train.seed', '-1', 'at least 0'),
    ('train.checkpoint_every', '250', 'a multiple of train.log_every'),
    ('train.decay_kind', 'linear', 'inverse_time'),
    ('model.latent_dim', '1', 'at least 2'),
    ('model.width', '9', 'an even number'),
    ('critic.activation', 'gelu', 'leaky_relu'),
    ('critic.condition', 'petal', 'tag'),
    ('prior.kind', 'tulip', 'flower'),
    ('data.in_memory', 'yes', 'auto'),
    ('data.dir', 'gs://bucket/lakh', 'a folder'),
    ('train.regulariser', 'gan', 'wgan_gp'),
    ('train.phases', 'both', 'alternating'),
    ('model.scale', 'exp', 'softplus'),
    ('prior.variance', '0', 'more than 0'),
    ('prior.radial_variance', '-1', 'more than 0'),
    ('prior.num_components', '0', 'at least 1'),
    ('critic.betas', '.5,1', 'less than 1'),
    ('critic.betas', '-.1,.9', 'at least 0'),
    ('train.betas', '.5,1', 'less than 1'),
    ('train.averaging', '1', 'less than 1'),
    ('train.seed', str(2**63), r'less than 2**63'),
    ('train.num_steps', str(2**31), 'less than 2**31'),
    ('train.eval_phrases', str(2**31), 'less than 2**31'),
  ],
)
def test_values_out_of_range_are_refused_by_name(field, value, expected):
  config = config_flag.load('flower2')
  config_flag.override(config, field, value)
  with pytest.raises(ConfigError) as error:
    build.check(config, num_devices=8)
  message = str(error.value)
  assert '\n' not in message
  assert expected in message
  assert field.split('.')[1] in message
