"""Several processes on this machine, against one with as many devices."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from jax.experimental import multihost_utils
from test_checkpoint import array_file, flip_a_bit
from test_train import FLAGS, arrays, freeze_when, kill_when, last_step

from experiments import preemption, train, writer
from experiments.benchmarks.processes import free_address
from musae_jax import batches, checkpoint, data, parallel

STEPS, LONG, BATCH, SEED, CALLS = 8, 32, 8, 3, 30
# Where gradients are rounded otherwise than in one process.
TOLERANCE = {'rtol': 1e-4, 'atol': 1e-6}
RUN = [
  *FLAGS,
  '--config.train.log_every=4',
  '--config.train.eval_every=8',
  '--config.train.keep=10',
]

# Global batches from the host and from the devices, as every process sees
# them, and a block that fails in one process only.
WORKER = f"""
import sys
import jax
import numpy as np
from absl import flags
from musae_jax import batches, data, parallel, resident

def main(coordinator, num_processes, process_id, data_dir, out):
  parallel.start(coordinator, int(num_processes), int(process_id))
  # The devices of a process are no neighbours here, as they may be in a pod.
  devices = parallel.make_mesh().devices
  devices = np.concatenate([devices[::2], devices[1::2]])
  mesh = jax.sharding.Mesh(devices, ('data',))
  split = data.load('lakh_pianoroll/2bar', data_dir, 'train', 'false')
  share = parallel.share(mesh, {BATCH})
  host = batches.make(split, {BATCH}, {SEED}, share)
  held = resident.Resident(split, {BATCH}, {SEED}, 1, mesh)
  whole = parallel.replicated(mesh)
  gather = jax.jit(lambda x: x, out_shardings=whole)
  pick = jax.jit(
    lambda at, i: at['phrases'][at['order'][i - at['first']]],
    out_shardings=whole,
  )
  # One at a time: gloo deadlocks where two processes run two programs in
  # different orders.
  ready = jax.block_until_ready
  batch = lambda: parallel.shard_batch(next(host)['phrases'], mesh)
  # What numpy holds is taken to be the same in all processes.
  key = parallel.replicate(jax.random.key(7), mesh)
  try:
    with parallel.jointly():
      if parallel.is_first():
        raise ValueError('of the first')
  except Exception as error:
    failed = f'{{type(error).__name__}}: {{error}}'
  np.savez(
    out,
    share=share,
    host=[ready(gather(batch())) for _ in range({CALLS})],
    held=[ready(pick(held.at(i), np.int32(i))) for i in range({CALLS})],
    key=jax.random.key_data(key),
    failed=failed,
    agreed=[parallel.on_all(True), parallel.on_all(parallel.is_first())],
    said=parallel.from_first('é' if parallel.is_first() else 'longer'),
    here=parallel.num_on_this_machine(),
    devices=mesh.size,
  )

if __name__ == '__main__':
  flags.FLAGS.mark_as_parsed()
  main(*sys.argv[1:])
"""


# Processes that do nothing together, so that only JAX's service can notice.
IDLE = """
import signal, sys, time
from experiments import ending
from musae_jax import parallel

