"""What sharing a step costs: at sizes that say nothing, and on paper."""

import json

import pytest
from test_scaling import TINY

from experiments import build, config_flag
from experiments.benchmarks import processes
from musae_jax import flops


def test_an_all_reduce_by_hand():
  links = processes.Links('none', within=100.0, between=10.0, host=4)
  assert links.seconds(800, 1) == 0
  # Each of four sends 2 x 3/4 of it; then a quarter of it goes to and fro.
  assert links.seconds(800, 4) == pytest.approx(12)
  assert links.seconds(800, 8) == pytest.approx(12 + 20)


def test_the_batch_that_hides_it_is_the_smallest():
  config = config_flag.load('flower16').to_dict()
  rows = processes.on_paper(config)
  # As the compiled step has it: docs/tpu.md.
  for row in rows:
    assert row['bytes'] / 2**20 == pytest.approx(430.4, abs=0.1)
  model, settings = build.model(config), build.settings(config)
  for row in rows:
    kind = processes.CLUSTERS[row['cluster']].device_kind
    enough, too_few = (
      flops.train_step(model, settings, 256, row['batch_of_each'] - less).total
      / flops.PEAK[kind]
      for less in (0, 1)
    )
    assert too_few < row['seconds'] <= enough
    assert row['batch'] == row['devices'] * row['batch_of_each']


def test_processes_train_together_and_apart(capfd):
  flags = ['--processes=1,2', '--rounds=2', '--updates=1', '--json']
  assert processes.main([*TINY, *flags]) == 0
  result = json.loads(capfd.readouterr().out)
  one, two = result['rows']
  assert (one['processes'], one['ratio'], one['collectives']) == (1, 1, {})
  assert two['ratio'] == two['seconds'] / two['apart']
  calls, size = two['collectives']['all-reduce']
  assert calls >= 1
  # The gradients of encoder and decoder, and the metrics.
  assert size == pytest.approx(result['on_paper'][0]['bytes'], rel=0.01)
  table = processes.table(result).splitlines()
  assert table[2].startswith('| 1 | 6 | ')
  assert table[3].startswith('| 2 | 12 | ')
  assert '8 x H100' in '\n'.join(table)


def test_a_wrong_config_is_one_line(capsys):
  assert processes.main(['--config=flour']) == 1
  (line,) = capsys.readouterr().err.splitlines()
  assert 'expected one of' in line
