"""The launch scripts, with stand-ins for the programs of a cluster."""

import os
import pathlib
import subprocess
import sys

import pytest
from test_multihost import RUN

from experiments import preemption
from experiments.benchmarks.processes import free_address
from musae_jax import checkpoint

LAUNCH = pathlib.Path(__file__).parents[1] / 'experiments' / 'launch'
# Writes down each of its arguments, and ends as it is told to.
RECORD = """#!/usr/bin/env bash
printf '%s\\n' "$(basename "$0")" "$@" >> "$RECORD"
exit ${STATUS:-0}
"""
# As srun: starts the tasks on this machine, and ends as the worst of them.
SRUN = """#!/usr/bin/env bash
shift  # its own flag
for i in 0 1; do
  SLURM_PROCID=$i SLURM_LOCALID=$i "$@" & tasks[$i]=$!
done
worst=0
for task in ${tasks[@]}; do
  wait $task; status=$?; ((status > worst)) && worst=$status
done
exit $worst
"""


@pytest.fixture
def launch(tmp_path):
  """Runs a script; what its programs were given is in `launch.given()`."""
  record = tmp_path / 'record'

  def launch(script, *args, srun=RECORD, **environment):
    for name, text in (
      ('srun', srun),
      ('scontrol', RECORD),
      ('gcloud', RECORD),
    ):
      program = tmp_path / name
      program.write_text(text)
      program.chmod(0o755)
    return subprocess.run(
      ['bash', LAUNCH / script, *args],
      capture_output=True,
      text=True,
      env={
        **os.environ,
        'PATH': f'{tmp_path}:{os.environ["PATH"]}',
        'RECORD': str(record),
        'SLURM_JOB_ID': '17',
        'PYTHON': sys.executable,
        **environment,
      },
    )

  launch.given = lambda: record.read_text().splitlines()
  return launch


@pytest.mark.parametrize(
  ('script', 'args'),
  [('slurm.sh', ['flower16']), ('tpu.sh', ['pod', 'zone', 'flower16'])],
)
def test_missing_arguments_are_one_line(launch, script, args):
  result = launch(script, *args)
  assert result.returncode == 2
  (line,) = result.stderr.splitlines()
  assert line.startswith('usage: ')


def test_slurm_starts_the_training_with_its_flags(launch):
  assert (
    launch('slurm.sh', 'flower16', '/a b/run', '--no-resume').returncode == 0
  )
  program, _, python, *command = launch.given()
  assert (program, python) == ('srun', sys.executable)
  assert command == [
    '-m',
    'experiments.train',
    '--config=flower16',
    '--workdir=/a b/run',
    '--no-resume',
  ]


@pytest.mark.parametrize(
  ('status', 'requeued'),
  [
    *((0, False), (1, False), (2, False), (130, False)),
    *((preemption.EXIT_STATUS, True), (134, True), (139, True), (143, True)),
  ],
)
def test_a_lost_job_is_requeued_and_a_wrong_one_is_not(
  launch, status, requeued
):
  # The stand-in for scontrol ends with that, too, which must not count.
  result = launch('slurm.sh', 'flower16', '/run', STATUS=str(status))
  assert result.returncode == status
  called = ' '.join(launch.given())
  assert called.endswith('scontrol requeue 17') == requeued


def test_a_job_that_comes_no_further_is_not_requeued_for_ever(launch, tmp_path):
  checkpoints = tmp_path / checkpoint.FOLDER
  (checkpoints / '100').mkdir(parents=True)
  again = {'STATUS': '75', 'SLURM_RESTART_COUNT': '3'}
  result = launch('slurm.sh', 'flower16', tmp_path, **again)
  assert result.returncode == 75
  assert 'no checkpoint since the last start' in result.stderr
  assert 'requeue' not in launch.given()
  # As one that saves, and is stopped then.
  saves = f'{RECORD}'.replace('exit', f'mkdir {checkpoints}/120; exit')
  launch('slurm.sh', 'flower16', tmp_path, srun=saves, **again)
  assert launch.given()[-2:] == ['requeue', '17']


def test_slurm_trains_on_this_machine(launch, tiny_data, tmp_path):
  workdir = tmp_path / 'run'
  flags = [flag for flag in RUN if flag != '--config=quickstart']
  result = launch(
    'slurm.sh',
    'quickstart',
    workdir,
    *flags,
    f'--config.data.dir={tiny_data}',
    '--config.train.num_steps=4',
    srun=SRUN,
    SLURM_STEP_NODELIST='localhost',
    SLURM_NTASKS='2',
    JAX_COORDINATOR_PORT=free_address().rpartition(':')[2],
    JAX_CPU_COLLECTIVES_IMPLEMENTATION='gloo',
    JAX_NUM_CPU_DEVICES='2',
    XLA_FLAGS='',
  )
  assert result.returncode == 0, result.stderr
  assert 'step 0 of 4, 4 x cpu' in result.stdout
  assert checkpoint.load(workdir).step == 4


def test_a_tpu_gets_the_command_quoted(launch):
  result = launch('tpu.sh', 'pod', 'here-1', 'flower16', '/a b/run', '--x=$y')
  assert result.returncode == 0
  assert launch.given() == [
    'gcloud',
    *['compute', 'tpus', 'tpu-vm', 'ssh', 'pod', '--zone=here-1'],
    '--worker=all',
    '--command=cd ~/musae && exec .venv/bin/python -m experiments.train '
    '--config=flower16 --workdir=/a\\ b/run --x=\\$y ',
  ]
