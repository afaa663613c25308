"""What a run would be, told without making it, here and elsewhere."""

import importlib.util
import re

import jax
import pytest
from test_train import FLAGS

from experiments import ahead, build, config_flag, dry_run, train
from musae_jax import training

TINY = [flag for flag in FLAGS if 'num_steps' not in flag]


@pytest.fixture(autouse=True)
def started(monkeypatch):
  """JAX has been used in this process: it can join no others."""
  monkeypatch.setattr(train.parallel, 'start', lambda *_: None)


def found(capsys, *flags):
  """The exit status and what was printed, by its first words."""
  status = train.main([*TINY, '--dry_run', *flags])
  out, _ = capsys.readouterr()
  return status, dict(re.findall(r'^([a-z ]+): (.*)$', out, re.MULTILINE)), out


def test_a_dry_run_tells_what_a_run_would_be(tiny_data, tmp_path, capsys):
  status, told, out = found(
    capsys, f'--config.data.dir={tiny_data}', f'--workdir={tmp_path / "run"}'
  )
  assert status == 0
  assert not (tmp_path / 'run').exists()
  config = config_flag.ConfigParser().parse(TINY).config
  state = training.init_state(
    build.model(config), build.settings(config), 0, 32
  )
  leaves = jax.tree.leaves(state.params)
  assert told['parameters'].startswith(f'{sum(x.size for x in leaves):,} ')
  assert len(re.findall(r'^  \S+  ', out, re.MULTILINE)) == len(leaves)
  assert told['batch'] == 'phrases uint8[8, 32, 4], genres bool[8, 32]'
  assert told['devices'] == '8 x cpu'
  assert 'lakh_pianoroll/2bar' in told['data set']
  # Of each parameter of encoder and decoder, the gradient at least.
  autoencoder = sum(
    x.nbytes
    for network in ('encoder', 'decoder')
    for x in jax.tree.leaves(state.params[network])
  )
  sent = re.search(r'all-reduce of ([\d.]+) MiB', told['collectives of a step'])
  assert float(sent[1]) == pytest.approx(autoencoder / 2**20, abs=0.1)
  assert told['collectives of a step'].endswith('none of them in a loop')
  assert told['memory of each'].endswith(': fits')


def test_no_data_set_is_told_beside_the_rest(tmp_path, capsys):
  status, told, _ = found(capsys, f'--config.data.dir={tmp_path}')
  assert status == 1
  assert 'no data set lakh_pianoroll/2bar' in told['data set']
  assert told['memory of each'].endswith(': fits')


def test_devices_that_are_not_here_want_no_data_set(
  tmp_path, capsys, monkeypatch
):
  monkeypatch.setattr(dry_run, '_not_here', lambda _: dry_run._here())
  flags = f'--config.data.dir={tmp_path}', '--topology=h100:8'
  status, told, _ = found(capsys, *flags)
  assert status == 0
  assert 'data set unknown' in told['memory of each']


def test_what_does_not_fit_is_told(tiny_data, capsys, monkeypatch):
  here = dry_run._here()
  small = here._replace(memory=2**10)
  monkeypatch.setattr(dry_run, '_here', lambda: small)
  status, told, _ = found(capsys, f'--config.data.dir={tiny_data}')
  assert status == 1
  assert told['memory of each'].endswith(' of 0.00 GiB: does not fit')

  def compile_step(*_):
    raise ahead.DoesNotFit('RESOURCE_EXHAUSTED: 17.1G of 15.7G hbm')

  monkeypatch.setattr(ahead, 'compile_step', compile_step)
  status, told, _ = found(capsys, f'--config.data.dir={tiny_data}')
  assert status == 1
  assert told['memory of each'].endswith('17.1G of 15.7G hbm')


def test_a_data_set_on_the_devices_counts(tiny_data, capsys):
  flags = f'--config.data.dir={tiny_data}', '--config.data.on_device=true'
  config = config_flag.ConfigParser().parse([*TINY, *flags]).config
  splits = build.splits(config)
  size = splits.train.phrases.nbytes + splits.train.genres.nbytes
  held = lambda *args: dry_run._held(config, splits, *args)  # noqa: E731
  assert held(0, 'cpu') == size
  config.data.on_device = 'auto'
  assert held(4 * size, 'gpu') == size
  assert held(4 * size - 1, 'gpu') == held(4 * size, 'cpu') == 0


@pytest.mark.parametrize(
  ('flags', 'words'),
  [
    (['--topology=v5e:4x4'], 'of use with --dry_run only'),
    (
      ['--dry_run', '--topology=h900:8'],
      "'h900:8', expected h100:N or",
    ),
    (
      ['--dry_run', '--topology=h100:0'],
      "'h100:0', expected h100:N or",
    ),
    (['--dry_run', '--topology='], "topology is '', expected h100:N or"),
    (
      ['--dry_run', '--topology=v5e:100x100'],
      'expected v5e with one of 1x1, 2x2, 2x4, 4x4, 4x8, 8x8, 8x16, 16x16',
    ),
    ([], 'required: --workdir'),
  ],
)
def test_refusals_are_one_line(flags, words, capsys):
  try:
    assert train.main([*TINY, *flags]) == 1
  except SystemExit as stopped:
    assert stopped.code == 2
  (line,) = capsys.readouterr().err.splitlines()
  assert words in line


@pytest.mark.parametrize(
  ('topology', 'plugin', 'kind'),
  [
    ('h100:8', 'jax_plugins.xla_cuda13', '8 x NVIDIA H100 80GB HBM3, not here'),
    ('v5e:2x4', 'libtpu', '8 x TPU v5 lite, not here'),
  ],
)
def test_devices_that_are_not_here(topology, plugin, kind, tiny_data, capsys):
  parent = plugin.partition('.')[0]
  if not (
    importlib.util.find_spec(parent) and importlib.util.find_spec(plugin)
  ):
    pytest.skip("compiles for it: pip install '.[aot,aot-tpu]'")
  status, told, _ = found(
    capsys, f'--config.data.dir={tiny_data}', f'--topology={topology}'
  )
  assert status == 0
  assert told['devices'].startswith(kind)
  assert 'all-reduce' in told['collectives of a step']
  assert told['collectives of a step'].endswith('none of them in a loop')
