"""A model from the plain dicts that describe it: a config's, a checkpoint's."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax

from musae_jax import models, priors
from musae_jax.compute import Compute, for_platform

PRIORS = {
  'gaussian': priors.Gaussian,
  'flower': priors.Flower,
  'swiss_roll': priors.SwissRoll,
}


def build_model(
  config: Mapping[str, Any], platform: str | None = None
) -> models.Autoencoder:
  """Returns the model that a config describes.

  Args:
    config: plain dicts, of which the sections 'model', 'prior' and 'critic'
      are read, and 'compute' where there is one.
    platform: what it will run on, 'cpu', 'gpu' or 'tpu'; JAX's default one.

  Raises:
    ValueError: a value is not among those there are.
  """
  model, critic = config['model'], config['critic']
  prior = dict(config['prior'])
  kind = prior.pop('kind')
  if kind not in PRIORS:
    raise ValueError(
      f'prior.kind is {kind!r}, expected one of {", ".join(PRIORS)}'
    )
  fields = {field.name for field in dataclasses.fields(PRIORS[kind])} - {'dim'}
  if not fields >= prior.keys():
    raise ValueError(
      f'prior.{min(prior.keys() - fields)} is set, but prior.kind={kind} '
      f'expects {", ".join(sorted(fields)) or "no fields"}'
    )
  if critic['activation'] not in models.ACTIVATIONS:
    raise ValueError(
      f'critic.activation is {critic["activation"]!r}, expected one of '
      + ', '.join(models.ACTIVATIONS)
    )
  scale = model.get('scale', 'exp2')  # which older checkpoints do not name
  if scale not in models.SCALES:
    raise ValueError(
      f'model.scale is {scale!r}, expected one of {", ".join(models.SCALES)}'
    )
  sizes = model['width'], model['depth']
  compute = _compute(config, platform or jax.default_backend())
  return models.Autoencoder(
    encoder=models.Encoder(model['latent_dim'], *sizes, compute, scale),
    decoder=models.Decoder(*sizes, compute),
    critic=models.Critic(critic['width'], critic['activation']),
    prior=PRIORS[kind](model['latent_dim'], **prior),
    whitened=model['whitened'],
  )


def _compute(config: Mapping[str, Any], platform: str) -> Compute:
  """Returns how to compute: as the config has it, else what is fastest."""
  given = config.get('compute', {})
  choices = {
    'dtype': {d: d for d in ('float32', 'bfloat16')},
    'stacked': {'true': True, 'false': False},
  }
  chosen = {'remat': given.get('remat', False)}
  for field, known in choices.items():
    value = given.get(field, 'auto')
    if value not in {'auto', *known}:
      raise ValueError(
        f'compute.{field} is {value!r}, expected one of auto, '
        + ', '.join(known)
      )
    if value != 'auto':
      chosen[field] = known[value]
  if given.get('unroll'):
    chosen['unroll'] = given['unroll']
  return for_platform(platform, config['model']['depth'])._replace(**chosen)
