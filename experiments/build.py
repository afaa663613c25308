"""A config's objects, and what its fields may be.

`assembly.build_model` makes the model, from the plain dicts that describe
it; the rest is made here, and the commands read what is theirs. A config here
is a `ConfigDict`, or the plain dicts that a checkpoint holds.
"""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from experiments.config_flag import ConfigError
from musae_jax import assembly, coding, data, models, priors, training
from musae_jax.errors import UserError
from musae_jax.loaded import Loaded
from musae_jax.pianoroll import STEPS_PER_BAR

Config = Mapping[str, Any]
# What a command meets with one line instead of a traceback.
ERRORS = (
  ConfigError,
  UserError,
  data.DatasetError,
  OSError,
)

_AT_LEAST = {
  'model.latent_dim': 2,  # the flower lies in two axes
  'model.width': 2,
  'model.depth': 1,
  'compute.unroll': 0,
  'critic.width': 1,
  'critic.steps': 1,
  'critic.learning_rate': 0,
  'critic.penalty_weight': 0,
  'train.batch_size': 1,
  'train.num_steps': 1,
  'train.seed': 0,
  'train.learning_rate': 0,
  'train.learning_rate_decay': 0,
  'train.warmup_steps': 0,
  'train.beta_end': 0,
  'train.beta_increment': 0,
  'train.beta_interval': 1,
  'train.steps_per_dispatch': 1,
  'train.log_every': 1,
  'train.eval_every': 1,
  'train.eval_phrases': 1,
  'train.checkpoint_every': 1,
  'train.keep': 1,
  'train.keep_every': 0,
  'train.keep_best': 0,
  'prior.num_components': 1,
  'prior.num_points': 1,
}
_ABOVE_0 = ('prior.radial_variance', 'prior.variance')
_ONE_OF = {
  'data.in_memory': ('auto', 'true', 'false'),
  'data.on_device': ('auto', 'true', 'false'),
  'data.name': ('lakh_pianoroll/2bar', 'lakh_pianoroll/16bar'),
}


class Splits(NamedTuple):
  """A prepared data set."""

  train: data.Split
  validation: data.Split

  def describe(self) -> dict[str, Any]:
    """Returns, as JSON, what tells this data set from another."""
    return self.train.describe() | {
      'validation_phrases': len(self.validation),
      'validation_crc32': self.validation.crc32,
    }


def check(config: Config, num_devices: int = 1) -> None:
  """Checks the values that no type checks.

  Raises:
    ConfigError: one is out of range; the message names its field.
  """

  def value(field):
    section, name = field.split('.')
    return config[section][name]

  def present(fields):
    for field in fields:
      section, name = field.split('.')
      if section != 'prior' or name in config[section]:
        yield field

  def refuse(field, expected):
    raise ConfigError(
      f'config.{field} is {value(field)!r}, expected {expected}'
    )

  for field in present(_AT_LEAST):
    if value(field) < _AT_LEAST[field]:
      refuse(field, f'at least {_AT_LEAST[field]}')
    # A step is an int32 on the device; JAX takes seeds of an int64.
    bits = 63 if field == 'train.seed' else 31
    if isinstance(value(field), int) and value(field) >= 2**bits:
      refuse(field, f'less than 2**{bits}')
  for field in present(_ABOVE_0):
    if value(field) <= 0:
      refuse(field, 'more than 0')
  for field in ('critic.betas', 'train.betas', 'train.averaging'):
    if not all(0 <= x < 1 for x in np.ravel(value(field))):
      refuse(field, 'at least 0 and less than 1')
  for field, known in _ONE_OF.items():
    if value(field) not in known:
      refuse(field, f'one of {", ".join(known)}')
  if not value('data.dir') or '://' in value('data.dir'):
    refuse('data.dir', 'a folder (where a bucket is mounted, if it is one)')
  if value('model.width') % 2:
    refuse('model.width', 'an even number: half is each direction')
  if value('train.batch_size') % num_devices:
    refuse('train.batch_size', f'a multiple of the {num_devices} devices')
  for field in ('num_steps', 'log_every', 'eval_every'):
    steps = value(f'train.{field}')
    if steps % value('train.steps_per_dispatch'):
      refuse('train.steps_per_dispatch', f'a divisor of train.{field}={steps}')
  if value('train.checkpoint_every') % value('train.log_every'):
    refuse('train.checkpoint_every', 'a multiple of train.log_every')
  model(config, 'cpu')  # whatever is here: JAX is not to look for devices yet
  settings(config)


