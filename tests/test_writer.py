"""What a run leaves, and what it says of its speed."""

import math
import pathlib

import pytest
import tensorboardX
import tqdm

from experiments import writer

H100 = 'NVIDIA H100 80GB HBM3'
# At 8 steps a second, two fifths of what two H100s could do.
WORK = writer.Work(256, 98_950_000_000_000, H100, 2)


def open_writer(workdir, step, work=WORK):
  return writer.Writer(workdir, step, 1_000, work)


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
def clock(monkeypatch):
  """Seconds that pass only when told to: `clock.append(5)`."""
  passed = []
  monkeypatch.setattr(writer.time, 'monotonic', lambda: 100.0 + sum(passed))
  return passed


@pytest.fixture
def scalars(monkeypatch):
  """What goes to TensorBoard: {(name, step): value}."""
  found = {}
  monkeypatch.setattr(
    tensorboardX.SummaryWriter,
    'add_scalar',
    lambda self, name, value, step: found.__setitem__((name, step), value),
  )
  return found


def test_lines_tell_the_speed_since_the_last_one(
  tmp_path, capsys, clock, scalars
):
  with open_writer(tmp_path, 0) as log:
    clock.append(60)  # the first update, which compiles
    log.restart(1)
    clock.append(12.375)
    log.progress(100, 'loss 1.5')
    clock.append(25)
    log.progress(200, 'loss 1.4')
    clock.append(1000)  # validation
    log.restart(200)
    clock.append(12.5)
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


def test_a_line_with_nothing_measured_has_no_speed(
  tmp_path, capsys, clock, scalars
):
  with open_writer(tmp_path, 4) as log:
    clock.append(60)
    log.restart(5)
    log.progress(5, 'loss 1.5')
  assert capsys.readouterr().out == 'step 5/1000  loss 1.5\n'
  assert not scalars


def test_utilisation_of_a_device_nobody_knows(tmp_path, capsys, clock, scalars):
  with open_writer(tmp_path, 0, WORK._replace(device_kind='cpu')) as log:
    clock.append(50)
    log.progress(20, 'loss 1.5')
  (line,) = capsys.readouterr().out.splitlines()
  assert (
    '  0.4 steps/s  102 phrases/s  39.6 TFLOP/s  MFU unknown for cpu  '
    in (line)
  )
  assert ('speed/tflops_per_second', 20) in scalars
  assert ('speed/mfu', 20) not in scalars


def test_a_terminal_is_shown_the_same(tmp_path, monkeypatch, clock, scalars):
  postfixes = []
  monkeypatch.setattr(writer.sys.stderr, 'isatty', lambda: True, raising=False)
  monkeypatch.setattr(
    tqdm.tqdm,
    'set_postfix_str',
    lambda self, text, refresh: postfixes.append(text),
  )
  with open_writer(tmp_path, 0) as log:
    clock.append(12.5)
    log.progress(100, 'loss 1.5')
  (text,) = postfixes
  assert text.startswith('loss 1.5  8 steps/s  2,048 phrases/s  ')
  assert text.endswith('  MFU 40.0%')
