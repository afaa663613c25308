"""The benchmark of the analysis, on next to no data."""

import re

from experiments.benchmarks import analysis


def test_every_part_is_timed(tiny_bars, capsys, monkeypatch):
  monkeypatch.setattr(analysis, '_CODES', 200)
  monkeypatch.setattr(analysis, '_DIMENSIONS', (4,))
  assert analysis.main([f'--data_dir={tiny_bars}']) == 0
  rows = capsys.readouterr().out.splitlines()[2:]
  assert len(rows) == 6
  assert re.match(r'\| all metrics of \d+ phrases of 2 bars \| ', rows[0])
  assert all(float(row.split('|')[2]) >= 0 for row in rows)


def test_no_data_is_one_line(tmp_path, capsys):
  assert analysis.main([f'--data_dir={tmp_path}']) == 1
  (line,) = capsys.readouterr().err.splitlines()
  assert 'no data set' in line
