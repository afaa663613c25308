"""Saving and restoring a state, whole or spoilt."""

import functools
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from musae_jax import checkpoint, checksums
from musae_jax.checkpoint import Checkpoints, Keep

ABOUT = {'config': {'model': {'width': 8}}, 'dataset': {'genres': ['rock']}}


def make_state(value: float):
  return {
    'params': {'w': jnp.arange(2000.0) + value, 'b': jnp.full((3, 2), value)},
    'step': jnp.int32(value),
    'key': jax.random.key(int(value)),
  }


def same(a, b) -> bool:
  def raw(x):
    return np.asarray(jax.random.key_data(x) if x.dtype == key_type else x)

  key_type = jax.random.key(0).dtype
  return all(
    jax.tree.leaves(
      jax.tree.map(lambda x, y: bool((raw(x) == raw(y)).all()), a, b)
    )
  )


def fill(workdir, steps=(1, 2)):
  with Checkpoints(workdir, keep=Keep(3)) as checkpoints:
    for step in steps:
      position = {'next_index': step}
      checkpoints.save(step, make_state(step), position, ABOUT)


def array_file(workdir, step):
  """The file with the arrays' data: the largest one."""
  files = (workdir / 'checkpoints' / str(step) / 'state').rglob('*')
  return max((f for f in files if f.is_file()), key=lambda f: f.stat().st_size)


def truncate(path):
  path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path):
  found = bytearray(path.read_bytes())
  found[len(found) // 2] ^= 1
  path.write_bytes(bytes(found))


def test_restored_equals_saved(tmp_path):
  fill(tmp_path)
  with Checkpoints(tmp_path, keep=Keep(3)) as checkpoints:
    assert checkpoints.steps() == [1, 2]
    assert checkpoints.about()['config'] == ABOUT['config']
    step, state, position = checkpoints.restore(make_state(0))
  assert step == 2
  assert position == {'next_index': 2}
  assert same(state, make_state(2))


def test_state_may_be_donated_while_it_is_saved(tmp_path):
  @functools.partial(jax.jit, donate_argnums=0)
  def update(w):
    return w + 1

  w = update(jnp.zeros(4_000_000))
  with Checkpoints(tmp_path, keep=Keep(3)) as checkpoints:
    checkpoints.save(1, {'params': w}, {}, ABOUT)
    for _ in range(10):
      w = update(w)
    jax.block_until_ready(w)
  with Checkpoints(tmp_path) as checkpoints:
    saved = checkpoints.restore({'params': w}).state['params']
  assert float(saved.min()) == float(saved.max()) == 1


def test_failed_save_is_an_error_of_one_line(tmp_path):
  with pytest.raises(checkpoint.CheckpointError) as error:
    with Checkpoints(tmp_path, keep=Keep(3)) as checkpoints:
      (tmp_path / 'checkpoints').rmdir()
      (tmp_path / 'checkpoints').write_text('no folder')
      checkpoints.save(1, make_state(1), {}, ABOUT)
  assert 'checkpoints' in str(error.value)
  assert '\n' not in str(error.value)


def test_only_the_newest_are_kept(tmp_path):
  fill(tmp_path, range(6))
  with Checkpoints(tmp_path) as checkpoints:
    assert checkpoints.steps() == [3, 4, 5]


@pytest.mark.parametrize(
  ('keep', 'expected'),
  [
    (Keep(2), {4, 5}),
    (Keep(9), {1, 2, 3, 4, 5}),
    (Keep(1, every=2), {2, 4, 5}),
    (Keep(1, best=1), {3, 5}),
    (Keep(1, best=2), {3, 4, 5}),  # of equals the later
    (Keep(1, every=3, best=9), {1, 3, 4, 5}),
  ],
)
def test_which_stay(keep, expected):
  assert keep.of([5, 1, 2, 4, 3], {1: 0.5, 3: 0.9, 4: 0.5}) == expected


def test_a_save_is_told_of_once_when_it_has_ended(tmp_path):
  with Checkpoints(tmp_path, keep=Keep(3)) as checkpoints:
    assert checkpoints.finish() is None
    checkpoints.save(1, make_state(1), {}, ABOUT)
    saved = checkpoints.finish()
    assert saved.step == 1
    assert 0 < saved.held <= saved.seconds
    assert checkpoints.finish() is checkpoints.finish(wait=False) is None


def test_restores_to_another_number_of_devices(tmp_path):
  mesh = jax.make_mesh(
    (8,), ('data',), axis_types=(jax.sharding.AxisType.Auto,)
  )
  everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
  template = jax.device_put(make_state(0), everywhere)
  fill(tmp_path)
  with Checkpoints(tmp_path, keep=Keep(3)) as checkpoints:
    state = checkpoints.restore(template).state
    assert state['params']['w'].sharding == everywhere
    assert same(state, make_state(2))
    checkpoints.save(3, state, {}, ABOUT)
  params = checkpoint.load(tmp_path).params
  assert len(params['w'].devices()) == 1
  assert same(params, make_state(2)['params'])


@pytest.mark.parametrize('spoil', [truncate, flip_a_bit])
def test_spoilt_newest_falls_back_and_is_set_aside(tmp_path, spoil, caplog):
  fill(tmp_path)
  spoil(array_file(tmp_path, 2))
  assert checkpoint.load(tmp_path).step == 1
  with Checkpoints(tmp_path, keep=Keep(3)) as checkpoints:
    step, state, _ = checkpoints.restore(make_state(0))
    assert step == 1
    assert same(state, make_state(1))
    assert checkpoints.steps() == [1]
    checkpoints.save(2, make_state(2), {}, ABOUT)  # its name is free again
  assert any(
    'checkpoint 2 cannot be read' in r.message
    for r in caplog.records
    if r.levelno == logging.WARNING
  )
  assert (tmp_path / 'checkpoints.unreadable' / '2').is_dir()
  assert checkpoint.load(tmp_path).step == 2


def test_spoilt_description_falls_back(tmp_path):
  fill(tmp_path)
  truncate(tmp_path / 'checkpoints' / '2' / 'run' / 'metadata')
  assert checkpoint.load(tmp_path).step == 1


def replace_in_json(workdir, step, old, new):
  (path,) = (workdir / 'checkpoints' / str(step) / 'run').glob('metadata')
  text = path.read_text()
  assert text.count(old) == 1
  path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
  ('old', 'new'),
  [
    ('"next_index": 2', '"next_index": 3'),
    ('"width": 8', '"width": 9'),
    ('"rock"', '"pop"'),
  ],
)
def test_altered_description_is_passed_over(tmp_path, old, new):
  fill(tmp_path)
  replace_in_json(tmp_path, 2, old, new)
  with Checkpoints(tmp_path, keep=Keep(3)) as checkpoints:
    assert checkpoints.about()['step'] == 1
    assert checkpoints.restore(make_state(0)).position == {'next_index': 1}


