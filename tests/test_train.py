"""Training as a command: killed and resumed, refused, evaluated."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from experiments import (
  build,
  config_flag,
  evaluate,
  feeds,
  figures,
  preemption,
  resumed,
  train,
  writer,
)
from musae_jax import checkpoint, data

STEPS = 24
FLAGS = [
  '--config=quickstart',
  '--config.model.latent_dim=4',
  '--config.model.width=8',
  '--config.critic.width=8',
  '--config.critic.steps=2',
  '--config.train.batch_size=8',
  f'--config.train.num_steps={STEPS}',
  '--config.train.log_every=2',
  '--config.train.eval_every=6',
  '--config.train.eval_phrases=20',
  '--config.train.checkpoint_every=4',
  '--config.train.beta_interval=5',
]

LONGER = [f'--config.train.num_steps={STEPS + 2}']


@pytest.fixture(scope='module')
def start(tiny_data, tmp_path_factory):
  """Starts `experiments.train` in a process of its own, on one device."""
  environment = {
    **os.environ,
    'XLA_FLAGS': '',
    # Every run compiles the same programs.
    'JAX_COMPILATION_CACHE_DIR': str(tmp_path_factory.mktemp('cache')),
    'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
  }

  def start(workdir, *flags):
    command = [sys.executable, '-m', 'experiments.train', *FLAGS]
    command += [f'--config.data.dir={tiny_data}', f'--workdir={workdir}']
    return subprocess.Popen(
      [*command, *flags],
      env=environment,
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
    )

  return start


@pytest.fixture(scope='module')
def undisturbed(start, tmp_path_factory):
  """The folder of a run that nobody disturbed."""
  workdir = tmp_path_factory.mktemp('undisturbed')
  process = start(workdir)
  output, _ = process.communicate()
  assert process.returncode == 0, output
  return workdir


def arrays(workdir):
  """The last checkpoint's checksums of every array, and its step."""
  with checkpoint.Checkpoints(workdir) as checkpoints:
    run = checkpoints.about()
    return checkpoints.steps()[-1], run['checksums'], run['position']


def freeze_when(process, condition):
  """Stops a process with SIGSTOP while the condition holds."""
  while True:
    while not condition():
      assert process.poll() is None, process.communicate()[0]
      time.sleep(0.001)
    # It may have ceased to hold by now; a stopped process cannot change it.
    process.send_signal(signal.SIGSTOP)
    time.sleep(0.01)
    if condition():
      return
    process.send_signal(signal.SIGCONT)


def kill_when(process, condition):
  """Kills a process with SIGKILL while the condition holds."""
  freeze_when(process, condition)
  process.send_signal(signal.SIGKILL)
  process.communicate()
  assert process.returncode == -signal.SIGKILL
  assert condition()


def last_step(workdir):
  written = (workdir / writer.METRICS).exists()
  lines = writer.read(workdir) if written else []
  return max((line['step'] for line in lines), default=0)


def test_killed_and_resumed_run_equals_an_undisturbed_one(
  undisturbed, start, tmp_path
):
  folder = tmp_path / checkpoint.FOLDER

  def unfinished():
    return list(folder.glob('*tmp*')) if folder.exists() else []

  # Streaming too, so that Grain's position is put to the test.
  flags = ['--config.data.in_memory=false']
  # Anywhere, then in the middle of a save, twice. (The steps are such that
  # what the kill before left unfinished has been tidied up.)
  kill_when(start(tmp_path, *flags), lambda: last_step(tmp_path) >= 6)
  for step in (12, 18):
    kill_when(
      start(tmp_path, *flags),
      lambda step=step: unfinished() and last_step(tmp_path) >= step,
    )
  assert last_step(tmp_path) < STEPS
  process = start(tmp_path, *flags)
  output, _ = process.communicate()
  assert process.returncode == 0, output
  assert f'step 0 of {STEPS}' not in output  # it did go on
  assert not unfinished()
  assert arrays(tmp_path) == arrays(undisturbed)
  mine, theirs = (
    checkpoint.load(workdir).params for workdir in (tmp_path, undisturbed)
  )
  jax.tree.map(np.testing.assert_array_equal, mine, theirs)
  assert (tmp_path / writer.METRICS).read_bytes() == (
    undisturbed / writer.METRICS
  ).read_bytes()


