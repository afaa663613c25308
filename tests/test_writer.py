"""What a run leaves, and what it says of its speed."""

import math
import pathlib

import pytest
import tqdm
from tensorboardX.proto.event_pb2 import Event

from experiments import clock, profiling, writer

H100 = 'NVIDIA H100 80GB HBM3'
# At 8 steps a second, two fifths of what two H100s could do.
WORK = writer.Work(256, 98_950_000_000_000, H100, 2)


def open_writer(workdir, step, work=WORK, timer=None):
  timer = timer or clock.Clock()
  return writer.Writer(workdir, step, 1_000, work, timer)


def test_writer_drops_what_comes_after_the_step_resumed_from(tmp_path):
  with open_writer(tmp_path, 0) as log:
    for step in (1, 2, 3):
      log.write(step, 'train', {'loss': step / 2})
    log.write(3, 'validation', {'f1': math.nan})
  path = tmp_path / writer.METRICS
  whole = path.read_text()
  assert whole.splitlines()[0] == '{"step": 1, "train/loss": 0.5}'
  assert whole.splitlines()[-1] == '{"step": 3, "validation/f1": null}'
  path.write_text(whole + '{"step": 4, "tra')  # cut short by a kill
  with open_writer(tmp_path, 3):
    pass
  assert path.read_text() == whole
  with open_writer(tmp_path, 2) as log:
    log.write(3, 'train', {'loss': 7.0})
  assert [line.get('train/loss') for line in writer.read(tmp_path)] == [
    0.5,
    1.0,
    7.0,
  ]
  assert sorted(p.name for p in pathlib.Path(tmp_path).iterdir()) == [
    writer.METRICS,
    'tensorboard',
  ]


@pytest.fixture
def passed(monkeypatch):
  """Seconds that pass only when told to: `passed.append(5)`."""
  passed = []
  monkeypatch.setattr(clock.time, 'monotonic', lambda: 100.0 + sum(passed))
  return passed


@pytest.fixture
def scalars(monkeypatch):
  """What goes to TensorBoard: {(name, step): value}."""
  found = {}

  def add(self, step, scalars):
    found.update({(name, step): value for name, value in scalars.items()})

  monkeypatch.setattr(writer.Board, 'add', add)
  return found


def test_no_room_is_an_error_that_names_the_file(tmp_path):
  with open_writer(tmp_path, 0) as log:
    log._lines.close()
    log._lines = open('/dev/full', 'ab', buffering=0)
    with pytest.raises(OSError, match='No space left .*metrics.jsonl'):
      log.write(1, 'train', {'loss': 1.0})


def test_tensorboard_reads_the_values(tmp_path):
  with open_writer(tmp_path, 0) as log:
    log.write(1, 'train', {'loss': 0.5})
  (path,) = (tmp_path / 'tensorboard').iterdir()
  assert 'tfevents' in path.name
  events = []
  data = path.read_bytes()
  while data:  # length, its checksum, the event, its checksum
    size = int.from_bytes(data[:8], 'little')
    events.append(Event.FromString(data[12 : 12 + size]))
    data = data[16 + size :]
  version, began, loss = events
  assert version.file_version == 'brain.Event:2'
  assert began.step == 1
  assert loss.step == 1
  (value,) = loss.summary.value
  assert (value.tag, value.simple_value) == ('train/loss', 0.5)


def test_lines_tell_the_speed_since_the_last_one(
  tmp_path, capsys, passed, scalars
):
  timer = clock.Clock()
  passed.append(3)  # until the writer is open
  with open_writer(tmp_path, 0, timer=timer) as log, timer.spending('steps'):
    with timer.spending('compile'):
      passed.append(60)
    passed.append(12.5)
    log.progress(100, 'loss 1.5')
    passed.append(25)
    log.progress(200, 'loss 1.4')
    with timer.spending('validation'):
      passed.append(1000)
    passed.append(6.25)
    with timer.spending('profile'):
      passed.append(20)
    passed.append(6.25)
    log.progress(300, 'loss 1.3')
  assert capsys.readouterr().out.splitlines() == [
    'step 100/1000  loss 1.5  8 steps/s  2,048 phrases/s  792 TFLOP/s  '
    'MFU 40.0%  2 min left',
    'step 200/1000  loss 1.4  4 steps/s  1,024 phrases/s  396 TFLOP/s  '
    'MFU 20.0%  3 min left',
    'step 300/1000  loss 1.3  8 steps/s  2,048 phrases/s  792 TFLOP/s  '
    'MFU 40.0%  1 min left',
  ]
  assert scalars['speed/steps_per_second', 200] == 4
  assert scalars['speed/phrases_per_second', 200] == 1024
  assert scalars['speed/tflops_per_second', 200] == 395.8
  assert scalars['speed/mfu', 200] == 0.2
  assert not (tmp_path / writer.METRICS).read_text()
  assert timer.seconds() == {
    'start': 3,
    'compile': 60,
    'steps': 50,
    'validation': 1000,
    'profile': 20,
  }
  assert timer.describe() == (
    '1,133 s: validation 88.3%, compile 5.3%, steps 4.4%, profile 1.8%, '
    'start 0.3%'
  )


class Slow:
  """An array that is there 5 seconds after it is waited for."""

  def __init__(self, passed):
    self._passed = passed

  def block_until_ready(self):
    self._passed.append(5)


def test_what_devices_still_do_is_time_of_what_was_done_before(
  tmp_path, passed, monkeypatch
):
  timer = clock.Clock()
  monkeypatch.setattr(
    profiling.jax.profiler, 'start_trace', lambda folder: passed.append(1)
  )
  monkeypatch.setattr(
    profiling.jax.profiler, 'stop_trace', lambda: passed.append(10)
  )
  wanted = profiling.steps('3:3')
  with profiling.Profiler(tmp_path, wanted, timer) as profiler:
    with timer.spending('steps'):
      for step in (2, 3, 4):
        profiler.before(step, step, Slow(passed))
        profiler.after(step, Slow(passed))
  # The state before step 3 and the results of step 3 were waited for.
  assert timer.seconds() == {'start': 0, 'steps': 10, 'profile': 11}


def test_utilisation_of_a_device_nobody_knows(
  tmp_path, capsys, passed, scalars
):
  timer, work = clock.Clock(), WORK._replace(device_kind='cpu')
  with open_writer(tmp_path, 0, work, timer) as log, timer.spending('steps'):
    passed.append(50)
    log.progress(20, 'loss 1.5')
  (line,) = capsys.readouterr().out.splitlines()
  assert (
    '  0.4 steps/s  102 phrases/s  39.6 TFLOP/s  MFU unknown for cpu  '
    in (line)
  )
  assert ('speed/tflops_per_second', 20) in scalars
  assert ('speed/mfu', 20) not in scalars


def test_a_terminal_is_shown_the_same(tmp_path, monkeypatch, passed, scalars):
  postfixes = []
  monkeypatch.setattr(writer.sys.stderr, 'isatty', lambda: True, raising=False)
  monkeypatch.setattr(
    tqdm.tqdm,
    'set_postfix_str',
    lambda self, text, refresh: postfixes.append(text),
  )
  timer = clock.Clock()
  with open_writer(tmp_path, 0, timer=timer) as log, timer.spending('steps'):
    passed.append(12.5)
    log.progress(100, 'loss 1.5')
  (text,) = postfixes
  assert text.startswith('loss 1.5  8 steps/s  2,048 phrases/s  ')
  assert text.endswith('  MFU 40.0%')
