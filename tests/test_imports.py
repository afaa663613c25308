"""Imports follow the data's way; those who parse MIDI never load JAX."""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
# A module may import those that stand before it.
ORDER = (
  'cache',
  'machine',
  'errors',
  'files',
  'pianoroll',
  'channels',
  'smf',
  'midi',
  'exchange',
  'phrases',
  'genres',
  'progress',
  'arguments',
  'alone',
  'stored',
  'data',
  'batches',
  'metrics',
  'attributes',
  'neighbours',
  'compute',
  'products',
  'lstm',
  'layers',
  'priors',
  'directions',
  'loaded',
  'losses',
  'models',
  'decoding',
  'descent',
  'regularisers',
  'parallel',
  'resident',
  'training',
  'flops',
  'assembly',
  'described',
  'packing',
  'exported',
  'stablehlo',
  'checksums',
  'checkpoint',
  'evaluation',
  'paths',
  'songs',
  'coding',
  'steering',
  'editing',
  'tsne',
  'latent',
  'plots',
  'audio',
  'charts',
  'commands',
  'cli',
)


def imported(path):
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
      yield node.module
      yield from (f'{node.module}.{alias.name}' for alias in node.names)


def test_every_module_has_its_place():
  modules = {path.stem for path in (ROOT / 'musae_jax').glob('*.py')}
  packages = (ROOT / 'musae_jax').glob('*/__init__.py')
  modules |= {path.parent.name for path in packages}
  assert modules - {'__init__'} == set(ORDER)


@pytest.mark.parametrize('module', ORDER)
def test_imports_go_one_way(module):
  folder = ROOT / 'musae_jax'
  for path in (*folder.glob(f'{module}.py'), *folder.glob(f'{module}/*.py')):
    for name in imported(path):
      package, *rest = name.split('.')
      assert package not in ('experiments', 'tfds_lakh')
      if package == 'musae_jax' and rest and rest[0] in ORDER:
        # A package's own modules are one idea.
        own = rest[0] == module and path.parent != folder
        assert own or ORDER.index(rest[0]) < ORDER.index(module), name


def test_the_data_set_knows_no_experiments():
  for path in (ROOT / 'tfds_lakh').rglob('*.py'):
    assert not any(name.startswith('experiments') for name in imported(path))


@pytest.mark.parametrize(
  'module',
  [
    'tfds_lakh.pipeline',
    'tfds_lakh.build',
    'musae_jax.cli',
    'musae_jax.commands.export',
  ],
)
def test_what_starts_often_starts_light(module):
  heavy = '{"jax", "tensorflow_datasets", "matplotlib"}'
  code = f'import sys, {module}; print({heavy} & set(sys.modules))'
  command = [sys.executable, '-c', code]
  found = subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
  assert found.stdout.decode().strip() == 'set()'
