"""What describes a model, from a file of anyone's: trimmed, and checked.

Sizes are bounded, so that no file can have a machine build what it cannot
hold, and fields that are not known are refused: they may change what a model
computes.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from musae_jax import assembly
from musae_jax.models import Autoencoder
from musae_jax.pianoroll import STEPS_PER_BAR

# What networks are made of; the rest of a config is how they were trained,
# and where the data lay. How to compute is for the machine to say.
_CONFIG = {
  'critic': {'activation': str, 'width': int},
  'model': {
    'depth': int,
    'latent_dim': int,
    'scale': str,
    'whitened': bool,
    'width': int,
  },
}
_TRAINING_ONLY = (
  'betas',
  'condition',
  'learning_rate',
  'penalty_weight',
  'steps',
)
_DATASET = {'genres': list, 'name': str, 'timesteps': int}
# Above any model there will be, and low enough to build.
_LARGEST = 2**16
_DEEPEST = 16
_LEAST_VARIANCE = 1e-6
_MOST_COMPONENTS = 2**12


class DescriptionError(ValueError):
  """A description is of nothing that can be built; one line says why."""


def trim_config(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
  """The sections of a config that a model is built of.

  Raises:
    DescriptionError: it sets what is not known here.
  """
  critic = {
    key: value
    for key, value in config['critic'].items()
    if key not in _TRAINING_ONLY
  }
  model = {'scale': 'exp2', **config['model']}  # which older ones do not name
  found = {'critic': critic, 'model': model, 'prior': dict(config['prior'])}
  _check_config(found)
  return found


def trim_dataset(dataset: Mapping[str, Any]) -> dict[str, Any]:
  """Name, genres and timesteps of a data set."""
  return {key: dataset[key] for key in _DATASET}


def check(config: dict, dataset: dict) -> None:
  """Checks both, trimmed as they are here.

  Raises:
    DescriptionError: a field is missing, not known, or out of range.
  """
  _check_config(config)
  check_fields('dataset', dataset, _DATASET)
  steps = dataset['timesteps']
  if not 0 < steps <= _LARGEST or steps % STEPS_PER_BAR:
    raise DescriptionError(
      f'dataset.timesteps is {steps}, expected whole bars of {STEPS_PER_BAR}'
    )
  genres = dataset['genres']
  if not all(isinstance(name, str) and name.isprintable() for name in genres):
    raise DescriptionError(f'dataset.genres is {genres!r}, expected names')
  petals = config['prior'].get('num_components', len(genres))
  if len(set(genres)) < len(genres) or len(genres) > petals:
    raise DescriptionError(
      f'dataset.genres has {len(genres)} names, expected at most {petals}, all '
      'of them different'
    )


def _check_config(config: dict) -> None:
  check_fields('config', config, dict.fromkeys((*_CONFIG, 'prior'), dict))
  for section, types in _CONFIG.items():
    check_fields(f'config.{section}', config[section], types)
  for section, fields in config.items():
    for name, value in fields.items():
      _check_value(f'config.{section}.{name}', value)
  if config['model']['depth'] > _DEEPEST or config['model']['width'] % 2:
    raise DescriptionError(
      f'config.model is {config["model"]}, expected a depth of at most '
      f'{_DEEPEST} and an even width'
    )
  _check_prior(config['prior'])
  std = model(config).prior.std
  if not (np.isfinite(std) & (std > 0)).all():
    raise DescriptionError(
      f'config.prior is {config["prior"]}, expected one of positive scale'
    )


def _check_prior(prior: dict) -> None:
  kind = prior.get('kind')
  if kind not in tuple(assembly.PRIORS):
    raise DescriptionError(
      f'config.prior.kind is {kind!r}, expected one of '
      + ', '.join(assembly.PRIORS)
    )
  types = {f.name: f.type for f in dataclasses.fields(assembly.PRIORS[kind])}
  for name, value in prior.items():
    if name == 'kind':
      continue
    count = types.get(name) is int
    known = (int,) if count else (int, float)
    least = 1 if count else _LEAST_VARIANCE
    most = _MOST_COMPONENTS if count else _LARGEST
    if type(value) not in known or not least <= value <= most:
      raise DescriptionError(
        f'config.prior.{name} is {value!r}, expected a '
        f'{"count" if count else "number"} from {least} to {most}'
      )


def check_fields(what: str, found: Any, types: Mapping[str, type]) -> None:
  """Checks that a mapping has these fields, of these types, and no others.

  Raises:
    DescriptionError: it has not.
  """
  if not isinstance(found, dict) or found.keys() != types.keys():
    got = ', '.join(sorted(found)) if isinstance(found, dict) else repr(found)
    raise DescriptionError(
      f'{what} has {got}; expected {", ".join(sorted(types))}'
    )
  for name, kind in types.items():
    if type(found[name]) is not kind:  # a bool is no count
      raise DescriptionError(
        f'{what}.{name} is {found[name]!r}, expected {kind.__name__}'
      )


def _check_value(name: str, value: Any) -> None:
  if isinstance(value, int) and not isinstance(value, bool):
    # A flower and a swiss roll turn two axes.
    least = 2 if name == 'config.model.latent_dim' else 1
    sound = least <= value <= _LARGEST
  else:
    sound = isinstance(value, (str, bool)) or (
      isinstance(value, float) and math.isfinite(value)
    )
  if not sound:
    raise DescriptionError(
      f'{name} is {value!r}, expected a word, or a number of sound size'
    )


def model(config: Mapping[str, Any]) -> Autoencoder:
  """The model of a config that was checked.

  Raises:
    DescriptionError: a value is not among those there are.
  """
  try:
    return assembly.build_model(config)
  except (ValueError, TypeError) as error:
    raise DescriptionError(f'config.{error}') from error