ending.at_signal(signal.SIGABRT, ending.Ending(75, 'the last line'))
parallel.start(sys.argv[1], 2, int(sys.argv[2]))
print('up', flush=True)
time.sleep(100)
"""


@pytest.fixture(scope='module')
def environment(tmp_path_factory):
  return {
    **os.environ,
    'XLA_FLAGS': '',
    'JAX_CPU_COLLECTIVES_IMPLEMENTATION': 'gloo',
    'JAX_COMPILATION_CACHE_DIR': str(tmp_path_factory.mktemp('cache')),
    'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
  }


@pytest.fixture(scope='module')
def start(tiny_data, environment):
  """Starts the processes of a training run of four devices together."""

  def start(
    workdir, num_processes, *flags, slurm=False, odd_one=None, odd_flags=()
  ):
    """The last process may be odd.

    It has an environment of its own, and starts 5 s early, or has more flags.
    """
    # SIGINT, which a shell has its background processes ignore, is not.
    command = ['env', '--default-signal=INT', sys.executable]
    command += ['-m', 'experiments.train', *RUN, *flags]
    command += [f'--config.data.dir={tiny_data}', f'--workdir={workdir}']
    address = free_address()
    found = []
    for i in reversed(range(num_processes)):
      together, told = {}, []
      if odd_one:
        if i == num_processes - 1:
          together |= odd_one
        else:
          time.sleep(5)
      if slurm:
        together |= {
          'SLURM_JOB_ID': '1',
          'SLURM_STEP_NODELIST': 'localhost',
          'SLURM_NTASKS': str(num_processes),
          'SLURM_PROCID': str(i),
          'SLURM_LOCALID': str(i),
          'JAX_COORDINATOR_PORT': address.rpartition(':')[2],
        }
      elif num_processes > 1:
        told = [
          f'--coordinator={address}',
          f'--num_processes={num_processes}',
          f'--process_id={i}',
        ]
      devices = {'JAX_NUM_CPU_DEVICES': str(4 // num_processes)}
      found.append(
        subprocess.Popen(
          [*command, *told, *(odd_flags if i == num_processes - 1 else ())],
          env={**environment, **devices, **together},
          stdout=subprocess.PIPE,
          stderr=subprocess.STDOUT,
          text=True,
        )
      )
    return found[::-1]

  return start


def finish(processes, status=0):
  """What the processes wrote; each must exit with this status."""
  try:
    outputs = [process.communicate(timeout=200)[0] for process in processes]
  finally:  # where one waits for another in vain
    for process in processes:
      process.kill()
  statuses = [process.returncode for process in processes]
  assert statuses == [status] * len(processes), '\n'.join(outputs)
  return outputs


@pytest.fixture(scope='module')
def one(start, tmp_path_factory):
  """The folder of a run of one process."""
  workdir = tmp_path_factory.mktemp('one')
  finish(start(workdir, 1, f'--config.train.num_steps={STEPS}'))
  return workdir


@pytest.fixture(scope='module')
def two(start, tmp_path_factory):
  """The folder of a longer run of two processes."""
  workdir = tmp_path_factory.mktemp('two')
  first, second = finish(start(workdir, 2, f'--config.train.num_steps={LONG}'))
  assert f'step {LONG}/{LONG}' in first
  assert 'step' not in second
  return workdir


@pytest.fixture(scope='module')
def four(start, tmp_path_factory):
  """The folder of a run of four processes."""
  workdir = tmp_path_factory.mktemp('four')
  finish(start(workdir, 4, f'--config.train.num_steps={STEPS}'))
  return workdir


def assert_ended_for_the_other(process, output):
  """By itself, or as JAX's service aborts it, whoever notices first."""
  assert process.returncode == preemption.EXIT_STATUS, output
  *_, last = output.splitlines()
  assert last.startswith('error: ')
  assert 'another process of the job is gone' in last
  assert last.endswith('all go on from the last complete checkpoint')


def as_of(workdir, target, step):
  """A copy of a run's folder without the checkpoints after a step."""
  shutil.copytree(workdir, target, dirs_exist_ok=True)
  for folder in (target / checkpoint.FOLDER).iterdir():
    if folder.name.isdecimal() and int(folder.name) > step:
      shutil.rmtree(folder)
  return target


