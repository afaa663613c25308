"""The benchmark of the training step, at sizes that say nothing."""

import json

import pytest

from experiments import build, config_flag
from experiments.benchmarks import scaling
from musae_jax import flops

TINY = [
  '--config=quickstart',
  '--config.model.latent_dim=4',
  '--config.model.width=8',
  '--config.critic.width=8',
  '--config.critic.steps=1',
  '--config.train.batch_size=6',
]


def test_a_number_of_devices_is_a_process_of_its_own(monkeypatch, capsys):
  # The first flag compiles fast; the second is one to get the better of.
  monkeypatch.setenv(
    'XLA_FLAGS',
    '--xla_backend_optimization_level=0 '
    '--xla_force_host_platform_device_count=2',
  )
  sizes = ['--timesteps=', '--widths=', '--batches=', '--devices=3']
  flags = ['--rounds=3', '--updates=1', '--json']
  assert scaling.main([*TINY, *sizes, *flags]) == 0
  result = json.loads(capsys.readouterr().out)
  assert result['device'] == 'cpu'
  (row,) = result['rows']
  sizes = {'timesteps': 32, 'width': 8, 'batch': 6, 'devices': 3}
  assert row.items() >= {**sizes, 'sweep': 'devices'}.items()
  assert row['ratio'] == 1
  assert row['mfu'] is None
  assert row['temporary_bytes'] > 0
  low, high = row['quartiles']
  assert 0 < low <= row['seconds'] <= high
  assert row['phrases_per_second'] == pytest.approx(6 / row['seconds'])
  config = config_flag.ConfigParser().parse(TINY).config
  work = flops.train_step(build.model(config), build.settings(config), 32, 6)
  assert row['flops_per_second'] == pytest.approx(work.total / row['seconds'])
  *_, line, _, caption = scaling.table(result).splitlines()
  assert line.startswith('| devices | 32 | 8 | 6 | 3 | ')
  assert '3 rounds of 1 updates' in caption


class FakeStep:
  """Takes a second for each timestep, and the longer the later it is."""

  rounds = 0
  memory = 2**20

  def __init__(self, config, case):
    assert case.of(config)['model']['width'] == case.width
    self.timesteps = case.timesteps

  def seconds(self, updates):
    FakeStep.rounds += 1
    return self.timesteps + FakeStep.rounds


def test_rows_take_turns_and_are_compared_with_the_first(monkeypatch):
  monkeypatch.setattr(scaling, 'Step', FakeStep)
  config = config_flag.load('quickstart').to_dict()
  cases = [scaling.Case(timesteps, 8, 4) for timesteps in (10, 20)]
  (first, second), failures = scaling.measure(config, 'timesteps', cases, 3, 1)
  assert not failures
  # Rounds 1, 3, 5 and 2, 4, 6.
  assert (first['seconds'], first['quartiles']) == (13, [12, 14])
  assert (second['seconds'], second['quartiles']) == (24, [23, 25])
  assert (first['ratio'], second['ratio']) == (1, 24 / 13)
  assert first['phrases_per_second'] == 4 / 13


def test_a_case_that_fails_is_told_of_and_the_others_are_measured(
  monkeypatch, capsys
):
  class Narrow(FakeStep):
    def __init__(self, config, case):
      if case.timesteps == 64:
        raise RuntimeError('RESOURCE_EXHAUSTED: 9 GiB\nand more')
      super().__init__(config, case)

  monkeypatch.setattr(scaling, 'Step', Narrow)
  argv = ['--timesteps=64,32,16,16', '--widths=', '--batches=', '--devices=']
  assert scaling.main([*TINY, *argv, '--rounds=1']) == 1
  out, err = capsys.readouterr()
  rows = [line for line in out.splitlines() if line.startswith('| timesteps')]
  assert len(rows) == 2
  case = 'timesteps 64, width 8, batch 6, devices 1'
  assert err == f'error: {case}: out of memory\n'
  assert f'Failed: {case} (out of memory).' in out


def test_usual_numbers_of_devices_suit_processors_and_batch(monkeypatch):
  monkeypatch.setattr(scaling.os, 'sched_getaffinity', lambda _: range(24))
  config = config_flag.load('quickstart').to_dict()
  config['train']['batch_size'] = 12
  devices = scaling.sweeps(config, [], [], [], None)['devices']
  assert [case.devices for case in devices] == [1, 2, 4]


def test_sweeps_change_one_size_of_the_config():
  config = config_flag.load('flower16').to_dict()
  found = scaling.sweeps(config, [16, 32], None, [8], None)
  assert found['timesteps'] == [(16, 1024, 256, 1), (32, 1024, 256, 1)]
  assert found['width'] == [(256, w, 256, 1) for w in (256, 512, 1024)]
  assert found['batch'] == [(256, 1024, 8, 1)]
  assert found['devices'][0] == (256, 1024, 256, 1)


def test_parts_of_a_small_size_are_still_sizes():
  assert scaling._parts(1024, 2) == [256, 512, 1024]
  assert scaling._parts(6, 2) == [2, 6]
  assert scaling._parts(3, 1) == [1, 3]
  assert scaling._parts(1, 1) == [1]


@pytest.mark.parametrize(
  ('flag', 'words'),
  [
    ('--widths=7', 'config.model.width is 7'),
    ('--devices=4', 'a multiple of the 4 devices'),
    ('--config.model.wide=8', 'model.width'),
  ],
)
def test_refusals_are_one_line(flag, words, capsys):
  assert scaling.main([*TINY, flag]) == 1
  (line,) = capsys.readouterr().err.splitlines()
  assert words in line


def test_nothing_to_measure_is_one_line(capsys):
  with pytest.raises(SystemExit, match='2'):
    scaling.main(
      [*TINY, '--timesteps=', '--widths=', '--batches=', '--devices=']
    )
  (line,) = capsys.readouterr().err.splitlines()
  assert 'every sweep is empty' in line


@pytest.mark.parametrize('flag', ['--timesteps=0', '--batches=8,x'])
def test_wrong_sizes_are_one_line(flag, capsys):
  with pytest.raises(SystemExit):
    scaling.main([*TINY, flag])
  (line,) = capsys.readouterr().err.splitlines()
  assert 'not a positive whole number' in line
