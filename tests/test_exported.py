"""Model files: what is saved is loaded, and nothing else is."""

import json
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_editing import random_params

from musae_jax import assembly, exported
from musae_jax.directions import Directions
from musae_jax.exported import ModelFileError
from musae_jax.loaded import Loaded

ROOT = pathlib.Path(__file__).parents[1]
CONFIG = {
  'model': {'latent_dim': 6, 'width': 8, 'depth': 2, 'whitened': True},
  'critic': {'width': 4, 'activation': 'tanh', 'steps': 5},
  'prior': {'kind': 'flower', 'num_components': 4},
  'data': {'dir': '/home/someone'},
}
DATASET = {'name': 'some/2bar', 'timesteps': 32, 'genres': ['jazz', 'pop']}


def same(a, b):
  return jax.tree.map(np.array_equal, a, b)


@pytest.fixture(scope='module')
def loaded():
  model = assembly.build_model(CONFIG)
  params = random_params(model)
  return Loaded(CONFIG, params, 3, {**DATASET, 'train_phrases': 7})


@pytest.fixture
def path(loaded, tmp_path):
  exported.save(tmp_path / 'a.musae', loaded)
  return tmp_path / 'a.musae'


@pytest.fixture(scope='module')
def sound(loaded, tmp_path_factory):
  """A folder, and the bytes of a sound file."""
  folder = tmp_path_factory.mktemp('damaged')
  exported.save(folder / 'a.musae', loaded, 'int8')
  return folder, (folder / 'a.musae').read_bytes()


def test_float32_is_exact(loaded, path):
  again = exported.load(path)
  assert all(jax.tree.leaves(same(loaded.params, again.params)))
  assert again.step == 3
  assert again.dataset == DATASET
  assert again.directions is None
  model = assembly.build_model(again.config)
  assert model == assembly.build_model(CONFIG)


@pytest.mark.parametrize(
  'dtype, bits, size', [('bfloat16', 2**-8, 0.6), ('int8', 1 / 254, 0.5)]
)
def test_rounded_weights_are_near(loaded, path, dtype, bits, size):
  rounded = path.with_name('b.musae')
  exported.save(rounded, loaded, dtype)
  assert rounded.stat().st_size < size * path.stat().st_size

  def check(path, x, y):
    bias = path[-1].key == 'bias'
    limit = 0 if bias else 1.00001 * bits * np.abs(x).max(-2, keepdims=True)
    assert (np.abs(x - y) <= limit).all()
    assert y.dtype == np.float32

  again = exported.load(rounded).params
  jax.tree_util.tree_map_with_path(check, loaded.params, again)
  assert not all(jax.tree.leaves(same(loaded.params, again)))


def test_a_channel_of_zeros_stays(loaded, tmp_path):
  params = jax.tree.map(np.zeros_like, loaded.params)
  exported.save(tmp_path / 'a', loaded._replace(params=params), 'int8')
  again = exported.load(tmp_path / 'a')
  assert all(jax.tree.leaves(same(params, again.params)))


def test_directions_come_along(loaded, tmp_path):
  rng = np.random.default_rng(0)
  arrays = (np.float32(rng.uniform(1, 2, s)) for s in (2, (2, 6), (2, 6)))
  directions = Directions(('density', 'register/bass'), *arrays)
  exported.save(tmp_path / 'a', loaded, directions=directions)
  again = exported.load(tmp_path / 'a')
  assert again.directions.names == directions.names
  assert all(same(tuple(directions[1:]), tuple(again.directions[1:])))
  # And from a loaded model into the next file.
  exported.save(tmp_path / 'b', again)
  assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()


def test_directions_of_no_scale_are_refused(loaded, tmp_path):
  arrays = np.float32([1, 0]), np.ones((2, 6)), np.ones((2, 6))
  directions = Directions(('density', 'register/bass'), *arrays)
  exported.save(tmp_path / 'a', loaded, directions=directions)
  with pytest.raises(ModelFileError, match='std goes down to 0.0, expected'):
    exported.load(tmp_path / 'a')


def test_what_is_private_stays_at_home(path):
  assert b'someone' not in path.read_bytes()


def test_same_model_same_bytes(loaded, path):
  before = path.read_bytes()
  exported.save(path, loaded)
  assert path.read_bytes() == before
  assert [p.name for p in path.parent.iterdir()] == ['a.musae']