def assert_same(mine, theirs):
  """Parameters, position and metrics of two runs agree to rounding."""
  mine_loaded, theirs_loaded = map(checkpoint.load, (mine, theirs))
  assert mine_loaded.step == theirs_loaded.step
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, **TOLERANCE),
    mine_loaded.params,
    theirs_loaded.params,
  )
  assert arrays(mine)[2] == arrays(theirs)[2]  # so the next batch, too
  pairs = [
    [line for line in writer.read(run) if line['step'] <= mine_loaded.step]
    for run in (mine, theirs)
  ]
  assert len(pairs[0]) == len(pairs[1])
  for a, b in zip(*pairs):
    assert a == pytest.approx(b, rel=1e-3, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize('num_processes', [2, 4])
def test_every_process_sees_the_batches_of_one(
  num_processes, environment, tiny_data, tmp_path
):
  script = tmp_path / 'worker.py'
  script.write_text(WORKER)
  address = free_address()
  devices = {'JAX_NUM_CPU_DEVICES': str(8 // num_processes)}
  processes = [
    subprocess.Popen(
      [sys.executable, script, address, str(num_processes), str(i), tiny_data]
      + [tmp_path / f'{i}.npz'],
      env={**environment, **devices},
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
    )
    for i in range(num_processes)
  ]
  finish(processes)
  split = data.load('lakh_pianoroll/2bar', tiny_data, 'train')
  feed = batches.make(split, BATCH, SEED)
  expected = np.stack([next(feed)['phrases'] for _ in range(CALLS)])
  assert CALLS > len(split) // BATCH  # more than an epoch
  seen = [np.load(tmp_path / f'{i}.npz') for i in range(num_processes)]
  for i, found in enumerate(seen):
    assert found['devices'] == 8
    np.testing.assert_array_equal(found['host'], expected)
    np.testing.assert_array_equal(found['held'], expected)
    np.testing.assert_array_equal(
      found['key'], jax.random.key_data(jax.random.key(7))
    )
    assert list(found['agreed']) == [True, False]
    assert found['said'] == 'é'
    assert found['here'] == num_processes
    assert found['failed'] == (
      'ProcessError: another process failed; its own message says why'
      if i
      else 'ValueError: of the first'
    )
  shares = [list(found['share']) for found in seen]
  assert {len(share) for share in shares} == {BATCH // num_processes}
  assert sorted(sum(shares, [])) == list(range(BATCH))


def test_two_processes_equal_one(one, two, tmp_path):
  assert_same(as_of(two, tmp_path, STEPS), one)


def test_a_run_of_two_processes_goes_on_in_one(one, two, start, tmp_path):
  as_of(two, tmp_path, STEPS // 2)
  (output,) = finish(start(tmp_path, 1, f'--config.train.num_steps={STEPS}'))
  assert f'step {STEPS // 2} of {STEPS}, 4 x cpu' in output
  assert_same(tmp_path, one)


def test_four_processes_equal_one(one, four):
  assert_same(four, one)


def test_a_run_of_four_processes_goes_on_in_one(one, four, start, tmp_path):
  as_of(four, tmp_path, STEPS // 2)
  (output,) = finish(start(tmp_path, 1, f'--config.train.num_steps={STEPS}'))
  assert f'step {STEPS // 2} of {STEPS}, 4 x cpu' in output
  assert_same(tmp_path, one)


def test_a_run_of_one_process_goes_on_in_four(one, start, tmp_path):
  """As SLURM starts them, with the data on the devices, from the last but one.

  The last checkpoint is altered, so each of them has to pass it over.
  """
  shutil.copytree(one, tmp_path, dirs_exist_ok=True)
  flip_a_bit(array_file(tmp_path, STEPS))
  flags = [f'--config.train.num_steps={STEPS}', '--config.data.on_device=true']
  first, *others = finish(start(tmp_path, 4, *flags, slurm=True))
  assert f'step {STEPS // 2} of {STEPS}, 4 x cpu' in first
  assert not any(f'of {STEPS}' in output for output in others)
  assert (tmp_path / f'{checkpoint.FOLDER}.unreadable' / str(STEPS)).is_dir()
  assert_same(tmp_path, one)


def test_what_one_process_meets_ends_all(start, tmp_path):
  with train._alone(tmp_path):
    first, second = finish(start(tmp_path, 2), 1)
  assert f'error: {tmp_path}: another process trains in it' in first
  assert 'error: another process failed; its own message says why' in second
  assert 'Traceback' not in first + second


@pytest.mark.parametrize(
  ('flag', 'expected'),
  [
    ('--config.train.seed=7', 'config.train.seed is 7 in process 1, but 0 in'),
    ('--config.data.dir={other}', 'dataset.validation_crc32 is '),
    ('--no-resume', 'arguments.resume is False in process 1, but True in'),
  ],
)
def test_processes_that_are_told_otherwise_end_all(
  start, tiny_data, tmp_path, flag, expected
):
  other = tmp_path / 'other'
  shutil.copytree(tiny_data, other)
  for records in other.rglob('*validation.array_record*'):
    shutil.copy(next(other.rglob('*train.array_record*')), records)
  flag = flag.format(other=other)
  first, second = finish(start(tmp_path / 'run', 2, odd_flags=[flag]), 1)
  (line,) = [line for line in second.splitlines() if 'error: ' in line]
  assert expected in line
  assert 'expected the same in all' in line
  assert 'error: another process failed; its own message says why' in first


@pytest.mark.parametrize('victim', [0, 1])
def test_what_fails_in_one_process_ends_all_within_seconds(
  start, tmp_path, victim
):
  processes = start(tmp_path, 2, f'--config.train.num_steps={100 * LONG}')
  freeze_when(processes[0], lambda: last_step(tmp_path) >= 8)
  if victim == 0:
    shutil.rmtree(tmp_path)  # in which the first alone writes metrics
  else:
    processes[1].send_signal(signal.SIGINT)
  processes[0].send_signal(signal.SIGCONT)
  began = time.monotonic()
  outputs = [process.communicate(timeout=200)[0] for process in processes]
  assert time.monotonic() - began < 2 * parallel.HEARTBEAT_SECONDS
  assert processes[victim].returncode == (130 if victim else 1), outputs
  expected = 'interrupted' if victim else 'error: '
  assert expected in outputs[victim].splitlines()[-1]
  assert_ended_for_the_other(processes[1 - victim], outputs[1 - victim])


@pytest.mark.parametrize('seconds', [0.3, 3])
def test_one_is_killed_while_they_start(two, start, tmp_path, seconds):
  shutil.copytree(two, tmp_path, dirs_exist_ok=True)
  first, second = start(tmp_path, 2, f'--config.train.num_steps={100 * LONG}')
  while 'connected' not in second.stdout.readline():
    assert second.poll() is None
  time.sleep(seconds)
  second.kill()
  output, _ = first.communicate(timeout=2 * parallel.HEARTBEAT_SECONDS)
  assert_ended_for_the_other(first, output)
  assert 'cannot be read' not in output
  with checkpoint.Checkpoints(tmp_path) as checkpoints:
    assert checkpoints.steps()[-1] >= LONG


def test_where_jax_aborts_a_process_it_still_says_its_line(environment):
  address = free_address()
  first, second = [
    subprocess.Popen(
      [sys.executable, '-c', IDLE, address, str(i)],
      env=environment,
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
    )
    for i in range(2)
  ]
  while second.stdout.readline() != 'up\n':
    assert second.poll() is None
  first.kill()
  output, _ = second.communicate(timeout=parallel.HEARTBEAT_SECONDS)
  assert 'another task died' in output
  assert output.splitlines()[-1] == 'the last line'
  assert second.returncode == 75


def test_the_other_ends_when_one_is_silent(start, tmp_path):
  first, second = start(tmp_path, 2, f'--config.train.num_steps={100 * LONG}')
  freeze_when(second, lambda: last_step(tmp_path) >= 4)
  try:
    output, _ = first.communicate(timeout=2 * parallel.HEARTBEAT_SECONDS)
  finally:
    second.kill()
  assert_ended_for_the_other(first, output)


def test_a_workdir_that_is_not_shared_is_refused(start, tmp_path):
  flag = f'--workdir={tmp_path / "mine"}'
  first, second = finish(start(tmp_path / 'run', 2, odd_flags=[flag]), 1)
  (line,) = [line for line in second.splitlines() if 'error: ' in line]
  assert 'process 1 does not see here what process 0 writes' in line
  assert 'error: another process failed; its own message says why' in first
  assert [path.name for path in (tmp_path / 'run').iterdir()] == ['.lock']


def test_a_port_that_is_taken_is_refused(tmp_path, capsys):
  with socket.socket() as taken:
    taken.bind(('localhost', 0))
    taken.listen()
    port = taken.getsockname()[1]
    assert train.main(
      [
        '--config=quickstart',
        f'--workdir={tmp_path}',
        f'--coordinator=localhost:{port}',
        '--num_processes=2',
        '--process_id=0',
      ]
    )
  assert capsys.readouterr().err == (
    f'error: coordinator: port {port} of this machine: Address already in use\n'
  )


@pytest.mark.parametrize('process_id', [0, 1])
def test_a_process_that_waits_in_vain_ends(process_id, environment, tmp_path):
  """With what it says on the line, and not as JAX would, by an abort."""
  command = (
    'from experiments import train; from musae_jax import parallel; '
    'parallel.START_SECONDS = 3; raise SystemExit(train.main())'
  )
  process = subprocess.run(
    [
      *[sys.executable, '-c', command, '--config=quickstart'],
      *[f'--workdir={tmp_path}', f'--coordinator={free_address()}'],
      *['--num_processes=2', f'--process_id={process_id}'],
    ],
    env=environment,
    capture_output=True,
    text=True,
  )
  assert process.returncode == 1, process.stderr
  assert process.stderr.splitlines()[-1].startswith(
    'error: after 300 s not all processes of the job have come'
  )


@pytest.mark.parametrize(
  ('number', 'status', 'said'),
  [
    (signal.SIGTERM, preemption.EXIT_STATUS, 'SIGTERM: nothing to save yet; '),
    (signal.SIGINT, 130, 'interrupted; '),
  ],
)
def test_a_signal_ends_a_process_that_waits_for_others(
  number, status, said, environment, tmp_path
):
  address = free_address()
  host, _, port = address.rpartition(':')
  process = subprocess.Popen(
    [
      *['env', '--default-signal=INT', sys.executable],
      *['-m', 'experiments.train', '--config=quickstart'],
      *[f'--workdir={tmp_path}', f'--coordinator={address}'],
      *['--num_processes=2', '--process_id=0'],
    ],
    env=environment,
    stderr=subprocess.PIPE,
    text=True,
  )
  with socket.socket() as there:
    while there.connect_ex((host, int(port))):  # until it waits
      assert process.poll() is None
      time.sleep(0.1)
  process.send_signal(number)
  _, errors = process.communicate(timeout=10)
  assert process.returncode == status
  assert errors.splitlines()[-1] == f'{said}the same command goes on'


@pytest.mark.parametrize(
  ('variables', 'said'),
  [
    ({'SLURM_NTASKS': 'all'}, "SLURM_NTASKS is 'all', expected a number"),
    ({'SLURM_NTASKS': '2'}, 'SLURM: SLURM_JOB_ID is not set; expected what'),
    (
      {'SLURM_NTASKS': '2', 'SLURM_JOB_ID': 'x'},
      "SLURM_JOB_ID is 'x', expected a number",
    ),
    (
      {
        'SLURM_NTASKS': '2',
        'SLURM_JOB_ID': '1',
        'SLURM_PROCID': '2',
        'SLURM_LOCALID': '0',
      },
      'SLURM_PROCID is 2, expected less than SLURM_NTASKS=2',
    ),
  ],
)
def test_what_is_no_slurm_is_refused_in_one_line(
  variables, said, environment, tmp_path
):
  command = [sys.executable, '-m', 'experiments.train', '--config=quickstart']
  process = subprocess.run(
    [*command, f'--workdir={tmp_path}'],
    env={**environment, 'SLURM_STEP_NODELIST': 'localhost', **variables},
    capture_output=True,
    text=True,
  )
  assert process.returncode == 1
  assert 'Traceback' not in process.stderr
  assert said in process.stderr.splitlines()[-1]


def test_a_batch_is_of_all_devices_together(start, tmp_path):
  flag = '--config.train.batch_size=6'  # a multiple of each one's two
  for output in finish(start(tmp_path, 2, flag), 1):
    assert 'batch_size is 6, expected a multiple of the 4 devices' in output
    assert 'Traceback' not in output


def test_sigterm_to_one_of_two_stops_both_at_one_step(two, start, tmp_path):
  first, second = start(tmp_path, 2, f'--config.train.num_steps={LONG}')
  # The first makes no step, nor the second without it, while JAX's service
  # takes its second to notice.
  freeze_when(first, lambda: last_step(tmp_path) >= 4)
  second.send_signal(signal.SIGTERM)
  time.sleep(2)
  first.send_signal(signal.SIGCONT)
  output, _ = finish([first, second], preemption.EXIT_STATUS)
  step = arrays(tmp_path)[0]
  assert 4 < step < LONG
  assert f'SIGTERM: saved step {step}; the same command goes on' in output
  output, _ = finish(start(tmp_path, 2, f'--config.train.num_steps={LONG}'))
  assert f'step {step} of {LONG}' in output
  assert arrays(tmp_path) == arrays(two)
  assert (tmp_path / writer.METRICS).read_bytes() == (
    two / writer.METRICS
  ).read_bytes()


def test_sigterm_while_a_run_that_goes_on_compiles(two, start, tmp_path):
  """It stops after the first step that it makes, whichever that is."""
  shutil.copytree(two, tmp_path, dirs_exist_ok=True)
  processes = start(tmp_path, 2, f'--config.train.num_steps={100 * LONG}')
  while 'compiling' not in processes[0].stdout.readline():
    assert processes[0].poll() is None
  processes[1].send_signal(signal.SIGTERM)
  output, _ = finish(processes, preemption.EXIT_STATUS)
  step = arrays(tmp_path)[0]
  assert LONG < step < 2 * LONG
  assert f'SIGTERM: saved step {step}; the same command goes on' in output


@pytest.mark.parametrize('victim', [0, 1])
def test_the_others_end_when_one_is_killed_and_all_go_on(
  two, start, tmp_path, victim
):
  processes = start(tmp_path, 2, f'--config.train.num_steps={LONG}')
  kill_when(processes[victim], lambda: last_step(tmp_path) >= 8)
  other = processes[1 - victim]
  output, _ = other.communicate(timeout=2 * parallel.HEARTBEAT_SECONDS)
  assert_ended_for_the_other(other, output)
  finish(start(tmp_path, 2, f'--config.train.num_steps={LONG}'))
  assert arrays(tmp_path) == arrays(two)
  assert (tmp_path / writer.METRICS).read_bytes() == (
    two / writer.METRICS
  ).read_bytes()


def test_clocks_and_the_order_of_start_do_not_matter(one, start, tmp_path):
  """The second process is early, and a day ahead of the first."""
  ahead = tmp_path / 'ahead'
  ahead.mkdir()
  (ahead / 'sitecustomize.py').write_text(
    'import time\nnow = time.time\ntime.time = lambda: now() + 86_400\n'
  )
  workdir = tmp_path / 'run'
  odd_one = {'PYTHONPATH': str(ahead)}
  flags = f'--config.train.num_steps={STEPS}'
  finish(start(workdir, 2, flags, odd_one=odd_one))
  assert_same(workdir, one)


def test_the_step_agreed_on_may_be_inside_of_a_dispatch(monkeypatch):
  agreed = lambda step: step == 7  # noqa: E731
  monkeypatch.setattr(jax, 'process_count', lambda: 2)
  monkeypatch.setattr(multihost_utils, 'reached_preemption_sync_point', agreed)
  with preemption.Preemption() as preempted:
    assert not preempted.stops(4)
    assert preempted.stops(4)


@pytest.mark.parametrize(
  ('flags', 'expected'),
  [
    (['--num_processes=2'], 'expected all three, or none'),
    (
      ['--coordinator=here', '--num_processes=2', '--process_id=0'],
      "coordinator is 'here', expected HOST:PORT",
    ),
    (
      ['--coordinator=here:65536', '--num_processes=2', '--process_id=0'],
      'expected HOST:PORT, a port below 65536',
    ),
    (
      ['--coordinator=here:1', '--num_processes=2', '--process_id=2'],
      'process_id is 2, expected at least 0 and less than num_processes=2',
    ),
  ],
)
def test_what_is_no_job_is_refused_in_one_line(
  flags, expected, tmp_path, capsys
):
  assert train.main(['--config=quickstart', f'--workdir={tmp_path}', *flags])
  (line,) = capsys.readouterr().err.splitlines()
  assert expected in line