def model(config: Config, platform: str | None = None) -> models.Autoencoder:
  """Returns the networks and the prior.

  Args:
    config: of which the sections that describe them are read.
    platform: what they will run on, 'cpu', 'gpu' or 'tpu'; JAX's default.
  """
  try:
    return assembly.build_model(config, platform)
  except ValueError as error:
    raise ConfigError(f'config.{error}') from error


def settings(config: Config) -> training.Settings:
  """Returns how to train: fields of the same name, and the critic's."""
  critic, train = config['critic'], config['train']
  names = {field.name for field in dataclasses.fields(training.Settings)}
  try:
    return training.Settings(
      **{
        name: tuple(value) if name == 'betas' else value
        for name, value in train.items()
        if name in names
      },
      critic_steps=critic['steps'],
      critic_learning_rate=critic['learning_rate'],
      critic_betas=tuple(critic['betas']),
      penalty_weight=critic['penalty_weight'],
      condition=critic['condition'],
    )
  except ValueError as error:
    raise ConfigError(f'config: {error}') from error


def timesteps(config: Config) -> int:
  """Returns how long the phrases of the config's data set are."""
  num_bars = int(config['data']['name'].rpartition('/')[2].removesuffix('bar'))
  return num_bars * STEPS_PER_BAR


def splits(config: Config, memory: int | None = None) -> Splits:
  """Returns the prepared data set.

  Args:
    config: which says where it is.
    memory: bytes that the process may have; what the machine leaves it.

  Raises:
    DatasetError: it is not there, or does not suit the prior.
  """
  where = config['data']
  keys = 'name', 'in_memory', 'built_by'
  options = {key: where[key] for key in keys if key in where}
  found = Splits(
    *(
      data.load(split=split, data_dir=where['dir'], memory=memory, **options)
      for split in ('train', 'validation')
    )
  )
  prior = model(config).prior
  columns = found.train.genres.shape[1]
  # A Gaussian has nothing to choose; one petal would ignore the genres.
  if prior.num_components != columns and not isinstance(prior, priors.Gaussian):
    raise data.DatasetError(
      f'{found.train.name}: room for {columns} genres; '
      f'config.prior.num_components={prior.num_components} expected as many'
    )
  return found


def trained(
  path: str | os.PathLike, data_dir: str | None = None
) -> tuple[Loaded, Splits]:
  """Returns a trained model, and the data set that it was trained on.

  Args:
    path: a run's folder, of which the newest, or an exported file.
    data_dir: where the data set lies now; where it lay in training by default.

  Raises:
    UserError: there is no model that can be read.
    DatasetError: the data set is not there, or has changed.
  """
  found = coding.load(path)
  # A model file names its data set, and not where it lies.
  name = found.dataset['name'].rpartition('/')[0]
  where = {'name': name, 'dir': None, **found.config.get('data', {})}
  where['dir'] = data_dir or where['dir']
  found.config['data'] = where
  if where['dir'] is None:
    raise data.MissingDataset(
      f'{path} does not say where its data set lies, {name}: --data_dir=DIR'
    )
  try:
    opened = splits(found.config)
  except data.MissingDataset as error:
    raise data.MissingDataset(
      f'{error}; or name the folder that it lies in: --data_dir=DIR'
    ) from error
  data.check_same(where['dir'], opened.describe(), found.dataset)
  return found, opened
