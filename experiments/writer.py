"""A run's record: JSON lines, TensorBoard, and progress on the terminal.

`metrics.jsonl` holds nothing that depends on the machine's speed, so that a
run that was killed and resumed leaves the file of an undisturbed one.
"""

import contextlib
import errno
import json
import math
import os
import pathlib
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import tqdm
from tensorboardX import event_file_writer, summary
from tensorboardX.proto.event_pb2 import Event, SessionLog

from experiments.clock import Clock
from musae_jax import files, flops

METRICS = 'metrics.jsonl'


class Work(NamedTuple):
  """What an update is, for telling how fast it is made.

  Attributes:
    phrases: of a batch, on all devices together.
    flops: model FLOPs, as `flops.train_step` counts them.
    device_kind: as JAX has it.
    num_devices: how many share the work.
  """

  phrases: int
  flops: int
  device_kind: str
  num_devices: int

  def speeds(self, steps_per_second: float) -> dict[str, float]:
    """The same speed in several units; 'mfu' where the device is known."""
    flops_per_second = steps_per_second * self.flops
    speeds = {
      'steps_per_second': steps_per_second,
      'phrases_per_second': steps_per_second * self.phrases,
      'tflops_per_second': flops_per_second / 1e12,
    }
    mfu = flops.utilisation(
      flops_per_second, self.device_kind, self.num_devices
    )
    return speeds if mfu is None else {**speeds, 'mfu': mfu}

  def describe(self, steps_per_second: float) -> str:
    """The same as a piece of a line."""
    steps, phrases, tflops, *mfu = self.speeds(steps_per_second).values()
    return (
      f'{_short(steps)} steps/s  {_short(phrases)} phrases/s  '
      f'{_short(tflops)} TFLOP/s  MFU '
      + (f'{mfu[0]:.1%}' if mfu else f'unknown for {self.device_kind}')
    )


class Board:
  """A file of TensorBoard's in a folder, written before a call returns.

  tensorboardX's own `SummaryWriter` writes in a thread. Where that fails, for
  want of room, it ends, and the calls wait for it forever.

  Args:
    folder: made where it is not there.
    step: the last that counts of earlier files.
  """

  def __init__(self, folder: pathlib.Path, step: int):
    folder.mkdir(parents=True, exist_ok=True)
    self._folder = folder
    # Two of one second would have one name.
    suffix = f'.{os.getpid()}'
    with _at(folder):
      self._file = event_file_writer.EventsWriter(
        str(folder / 'events'), suffix
      )
      self._write(
        step=step + 1, session_log=SessionLog(status=SessionLog.START)
      )

  def add(self, step: int, scalars: dict[str, float]) -> None:
    """Adds values of a step, by name."""
    with _at(self._folder):
      for name, value in scalars.items():
        self._write(step=step, summary=summary.scalar(name, value))
      self._file.flush()

  def close(self) -> None:
    """Closes the file, which `add` has completed."""
    with contextlib.suppress(OSError):
      self._file.close()

  def _write(self, **fields):
    self._file.write_event(Event(wall_time=time.time(), **fields))


@contextlib.contextmanager
def _at(path: pathlib.Path) -> Iterator[None]:
  """Has an error of the system say what it was at."""
  try:
    yield
  except OSError as error:
    raise OSError(error.errno, error.strerror, str(path)) from error


