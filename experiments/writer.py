"""A run's record: JSON lines, TensorBoard, and progress on the terminal.

`metrics.jsonl` holds nothing that depends on the machine's speed, so that a
run that was killed and resumed leaves the file of an undisturbed one.
"""

import json
import math
import os
import pathlib
import sys
import time

import tensorboardX
import tqdm

METRICS = 'metrics.jsonl'


class Writer:
  """Writes what a run measures from `step` on; later lines are dropped.

  Use as a context manager.
  """

  def __init__(self, workdir: str | os.PathLike, step: int, num_steps: int):
    self._first = step
    self._num_steps = num_steps
    workdir = pathlib.Path(workdir)
    _keep_until(workdir / METRICS, step)
    self._lines = open(workdir / METRICS, 'a', encoding='utf-8')
    self._board = tensorboardX.SummaryWriter(
      str(workdir / 'tensorboard'), purge_step=step + 1
    )
    self._bar = None
    if sys.stderr.isatty():
      self._bar = tqdm.tqdm(initial=step, total=num_steps, unit='step')
    self._start = time.monotonic()

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
    """
    line = {'step': step}
    for name, value in sorted(scalars.items()):
      line[f'{prefix}/{name}'] = value if math.isfinite(value) else None
      self._board.add_scalar(f'{prefix}/{name}', value, step)
    self._lines.write(json.dumps(line) + '\n')
    self._lines.flush()

  def progress(self, step: int, text: str) -> None:
    """Shows how far the run is, how fast, and `text`."""
    speed = (step - self._first) / (time.monotonic() - self._start)
    self._board.add_scalar('steps_per_second', speed, step)
    if self._bar:
      self._bar.set_postfix_str(text, refresh=False)
      self._bar.update(step - self._bar.n)
    else:
      left = (self._num_steps - step) / speed / 60
      print(
        f'step {step}/{self._num_steps}  {text}  {speed:.3g} steps/s  '
        f'{left:.0f} min left',
        flush=True,
      )

  def say(self, text: str) -> None:
    """Prints a line without breaking the progress bar."""
    tqdm.tqdm.write(text)
    sys.stdout.flush()


def read(workdir: str | os.PathLike) -> list[dict[str, float | None]]:
  """Returns the lines of a run's `metrics.jsonl`, in order."""
  return _complete_lines(pathlib.Path(workdir) / METRICS)


def _keep_until(path: pathlib.Path, step: int) -> None:
  """Drops the lines after `step` of a log; the old one is replaced whole."""
  if not path.exists():
    return
  kept = [line for line in _complete_lines(path) if line['step'] <= step]
  aside = path.with_suffix('.tmp')
  aside.write_text(''.join(json.dumps(line) + '\n' for line in kept))
  aside.replace(path)


def _complete_lines(path: pathlib.Path) -> list[dict]:
  """Returns the lines of a log up to one cut short by a kill."""
  lines = []
  for text in path.read_text(encoding='utf-8').splitlines():
    try:
      lines.append(json.loads(text))
    except json.JSONDecodeError:
      break
  return lines
