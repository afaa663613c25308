"""A study of variants: small ones, trained and measured for real."""

import json
import types

import pytest
from test_train import FLAGS

from experiments import study

RUN = [
  *FLAGS,
  *('--config.train.num_steps', '6'),  # as one may write it, too
  '--config.train.checkpoint_every=6',
]


def test_a_study_is_a_table_and_goes_on(tiny_bars, tmp_path, capsys):
  argv = ['ablations', *RUN, f'--config.data.dir={tiny_bars}']
  argv += [f'--workdir={tmp_path}', '--only=base,KL']
  assert study.main(argv) == 0
  assert 'base, seed 0' in capsys.readouterr().out
  found = json.loads((tmp_path / 'study.json').read_text())
  assert set(found) == {'base', 'KL'}
  for (runs,) in found.values():
    assert 0 <= runs['accuracy'] <= 1
    assert runs['sliced_wasserstein'] > 0
  log = (tmp_path / 'KL-seed0' / 'train.log').read_text()
  assert 'step 6/6' in log
  # Again: nothing is trained, the table is the same.
  text = (tmp_path / 'study.md').read_text()
  assert study.main(argv) == 0
  assert 'seed 0' not in capsys.readouterr().out
  assert (tmp_path / 'study.md').read_text() == text
  # What was measured otherwise is measured again, and not trained.
  result = tmp_path / 'base-seed0' / 'study.json'
  old = json.loads(result.read_text()) | {'accuracy': 9}
  del old['measure']
  result.write_text(json.dumps(old))
  trained = (tmp_path / 'base-seed0' / 'train.log').read_text()
  assert study.main(argv) == 0
  assert (tmp_path / 'study.md').read_text() == text
  assert (tmp_path / 'base-seed0' / 'train.log').read_text() == trained
  capsys.readouterr()
  # A variant more: the table keeps what was there. Asked otherwise: refused.
  assert study.main([*argv[:-1], '--only=no regulariser']) == 0
  found = json.loads((tmp_path / 'study.json').read_text())
  assert set(found) == {'base', 'KL', 'no regulariser'}
  assert study.main([*argv, '--config.train.num_steps=7']) == 1
  (line,) = capsys.readouterr().err.splitlines()
  assert 'base-seed0: was made with' in line and 'num_steps=7' in line
  # Another variant of another base would stand in one table with it.
  argv[-1] = '--only=joint phases'
  assert study.main([*argv, '--config.train.num_steps=7']) == 1
  assert 'expected another --workdir' in capsys.readouterr().err
  for damaged in ('{"accuracy": ', '[1]'):
    result.write_text(damaged)
    assert study.main(argv) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f'error: {result}: not as this command writes it')


def test_a_run_that_is_killed_is_one_line(tmp_path, capsys, monkeypatch):
  killed = types.SimpleNamespace(returncode=-9)
  monkeypatch.setattr(study.subprocess, 'run', lambda *a, **k: killed)
  argv = ['ablations', *RUN, '--only=base', f'--workdir={tmp_path}']
  assert study.main(argv) == 1
  (line,) = capsys.readouterr().err.splitlines()
  assert 'base-seed0: SIGKILL ended it' in line


def test_a_seed_beside_seeds_is_one_line(tmp_path, capsys):
  argv = ['ablations', *RUN, f'--workdir={tmp_path}', '--config.train.seed=7']
  with pytest.raises(SystemExit):
    study.main(argv)
  assert 'by --seeds' in capsys.readouterr().err


def test_a_table_has_means_and_half_the_range():
  run = dict.fromkeys(study._COLUMNS, 0.5)
  found = {'a': [run, {**run, 'accuracy': 0.7}], 'b': [{'ended': 'nan'}]}
  _, _, a, b = study.table(found).splitlines()
  assert a.startswith('| a | 2 | 0.6 ± 0.1 | 0.5 ± 0 |')
  assert b.startswith('| b | 0, 1 diverged | - |')


def test_a_run_that_cannot_be_made_is_one_line(tmp_path, capsys):
  argv = ['ablations', *RUN, '--config.data.dir=nowhere', '--only=base']
  assert study.main([*argv, f'--workdir={tmp_path}']) == 1
  (line,) = capsys.readouterr().err.splitlines()
  assert 'no data set' in line and 'base-seed0' in line


def test_an_unknown_variant_is_one_line(tmp_path, capsys):
  with pytest.raises(SystemExit):
    study.main(['ablations', *RUN, f'--workdir={tmp_path}', '--only=base,x'])
  (line,) = capsys.readouterr().err.splitlines()
  assert "'x' is none of base" in line