class Writer:
  """Writes what a run measures from `step` on; later lines are dropped.

  Use as a context manager.

  Args:
    workdir: the run's folder.
    step: where the run goes on.
    num_steps: where it ends.
    work: what an update is.
    clock: which tells how long the updates took.
  """

  def __init__(
    self,
    workdir: str | os.PathLike,
    step: int,
    num_steps: int,
    work: Work,
    clock: Clock,
  ):
    self._num_steps = num_steps
    self._work = work
    self._clock = clock
    self._last = step, clock.updating()
    workdir = pathlib.Path(workdir)
    _keep_until(workdir / METRICS, step)
    self._path = workdir / METRICS
    self._lines = open(self._path, 'ab', buffering=0)
    self._board = Board(workdir / 'tensorboard', step)
    self._bar = None
    if sys.stderr.isatty():
      # Without tqdm's own speed, which has validation and the like in it.
      self._bar = tqdm.tqdm(
        initial=step,
        total=num_steps,
        bar_format='{l_bar}{bar}| {n_fmt}/{total_fmt} '
        '[{elapsed}<{remaining}{postfix}]',
      )

  def __enter__(self):
    return self

  def __exit__(self, *unused):
    self._lines.close()
    self._board.close()
    if self._bar:
      self._bar.close()

  def write(self, step: int, prefix: str, scalars: dict[str, float]) -> None:
    """Appends one line, {'step': step, 'prefix/name': value, ...}.

    A value that is not finite, such as a mean over nothing, is written null.

    Raises:
      OSError: there is no room, or the file was removed.
    """
    line = {'step': step}
    for name, value in sorted(scalars.items()):
      line[f'{prefix}/{name}'] = value if math.isfinite(value) else None
    left = memoryview(f'{json.dumps(line)}\n'.encode())
    with _at(self._path):
      if not os.fstat(self._lines.fileno()).st_nlink:
        raise OSError(errno.ENOENT, 'removed while the run writes to it')
      while left:
        left = left[self._lines.write(left) :]
    self._board.add(
      step, {f'{prefix}/{name}': value for name, value in scalars.items()}
    )

  def progress(self, step: int, text: str) -> None:
    """Shows how far the run is, `text`, and the speed since the last time.

    To be called after a later step each time, when its updates are done.
    """
    last, before = self._last
    seconds = self._clock.updating()
    self._last = step, seconds
    speed = (step - last) / (seconds - before)
    speeds = self._work.speeds(speed)
    self._board.add(step, {f'speed/{name}': x for name, x in speeds.items()})
    text += f'  {self._work.describe(speed)}'
    if self._bar:
      self._bar.set_postfix_str(text, refresh=False)
      self._bar.update(step - self._bar.n)
    else:
      left = (self._num_steps - step) / speed / 60
      print(
        f'step {step}/{self._num_steps}  {text}  {left:.0f} min left',
        flush=True,
      )

  def say(self, text: str) -> None:
    """Prints a line without breaking the progress bar."""
    tqdm.tqdm.write(text)
    sys.stdout.flush()


class Silent(Writer):
  """Writes nothing: for all processes but the first."""

  def __init__(self):
    pass

  def __exit__(self, *unused):
    pass

  def write(self, step: int, prefix: str, scalars: dict[str, float]) -> None:
    """Does nothing."""

  def progress(self, step: int, text: str) -> None:
    """Does nothing."""

  def say(self, text: str) -> None:
    """Does nothing."""


def _short(value: float) -> str:
  """Returns three digits, or all of a whole number."""
  return f'{value:,.0f}' if value >= 100 else f'{value:.3g}'


def read(workdir: str | os.PathLike) -> list[dict[str, float | None]]:
  """Returns the lines of a run's `metrics.jsonl`, in order."""
  return _complete_lines(pathlib.Path(workdir) / METRICS)


def _keep_until(path: pathlib.Path, step: int) -> None:
  """Drops the lines after `step` of a log; the old one is replaced whole."""
  if not path.exists():
    return
  kept = [line for line in _complete_lines(path) if line['step'] <= step]
  files.write(path, ''.join(json.dumps(line) + '\n' for line in kept))


def _complete_lines(path: pathlib.Path) -> list[dict]:
  """Returns the lines of a log up to one cut short by a kill."""
  lines = []
  for text in path.read_text(encoding='utf-8').splitlines():
    try:
      line = json.loads(text)
    except json.JSONDecodeError:
      break
    if not isinstance(line, dict):
      break
    lines.append(line)
  return lines
