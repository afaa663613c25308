"""The benchmark of the input, on next to no data."""

import json

import numpy as np
import pytest

from experiments.benchmarks import input_pipeline

FAST = ['--batch_size=8', '--step_ms=4', '--rounds=2', '--milliseconds=1']


def test_every_way_to_the_device_is_timed(tiny_data, capsys):
  flags = [*FAST, f'--data_dir={tiny_data}']
  assert not input_pipeline.main([*flags, '--json'])
  result = json.loads(capsys.readouterr().out)
  assert result['appetite'] == 2000
  assert len(result['rows']) == 7
  for row in result['rows']:
    low, high = row['quartiles']
    assert 0 < low <= row['phrases_per_s'] <= high
    assert row['appetites'] == row['phrases_per_s'] / 2000
    assert row['mb_per_s'] == pytest.approx(row['phrases_per_s'] * 32 / 1e6)
  table = input_pipeline.table(result)
  assert table.count('\n| ') == 7
  assert '8 x cpu; medians of 2 rounds' in table


def test_a_round_counts_what_its_calls_bring(monkeypatch):
  clock = iter(np.arange(0, 100, 0.25))
  monkeypatch.setattr(input_pipeline.time, 'perf_counter', lambda: next(clock))
  monkeypatch.setattr(input_pipeline, '_read_from_disk', lambda: 0)
  begun, called = [], []

  def begin():
    begun.append(len(called))
    return lambda: called.append(1)

  # The clock is read at the start, before each call and at the end: a round
  # of two calls takes .75 s, so two of them reach a second.
  case = input_pipeline.Case(begin, phrases=10, limit=2)
  rate, read = input_pipeline.timed(case, 1)
  assert begun == [0, 2]
  assert (rate, read) == (4 * 10 / 1.5, 0)


def test_errors_are_one_line(tiny_data, tmp_path, capsys):
  assert input_pipeline.main([f'--data_dir={tmp_path}']) == 1
  assert capsys.readouterr().err.count('\n') == 1
  assert input_pipeline.main([f'--data_dir={tiny_data}']) == 1
  assert 'batch_size=256' in capsys.readouterr().err
  with pytest.raises(SystemExit):
    input_pipeline.main([f'--data_dir={tiny_data}', '--batch_size=9'])
  assert 'multiple of the 8 devices' in capsys.readouterr().err
