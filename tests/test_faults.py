"""What clusters do to a run: it says so, and loses nothing.

Kills, SIGTERM and spoilt checkpoints are in test_train.py, test_checkpoint.py
and, of several processes, in test_multihost.py.
"""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from test_train import FLAGS, arrays, freeze_when, last_step, start, undisturbed

from experiments import build, config_flag, loop, train, writer
from musae_jax import checkpoint, training

__all__ = ['start', 'undisturbed']  # fixtures
MORE = ['--config.train.num_steps=30']

# A disk of its own, which fills up, and is then made larger.
ON_A_SMALL_DISK = """
mount -t tmpfs -o size=1m none "$1" || exit 99
"${@:3}"; status=$?
ls "$1"/checkpoints
mount -o remount,size=100m "$1"
"${@:3}" && cp -r "$1"/. "$2" && exit $status
"""


def resume(process):
  process.send_signal(signal.SIGCONT)
  output, _ = process.communicate()
  return output


def test_a_full_disk_ends_a_run_which_then_goes_on(
  undisturbed, tiny_data, tmp_path
):
  disk, after = tmp_path / 'disk', tmp_path / 'after'
  disk.mkdir()
  command = [sys.executable, '-m', 'experiments.train', *FLAGS]
  command += [f'--config.data.dir={tiny_data}', f'--workdir={disk}']
  process = subprocess.run(
    ['unshare', '-rm', 'bash', '-c', ON_A_SMALL_DISK, '-', disk, after]
    + command,
    capture_output=True,
    text=True,
    env={**os.environ, 'XLA_FLAGS': ''},  # one device
  )
  if 'Operation not permitted' in process.stderr or process.returncode == 99:
    pytest.skip('no file systems may be mounted here')
  assert process.returncode == 1, process.stderr
  (line,) = process.stderr.splitlines()
  assert line.startswith('error: ')
  assert f'{disk}/' in line
  assert 'No space left on device' in line
  assert 'restored step ' in process.stdout
  assert arrays(after) == arrays(undisturbed)
  assert (after / writer.METRICS).read_bytes() == (
    undisturbed / writer.METRICS
  ).read_bytes()


def test_a_checkpoint_folder_that_is_gone_is_made_again(
  undisturbed, start, tmp_path
):
  process = start(tmp_path)
  freeze_when(process, lambda: last_step(tmp_path) >= 10)
  shutil.rmtree(tmp_path / checkpoint.FOLDER)
  output = resume(process)
  assert process.returncode in (0, 1), output
  if process.returncode:  # it went in the middle of a save
    assert output.splitlines()[-1].startswith('error: '), output
    assert 'cannot save step' in output
    process = start(tmp_path)
    output, _ = process.communicate()
    assert process.returncode == 0, output
  assert arrays(tmp_path) == arrays(undisturbed)


def test_a_workdir_that_is_gone_ends_the_run(start, tmp_path):
  workdir = tmp_path / 'run'
  process = start(workdir)
  freeze_when(process, lambda: last_step(workdir) >= 10)
  shutil.rmtree(workdir)
  output = resume(process)
  assert process.returncode == 1, output
  last = output.splitlines()[-1]
  assert last.startswith('error: ')
  assert 'removed while the run writes' in last or 'cannot save step' in last
  assert not (workdir / checkpoint.FOLDER / str(24)).exists()


def test_data_that_changes_meanwhile_is_not_trained_on(
  undisturbed, start, tiny_data, tmp_path
):
  """The run goes on with what it began with; the next start is refused."""
  mine, workdir = tmp_path / 'data', tmp_path / 'run'
  shutil.copytree(tiny_data, mine)
  flags = [f'--config.data.dir={mine}', '--config.data.in_memory=false']
  process = start(workdir, *flags)
  freeze_when(process, lambda: last_step(workdir) >= 6)
  # Built again, it is another folder under the old name.
  shutil.rmtree(mine)
  shutil.copytree(tiny_data, mine)
  for records in mine.rglob('*train.array_record*'):
    found = next(mine.rglob('*validation.array_record*'))
    shutil.copy(found, records)
  output = resume(process)
  assert process.returncode == 0, output
  assert arrays(workdir) == arrays(undisturbed)
  process = start(workdir, *flags, *MORE)
  output, _ = process.communicate()
  assert process.returncode == 1
  assert output.splitlines()[-1].startswith('error: ')
  assert 'dataset.' in output or 'cannot read' in output
  assert arrays(workdir) == arrays(undisturbed)


class Poisoned(training.Settings):
  """Of whose updates the seventh is not finite."""

  def beta(self, step):
    return jnp.where(step == 6, jnp.nan, super().beta(step))


def poisoned(tiny_data, monkeypatch, *flags):
  settings = build.settings

  def poison(config):
    return Poisoned(**dataclasses.asdict(settings(config)))

  monkeypatch.setattr(build, 'settings', poison)
  argv = [*FLAGS, f'--config.data.dir={tiny_data}', *flags]
  return config_flag.ConfigParser().parse(argv).config


def test_a_step_that_is_not_finite_is_named_and_not_saved(
  tiny_data, tmp_path, monkeypatch
):
  config = poisoned(tiny_data, monkeypatch)
  with pytest.raises(train.RunError) as error:
    train.train(config, tmp_path)
  (line,) = str(error.value).splitlines()
  assert ' became nan at step 7; it gets no checkpoint' in line
  assert 'that of step 4 stays' in line
  with checkpoint.Checkpoints(tmp_path) as checkpoints:
    assert checkpoints.steps() == [4]


def test_a_step_that_is_not_finite_is_skipped(
  tiny_data, tmp_path, monkeypatch, capsys
):
  config = poisoned(tiny_data, monkeypatch, '--config.train.on_nan=skip')
  config.train.num_steps = 12
  assert train.train(config, tmp_path) == 12
  skipped = {
    line['step']: line['train/skipped']
    for line in writer.read(tmp_path)
    if 'train/skipped' in line
  }
  assert skipped == {2: 0, 4: 0, 6: 0, 8: 0.5, 10: 0, 12: 0}
  assert '50.0% of steps skipped' in capsys.readouterr().out
  assert checkpoint.load(tmp_path).step == 12  # so it is finite


def test_the_best_and_some_stay(tiny_data, tmp_path):
  argv = [
    *FLAGS,
    f'--config.data.dir={tiny_data}',
    '--config.train.checkpoint_every=2',
    '--config.train.eval_every=2',
    '--config.train.keep=1',
    '--config.train.keep_every=10',
    '--config.train.keep_best=2',
  ]
  config = config_flag.ConfigParser().parse(argv).config
  # In two parts: the second knows of the scores of the first.
  for config.train.num_steps in (12, 24):
    train.train(config, tmp_path)
  scores = {
    line['step']: np.mean([line[f'validation/{x}'] for x in loop.ACCURACIES])
    for line in writer.read(tmp_path)
    if 'validation/accuracy/drums' in line
  }
  best = sorted(scores, key=lambda step: (scores[step], step))[-2:]
  with checkpoint.Checkpoints(tmp_path) as checkpoints:
    assert checkpoints.steps() == sorted({10, 20, 24, *best})