def test_sigterm_stops_after_a_step_and_nothing_is_lost(
  undisturbed, start, tmp_path
):
  # No line of training metrics, and no other checkpoint, before the end.
  rarely = [
    f'--config.train.log_every={STEPS}',
    f'--config.train.checkpoint_every={STEPS}',
  ]
  process = start(tmp_path, *rarely)
  freeze_when(process, lambda: last_step(tmp_path) >= 6)
  process.send_signal(signal.SIGTERM)
  process.send_signal(signal.SIGCONT)
  output, _ = process.communicate()
  assert process.returncode == preemption.EXIT_STATUS == 75, output
  step, _, _ = arrays(tmp_path)
  assert 6 <= step < STEPS
  assert f'SIGTERM: saved step {step}; the same command goes on' in output
  process = start(tmp_path, *rarely)
  output, _ = process.communicate()
  assert process.returncode == 0, output
  assert f'step {step} of {STEPS}' in output
  assert arrays(tmp_path) == arrays(undisturbed)
  mine, theirs = (
    [
      [line for line in writer.read(workdir) if key in line]
      for key in ('train/loss', 'validation/accuracy/drums')
    ]
    for workdir in (tmp_path, undisturbed)
  )
  assert mine[1] == theirs[1]
  # The one line is of all steps, also of those before the signal.
  (line,) = mine[0]
  for name in line.keys() - {'step'}:
    expected = np.mean([other[name] for other in theirs[0]])
    assert line[name] == pytest.approx(expected, rel=1e-5)


def test_a_run_goes_on_with_its_data_on_the_device(
  undisturbed, start, tmp_path
):
  """Half from the host, half with two updates a call, and a step traced."""
  for flags in (
    ['--config.train.num_steps=12'],
    [
      '--config.data.on_device=true',
      '--config.data.in_memory=false',  # read once, to the device
      '--config.train.steps_per_dispatch=2',
      '--profile=15:15',
    ],
  ):
    process = start(tmp_path, *flags)
    output, _ = process.communicate()
    assert process.returncode == 0, output
  # Every line, though one dispatch makes all of its steps, one with the trace.
  lines = re.findall(r'^step .*', output, re.MULTILINE)
  assert len(lines) == 6
  assert all('steps/s' in line and 'MFU' in line for line in lines)
  # What the time went to comes last; the trace was taken in the second run.
  *_, last = output.splitlines()
  spent = set(re.findall(r'(\w+) [\d.]+%', last))
  common = {'start', 'compile', 'steps', 'validation', 'save'}
  assert spent == common | {'profile'}
  mine, theirs = writer.read(tmp_path), writer.read(undisturbed)
  assert len(mine) >= len(theirs)  # the first run's end was validated, too
  by_step = {(line['step'], 'train/loss' in line): line for line in mine}
  for line in theirs:
    found = by_step[line['step'], 'train/loss' in line]
    assert found == pytest.approx(line, rel=1e-3, abs=1e-5, nan_ok=True)
  (trace,) = (tmp_path / 'profile').rglob('*.xplane.pb')
  # The same command again, of a run that has only got longer.
  process = start(tmp_path, *flags[:-1], *LONGER, '--profile=15:15')
  output, _ = process.communicate()
  assert process.returncode == 0, output
  assert '--profile: step 24 is past these steps' in output
  assert list((tmp_path / 'profile').rglob('*.xplane.pb')) == [trace]


@pytest.mark.parametrize(
  ('flags', 'field'),
  [
    (['--config.train.steps_per_dispatch=2'], 'steps_per_dispatch is 2'),
    (
      ['--config.train.steps_per_dispatch=5'],
      'steps_per_dispatch is 5, expected a divisor of train.num_steps=24',
    ),
    (['--profile=24:25'], '--profile ends with step 25, expected at most'),
  ],
)
def test_what_no_run_can_do_is_refused(
  tiny_data, tmp_path, capsys, flags, field
):
  flags = [*FLAGS, f'--config.data.dir={tiny_data}', *flags]
  assert train.main([*flags, f'--workdir={tmp_path}'])
  assert field in capsys.readouterr().err


def test_run_leaves_its_metrics_and_checkpoints(undisturbed):
  lines = writer.read(undisturbed)
  trained = [line['step'] for line in lines if 'train/loss' in line]
  validated = [
    line['step'] for line in lines if 'validation/accuracy/drums' in line
  ]
  assert trained == list(range(2, STEPS + 1, 2))
  assert validated == list(range(6, STEPS + 1, 6))
  assert {line['train/beta'] for line in lines if 'train/beta' in line} > {0.0}
  (board,) = (undisturbed / 'tensorboard').iterdir()
  assert b'speed/tflops_per_second' in board.read_bytes()
  with checkpoint.Checkpoints(undisturbed) as checkpoints:
    assert checkpoints.steps() == [16, 20, 24]
  loaded = checkpoint.load(undisturbed)
  assert loaded.step == STEPS
  assert loaded.config['model']['width'] == 8
  assert loaded.dataset['genres'] == ['rock', 'pop', 'jazz']
  assert loaded.dataset['timesteps'] == 8


