"""Eight devices against one."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType

from musae_jax import evaluation, models, parallel, priors, training

BATCH, NUM_STEPS, LATENT, WIDTH = 16, 2, 4, 4


@pytest.fixture(scope='module')
def model():
  return models.Autoencoder(
    encoder=models.Encoder(LATENT, WIDTH, depth=1),
    decoder=models.Decoder(WIDTH, depth=1),
    critic=models.Critic(WIDTH),
    prior=priors.Flower(LATENT, num_components=4),
  )


@pytest.fixture(scope='module')
def batch():
  rng = np.random.default_rng(0)
  shape = (BATCH, NUM_STEPS, 4)
  return {
    'phrases': rng.integers(0, 130, shape, dtype=np.uint8),
    'genres': rng.random((BATCH, 4)) < 0.5,
  }


def test_mesh():
  assert parallel.make_mesh().shape == {'data': 8}
  mesh = parallel.make_mesh(2)
  assert mesh.shape == {'data': 2}
  assert mesh.axis_types == (AxisType.Auto,)


def test_the_batch_is_split_and_the_rest_copied(batch):
  mesh = parallel.make_mesh(8)
  phrases = parallel.shard_batch(batch, mesh)['phrases']
  np.testing.assert_array_equal(phrases, batch['phrases'])
  shards = phrases.addressable_shards
  assert {s.data.shape for s in shards} == {(2, NUM_STEPS, 4)}
  tree = parallel.replicate({'x': np.arange(3), 'key': jax.random.key(0)}, mesh)
  assert [s.data.shape for s in tree['x'].addressable_shards] == [(3,)] * 8
  assert tree['key'].is_fully_replicated


def test_eight_devices_equal_one(model, batch):
  settings = training.Settings(
    beta_interval=1, critic_steps=2, learning_rate=1e-3
  )
  # Compiling is what takes long here, so there is one initialisation, of which
  # each update donates a copy.
  initial = training.init_state(model, settings, 0, NUM_STEPS)
  copy = jax.jit(lambda tree: jax.tree.map(jnp.copy, tree))
  results = []
  for num_devices in (1, 8):
    mesh = parallel.make_mesh(num_devices)
    step = training.make_train_step(model, settings, mesh)
    evaluate = evaluation.make_eval_step(model, mesh)
    state = parallel.replicate(copy(initial), mesh)
    mask = np.arange(BATCH) < 13
    data, mask = parallel.shard_batch((batch, mask), mesh)
    for _ in range(2):
      state, metrics = step(state, data)
    sums = evaluate(state.params, data['phrases'], mask)
    assert len(state.step.devices()) == num_devices
    results.append(jax.device_get((state.params, metrics, sums)))
  one, eight = results
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
    one,
    eight,
  )


def test_one_process_starts_nothing(monkeypatch):
  monkeypatch.setattr(jax.distributed, 'initialize', None)
  parallel.start()
  # In a SLURM job, but not started by srun; and a step of one task.
  monkeypatch.setenv('SLURM_NTASKS', '4')
  parallel.start()
  monkeypatch.setenv('SLURM_STEP_NODELIST', 'node[1-4]')
  monkeypatch.setenv('SLURM_NTASKS', '1')
  parallel.start()


def test_the_library_of_a_tpu_without_one_starts_nothing():
  code = (
    'import importlib.util, jax; from musae_jax import parallel; '
    'importlib.util.find_spec = lambda name: name; parallel.start(); '
    'print(jax.process_count())'
  )
  command = [sys.executable, '-c', code]
  assert subprocess.check_output(command, text=True).strip() == '1'


def test_a_share_follows_the_mesh():
  """All places are this process's here, in their order."""
  mesh = parallel.make_mesh()
  backwards = jax.sharding.Mesh(mesh.devices[::-1], ('data',))
  for found in (mesh, backwards):
    assert list(parallel.share(found, 16)) == list(range(16))