def test_checkpoint_of_another_step_is_passed_over(tmp_path):
  fill(tmp_path)
  folder = tmp_path / 'checkpoints'
  (folder / '2').rename(folder / '3')
  assert checkpoint.load(tmp_path).step == 1


def test_nothing_readable_is_an_error_and_nothing_moves(tmp_path):
  fill(tmp_path)
  for step in (1, 2):
    truncate(array_file(tmp_path, step))
  with Checkpoints(tmp_path, keep=Keep(3)) as checkpoints:
    with pytest.raises(checkpoint.CheckpointError) as error:
      checkpoints.restore(make_state(0))
    assert '\n' not in str(error.value)
    assert checkpoints.steps() == [1, 2]


def test_unfinished_save_is_not_seen_and_reading_leaves_it(tmp_path):
  fill(tmp_path)
  unfinished = tmp_path / 'checkpoints' / '3.orbax-checkpoint-tmp'
  unfinished.mkdir()
  assert checkpoint.load(tmp_path).step == 2
  assert unfinished.exists()  # another process may be writing it


def test_load_returns_what_the_command_needs(tmp_path):
  fill(tmp_path)
  config, params, step, dataset, fitted = checkpoint.load(tmp_path)
  assert fitted is None
  assert config == ABOUT['config']
  assert dataset == ABOUT['dataset']
  assert step == 2
  assert same(params, make_state(2)['params'])


def test_load_finds_the_data_set_from_elsewhere(tmp_path, monkeypatch):
  """Where training began, which is a folder above the run's."""
  (tmp_path / 'data/set').mkdir(parents=True)
  about = {**ABOUT, 'config': {'data': {'dir': 'data/set', 'name': 'a'}}}
  with Checkpoints(tmp_path / 'runs/a', keep=Keep(3)) as checkpoints:
    checkpoints.save(1, make_state(1), {}, about)
  monkeypatch.chdir(tmp_path / 'runs')
  for workdir in ('a', tmp_path / 'runs/a'):
    found = checkpoint.load(workdir).config['data']
    assert found == {'dir': str(tmp_path / 'data/set'), 'name': 'a'}
  monkeypatch.chdir(tmp_path)
  assert checkpoint.load('runs/a').config == about['config']


def test_load_takes_averages_for_what_was_trained(tmp_path):
  state = make_state(2)
  state['average'] = {'w': state['params']['w'] + 1}
  with Checkpoints(tmp_path, keep=Keep(3)) as checkpoints:
    checkpoints.save(2, state, {}, ABOUT)
  params = checkpoint.load(tmp_path).params
  assert same(params, {**state['params'], **state['average']})


def test_load_refuses_parameters_that_are_not_finite(tmp_path):
  fill(tmp_path)
  state = make_state(3)
  state['params']['b'] *= jnp.nan
  with Checkpoints(tmp_path, keep=Keep(3)) as checkpoints:
    checkpoints.save(3, state, {}, ABOUT)
  with pytest.raises(checkpoint.CheckpointError, match='step 3 .*not finite'):
    checkpoint.load(tmp_path)


def test_load_of_no_run_says_what_was_expected(tmp_path):
  with pytest.raises(checkpoint.CheckpointError, match='--workdir'):
    checkpoint.load(tmp_path)
  assert not list(tmp_path.iterdir())


def test_checksums_see_a_bit_a_swap_and_a_key():
  def total(x):
    return checksums.of_arrays({'x': x})['x']

  x = jnp.arange(5.0)
  assert total(x) == total(jnp.arange(5.0))
  assert total(x) != total(x.at[3].set(jnp.nextafter(x[3], 9.0)))
  assert total(x) != total(x[jnp.array([1, 0, 2, 3, 4])])
  assert total(jax.random.key(0)) != total(jax.random.key(1))
  # By hand: the bits of 1.0 are 127 << 23, their weights 1 and 3.
  assert total(jnp.ones(2)) == (4 * (127 << 23)) % 2**32
  assert total(jnp.array([2, 5], jnp.int8)) == 2 * 1 + 5 * 3
