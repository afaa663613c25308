"""Models from the dicts that describe them."""

import json

import pytest

from musae_jax import assembly, models, priors

CONFIG = {
  'model': {'latent_dim': 4, 'width': 6, 'depth': 2, 'whitened': False},
  'critic': {'width': 5, 'activation': 'tanh'},
  'prior': {'kind': 'flower', 'num_components': 3},
}


def test_model_is_the_one_that_the_config_describes():
  model = assembly.build_model(json.loads(json.dumps(CONFIG)))
  assert model == models.Autoencoder(
    encoder=models.Encoder(4, 6, 2),
    decoder=models.Decoder(6, 2),
    critic=models.Critic(5, 'tanh'),
    prior=priors.Flower(4, 3),
    whitened=False,
  )


@pytest.mark.parametrize(
  ('section', 'field', 'word'),
  [('prior', 'kind', 'swiss_roll'), ('critic', 'activation', 'leaky_relu')],
)
def test_unknown_parts_are_listed(section, field, word):
  config = json.loads(json.dumps(CONFIG))
  config[section][field] = 'flour'
  with pytest.raises(ValueError, match=word) as error:
    assembly.build_model(config)
  assert f'{section}.{field}' in str(error.value)
