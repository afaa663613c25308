"""Programs for others compute what the model does."""

import json

import jax
import jax.export
import numpy as np
import pytest
from test_editing import random_params

from musae_jax import assembly, decoding, stablehlo

pytest.importorskip('flatbuffers')

CONFIG = {
  'model': {'latent_dim': 6, 'width': 8, 'depth': 2, 'whitened': True},
  'critic': {'width': 4, 'activation': 'tanh'},
  'prior': {'kind': 'flower', 'num_components': 4},
}
STEPS = 16


@pytest.fixture(scope='module')
def model():
  return assembly.build_model(CONFIG)


@pytest.fixture(scope='module')
def params(model):
  return random_params(model)


@pytest.fixture(scope='module')
def folder(model, params, tmp_path_factory):
  folder = tmp_path_factory.mktemp('served') / 'new'
  stablehlo.export(model, params, STEPS, folder)
  return folder


def program(folder, name):
  return jax.export.deserialize((folder / f'{name}.jax').read_bytes())


def test_what_is_written(folder):
  names = ['decode.jax', 'decode.mlirbc', 'encode.jax', 'encode.mlirbc']
  assert sorted(p.name for p in folder.iterdir()) == [*names, 'model.json']
  for name in ('encode', 'decode'):
    bytecode = (folder / f'{name}.mlirbc').read_bytes()
    assert bytecode == program(folder, name).mlir_module_serialized
    assert program(folder, name).platforms == stablehlo.PLATFORMS


@pytest.mark.parametrize('count', [1, 3])
def test_they_compute_what_the_model_does(folder, model, params, count):
  rng = np.random.default_rng(1)
  tokens = rng.integers(0, 130, (count, STEPS, 4), np.uint8)
  mean, scale = program(folder, 'encode').call(tokens)
  expected = model.encode(params, tokens)
  np.testing.assert_allclose(mean, expected.mean, rtol=1e-4, atol=1e-6)
  np.testing.assert_allclose(scale, expected.scale, rtol=1e-4)
  z = np.asarray(model.prior.sample(jax.random.key(0), np.zeros(count, int)))
  decoded, logits = program(folder, 'decode').call(z)
  expected = model.decode(params, z, STEPS)
  np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
  np.testing.assert_array_equal(decoded, decoding.proportionate(logits))
  assert decoded.dtype == np.uint8


def test_the_description_is_theirs(folder):
  about = json.loads((folder / 'model.json').read_text())
  assert about['encode']['inputs'] == [
    {'name': 'tokens', 'shape': ['n', STEPS, 4], 'dtype': 'uint8'}
  ]
  assert about['decode']['outputs'] == [
    {'name': 'tokens', 'shape': ['n', STEPS, 4], 'dtype': 'uint8'},
    {'name': 'logits', 'shape': ['n', STEPS, 4, 130], 'dtype': 'float32'},
  ]
  assert about['tokens']['meaning']['129'] == 'silence'
  assert about['platforms'] == ['cpu', 'cuda', 'tpu']