def test_a_failed_write_leaves_what_was_there(loaded, path, monkeypatch):
  def full(source, target):
    raise OSError(28, 'No space left on device')

  before = path.read_bytes()
  monkeypatch.setattr('os.replace', full)
  with pytest.raises(OSError, match='No space'):
    exported.save(path, loaded, 'int8')
  assert path.read_bytes() == before
  assert [p.name for p in path.parent.iterdir()] == ['a.musae']


def test_what_is_not_saved(loaded, tmp_path):
  with pytest.raises(ValueError, match="'float16', expected one of float32"):
    exported.save(tmp_path / 'a', loaded, 'float16')
  params = jax.tree.map(lambda x: x * np.nan, loaded.params)
  with pytest.raises(ValueError, match='not finite'):
    exported.save(tmp_path / 'a', loaded._replace(params=params))
  config = {**CONFIG, 'model': {**CONFIG['model'], 'attention': True}}
  with pytest.raises(ValueError, match='attention'):
    exported.save(tmp_path / 'a', loaded._replace(config=config))
  assert not list(tmp_path.iterdir())


def test_loading_is_light(path):
  heavy = '{"orbax", "tensorstore", "grain", "tensorflow_datasets", "optax"}'
  code = (
    'import sys; from musae_jax import exported; '
    f'print(exported.load({str(path)!r}).step, {heavy} & set(sys.modules))'
  )
  command = [sys.executable, '-c', code]
  found = subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
  assert found.stdout.decode().strip() == '3 set()'


def parts(content):
  size = int.from_bytes(content[:8], 'little')
  header = json.loads(content[8 : 8 + size])
  return (
    header,
    json.loads(header['__metadata__']['musae']),
    content[8 + size :],
  )


def joined(header, about, data):
  if about is not None:
    header['__metadata__'] = {'musae': json.dumps(about)}
  text = json.dumps(header).encode()
  text += b' ' * (-len(text) % 8)
  return len(text).to_bytes(8, 'little') + text + data


def in_model(name, value):
  def damage(header, about):
    about['config']['model'][name] = value

  return damage


def in_prior(**values):
  return lambda header, about: about['config']['prior'].update(values)


def in_about(**values):
  return lambda header, about: about.update(values)


def in_dataset(**values):
  return lambda header, about: about['dataset'].update(values)


def drop(header, about):
  del header['critic/params/Dense_0/bias']


def annotate(header, about):
  header[next(n for n in header if n.endswith('bias'))]['note'] = 'x'


def add(header, about):
  header['more'] = {'dtype': 'F32', 'shape': [0], 'data_offsets': [0, 0]}


def turn(header, about):
  header['critic/params/Dense_0/kernel']['shape'].reverse()


def other_dtype(header, about):
  header['critic/params/Dense_0/bias']['dtype'] = 'I32'


@pytest.mark.parametrize(
  'damage, message',
  [
    (in_about(format=2), 'is of format 2, expected 1'),
    (in_about(more=1), 'more, step; expected checksum, config'),
    (in_about(step='3'), "step is '3', expected int"),
    (in_about(dtype='int4'), "'int4', expected one of float32, bfloat16"),
    (in_about(step=4), 'does not match its checksum'),
    (in_about(config={'model': 3}), 'config has model; expected critic'),
    (in_about(directions=[3]), r'directions are \[3\], expected some of'),
    (in_about(directions=['density']), 'directions/difference is missing'),
    (in_about(directions=['a']), 'expected some of density'),
    (in_about(directions=['density'] * 2), 'expected some of density'),
    (in_about(step=-1), 'step is -1'),
    (in_model('latent_dim', 10**9), 'latent_dim is 1000000000, expected'),
    (in_model('latent_dim', 1), 'latent_dim is 1, expected'),
    (in_model('latent_dim', True), 'latent_dim is True, expected int'),
    (in_model('width', 10), r'expected F32\['),
    (in_model('width', 7), 'even width'),
    (in_model('depth', 1000), 'depth of at most 16'),
    (in_model('depth', 1), 'which its config has not'),
    (in_model('scale', 'cube'), "'cube', expected one of exp2"),
    (in_model('attention', True), 'has attention'),
    (in_prior(kind='rose'), "'rose', expected one of gaussian"),
    (in_prior(kind=['flower']), 'expected a word, or a number'),
    (in_prior(num_components=1e9), 'a count from 1 to 4096'),
    (in_prior(num_components=10**6), 'num_components is 1000000'),
    (in_prior(variance=-1.0), 'variance is -1.0, expected a number from 1e-06'),
    (in_prior(variance=1e-300), 'expected a number from 1e-06'),
    (in_prior(variance=1e-40), 'expected a number from 1e-06'),
    (in_prior(variance='x'), "'x', expected a number from 1e-06"),
    (
      in_prior(variance=1e308),
      'variance is 1e.308, expected a number from 1e-06',
    ),
    (in_prior(petals=3), 'prior.petals is set'),
    (in_dataset(timesteps=33), 'timesteps is 33, expected whole bars'),
    (in_dataset(genres=[1]), r'genres is \[1\], expected names'),
    (drop, 'Dense_0/bias is missing, expected'),
    (add, "tensor 'more', which its config has not"),
    (annotate, 'its header is not one of tensors'),
    (turn, r'Dense_0/kernel is F32\[4, 10\], expected F32\[10, 4\]'),
    (other_dtype, r'Dense_0/bias is I32\[4\], expected F32\[4\]'),
  ],
)
def test_a_header_that_lies(path, damage, message):
  header, about, data = parts(path.read_bytes())
  damage(header, about)
  path.write_bytes(joined(header, about, data))
  with pytest.raises(ModelFileError, match=message) as caught:
    exported.load(path)
  assert str(caught.value).startswith(f'{path}: ')
  assert '\n' not in str(caught.value)