def run_main(capsys, *argv):
  """The exit status and what the command wrote to stderr."""
  status = train.main(list(argv))
  return status, capsys.readouterr().err


@pytest.mark.parametrize(
  ('flag', 'words'),
  [
    ('--config.model.width=10', ['config.model.width', '10', '8']),
    ('--config.critic.betas=0,0.9', ['config.critic.betas', '[0.0, 0.9]']),
    ('--no-resume', ['--no-resume', 'another --workdir']),
    ('--config.train.batch_size=0', ['config.train.batch_size', 'at least 1']),
    ('--config.train.batchsize=8', ['train.batchsize', 'train.batch_size']),
    (
      '--config.data.dir=nowhere',
      ['lakh_pianoroll/2bar', 'nowhere', 'python -m tfds_lakh.build'],
    ),
  ],
)
def test_refusals_are_one_line_and_change_nothing(
  undisturbed, tiny_data, capsys, flag, words
):
  def files():
    return {
      path: path.read_bytes()
      for path in undisturbed.rglob('*')
      if path.is_file()
    }

  before = files()
  status, error = run_main(
    capsys,
    *FLAGS,
    f'--config.data.dir={tiny_data}',
    f'--workdir={undisturbed}',
    flag,
  )
  assert status == 1
  assert len(error.splitlines()) == 1
  for word in words:
    assert word in error
  assert files() == before


def test_another_data_set_is_refused(
  undisturbed, tiny_data, capsys, monkeypatch
):
  describe = build.Splits.describe
  monkeypatch.setattr(
    build.Splits, 'describe', lambda self: {**describe(self), 'genres': ['ska']}
  )
  argv = [f'--config.data.dir={tiny_data}', f'--workdir={undisturbed}']
  status, error = run_main(capsys, *FLAGS, *argv)
  assert status == 1
  assert "dataset.genres is ['ska']" in error
  assert evaluate.main([f'--workdir={undisturbed}']) == 1
  assert "['ska']" in capsys.readouterr().err


def test_changed_phrases_are_refused(
  undisturbed, tiny_data, capsys, monkeypatch
):
  read = data._read

  def altered(source, *args):
    split = read(source, *args)
    return dataclasses.replace(split, crc32=split.crc32 ^ 1)

  monkeypatch.setattr(data, '_read', altered)
  argv = [f'--config.data.dir={tiny_data}', f'--workdir={undisturbed}']
  status, error = run_main(capsys, *FLAGS, *argv)
  assert status == 1
  assert 'dataset.train_crc32 is' in error
  assert evaluate.main([f'--workdir={undisturbed}']) == 1
  assert 'train_crc32' in capsys.readouterr().err


def test_run_that_is_done_does_nothing(undisturbed, tiny_data, capsys):
  argv = [f'--config.data.dir={tiny_data}', f'--workdir={undisturbed}']
  for steps in (10, STEPS):
    flag = f'--config.train.num_steps={steps}'
    assert train.main([*FLAGS, *argv, flag]) == 0
    out = capsys.readouterr().out
    assert f'already at step {STEPS} of {steps}: nothing to do' in out
    assert 'compiles' not in out


def test_checkpoints_that_are_a_file_are_refused(tiny_data, tmp_path, capsys):
  (tmp_path / checkpoint.FOLDER).write_text('')
  argv = [f'--config.data.dir={tiny_data}', f'--workdir={tmp_path}']
  status, error = run_main(capsys, *FLAGS, *argv)
  assert status == 1
  assert len(error.splitlines()) == 1
  assert 'is a file' in error


@pytest.mark.parametrize('command', [train, evaluate, figures])
@pytest.mark.parametrize(
  ('workdir', 'word'), [('', 'empty'), ('gs://bucket/run', 'a URL')]
)
def test_a_workdir_that_is_no_path_is_refused(command, workdir, word, capsys):
  config = ['--config=quickstart'] if command is train else []
  with pytest.raises(SystemExit):
    command.main([*config, f'--workdir={workdir}'])
  (line,) = capsys.readouterr().err.splitlines()
  assert '--workdir' in line
  assert word in line


@pytest.mark.parametrize('command', [evaluate, figures])
def test_missing_data_and_wrong_config_are_one_line(
  undisturbed, capsys, monkeypatch, command
):
  assert command.main([f'--workdir={undisturbed}', '--data_dir=nowhere']) == 1
  (line,) = capsys.readouterr().err.splitlines()
  assert 'no data set' in line
  assert '--data_dir=DIR' in line
  load = checkpoint.load

  def other(workdir):
    loaded = load(workdir)
    loaded.config['prior']['kind'] = 'tulip'
    return loaded

  monkeypatch.setattr(checkpoint, 'load', other)
  assert command.main([f'--workdir={undisturbed}']) == 1
  (line,) = capsys.readouterr().err.splitlines()
  assert 'tulip' in line