def test_weights_that_are_no_numbers(path):
  header, about, data = parts(path.read_bytes())
  data = np.full(len(data) // 4, np.nan, np.float32).tobytes()
  tensors = {
    name: np.full(entry['shape'], np.nan, np.float32)
    for name, entry in header.items()
    if name != '__metadata__'
  }
  del about['checksum']
  about['checksum'] = exported._checksum(about, tensors)
  path.write_bytes(joined(header, about, data))
  with pytest.raises(ModelFileError, match='is not finite'):
    exported.load(path)


@pytest.mark.parametrize(
  'content, message',
  [
    (b'', 'is no model file'),
    (b'MThd\0\0\0\6\0\1', 'is no model file'),
    (b'\x80\x04}\x94.' * 10, 'is no model file'),
    ((2**60).to_bytes(8, 'little') + b'{}', 'is no model file'),
    ((2**19).to_bytes(8, 'little') + b'{}', 'ends in its header'),
    (joined({}, None, b''), 'no description of a model'),
    (joined([], None, b''), "has '\\[\\]', expected an object"),
    (joined({'__metadata__': 3}, None, b''), 'no description of a model'),
    (joined({'a': 3}, {'format': 1}, b''), 'not one of tensors'),
    (joined({}, {'format': float('nan')}, b''), 'NaN is no number'),
    ((100_000).to_bytes(8, 'little') + b'[' * 100_000, 'cannot be read'),
  ],
)
def test_what_is_no_model_file(tmp_path, content, message):
  (tmp_path / 'a').write_bytes(content)
  with pytest.raises(ModelFileError, match=message):
    exported.load(tmp_path / 'a')


def test_what_is_no_file(tmp_path):
  with pytest.raises(ModelFileError, match='none: No such file'):
    exported.load(tmp_path / 'none')
  os.mkfifo(tmp_path / 'pipe')
  for path in (tmp_path, tmp_path / 'pipe'):
    with pytest.raises(ModelFileError, match='is no ordinary file'):
      exported.load(path)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_damage_passes(sound, data):
  folder, content = sound
  at = data.draw(st.integers(0, len(content) - 1))
  kind = data.draw(st.sampled_from(['cut', 'flip', 'add']))
  if kind == 'cut':
    spoilt = content[:at]
  elif kind == 'add':
    spoilt = content + content[at:]
  else:
    bit = 1 << data.draw(st.integers(0, 7))
    spoilt = content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]
  (folder / 'b.musae').write_bytes(spoilt)
  with pytest.raises(ModelFileError):
    exported.load(folder / 'b.musae')


@settings(max_examples=50, deadline=None)
@given(text=st.binary(max_size=200))
def test_no_bytes_raise_anything_else(sound, text):
  folder, _ = sound
  length = len(text).to_bytes(8, 'little')
  (folder / 'c.musae').write_bytes(length + text)
  with pytest.raises(ModelFileError):
    exported.load(folder / 'c.musae')