def test_length_and_cadence_may_change():
  saved = config_flag.load('flower2').to_dict()
  config = config_flag.load('flower2')
  config.train.update(num_steps=7, log_every=1, checkpoint_every=3, keep=9)
  config.data.dir = 'elsewhere'
  as_json = json.loads(json.dumps(saved))  # where a tuple is a list
  resumed.check_same('config', as_json, config.to_dict(), 'runs/x')
  del as_json['train']['seed']
  with pytest.raises(resumed.RunError, match=r'train\.seed is 0, .* not set'):
    resumed.check_same('config', as_json, config.to_dict(), 'runs/x')


def test_one_process_a_folder(tmp_path):
  with train._alone(tmp_path):
    with pytest.raises(train.RunError, match='another process'):
      with train._alone(tmp_path):
        pass
  with train._alone(tmp_path):
    pass


class Fetched:
  """A metric that tells when the host fetches it."""

  def __init__(self, value, seen):
    self.value, self.seen = value, seen

  def block_until_ready(self):
    self.value.block_until_ready()
    return self

  def __array__(self, *args, **kwargs):
    self.seen()
    return np.asarray(self.value)


@pytest.mark.parametrize(
  ('on_device', 'guard'),
  [('false', 'disallow'), ('true', 'disallow_explicit')],
)
def test_the_loop_sends_a_batch_at_most_and_fetches_metrics_for_its_lines(
  tiny_data, tmp_path, monkeypatch, on_device, guard
):
  """On the device, within an epoch, not even a batch is sent."""
  made, updates, fetched_at = feeds.make, 0, []

  def watched(*args):
    feed = made(*args)
    update = feed.update

    def guarded(state):
      nonlocal updates
      with jax.transfer_guard(guard if updates else 'allow'):
        state, metrics = update(state)
      updates += 1
      seen = lambda: fetched_at.append(updates)  # noqa: E731
      return state, jax.tree.map(lambda x: Fetched(x, seen), metrics)

    feed.update = guarded
    return feed

  monkeypatch.setattr(feeds, 'make', watched)
  config = config_flag.ConfigParser().parse(
    [
      *FLAGS,
      f'--config.data.dir={tiny_data}',
      f'--config.data.on_device={on_device}',
      '--config.train.num_steps=8',  # an epoch has more
      '--config.train.log_every=4',
    ]
  )
  train.train(config.config, tmp_path)
  assert updates == 8
  assert sorted(set(fetched_at)) == [4, 8]


def test_state_that_is_not_finite_is_not_saved(tiny_data, tmp_path, capsys):
  # The loss of step 1 is finite, what its update leaves is not.
  status, error = run_main(
    capsys,
    *FLAGS,
    f'--config.data.dir={tiny_data}',
    f'--workdir={tmp_path}',
    '--config.train.num_steps=1',
    '--config.train.warmup_steps=0',
    '--config.train.learning_rate=3e38',
  )
  assert status == 1
  assert len(error.splitlines()) == 1
  assert 'parameter_norm became inf at step 1' in error
  assert 'there is none' in error
  with checkpoint.Checkpoints(tmp_path) as checkpoints:
    assert not checkpoints.steps()


def test_evaluate_writes_the_whole_validation_split(undisturbed, capsys):
  assert evaluate.main([f'--workdir={undisturbed}', '--batch_size=12']) == 0
  printed = capsys.readouterr().out
  text = (undisturbed / 'evaluation.md').read_text()
  report = json.loads((undisturbed / 'evaluation.json').read_text())
  assert text in printed
  assert report['step'] == STEPS
  size = report['dataset']['validation_phrases']
  assert f'All {size} phrases' in text
  for row in ('this model', 'always hold', 'most frequent token'):
    assert f'| accuracy | {row} |' in text
    assert 0 <= report['figures']['onset_f1'][row]['dbgs'] <= 1
  # The tiny drums never hold, and the tiny bass holds in 6 of 8 timesteps.
  always_hold = report['figures']['accuracy']['always hold']
  assert always_hold['drums'] == 0
  assert always_hold['bass'] == 0.75


@pytest.mark.parametrize(
  ('flag', 'word'),
  [('--workdir=nowhere', 'nowhere'), ('--batch_size=0', "--batch_size: '0'")],
)
def test_evaluate_refuses_in_one_line(undisturbed, capsys, flag, word):
  try:
    status = evaluate.main([f'--workdir={undisturbed}', flag])
  except SystemExit as error:
    status = error.code
  error = capsys.readouterr().err
  assert status
  assert len(error.splitlines()) == 1
  assert word in error
