"""A line now and then that says how far a run is, or that it stands still."""

import threading
import time
from collections.abc import Callable

from experiments.clock import Clock

_SECONDS = 60


class Heartbeat:
  """Says every minute which step was begun when, from a thread of its own.

  So it also tells of a run that hangs, which then makes no other line. Use as a
  context manager.

  Args:
    say: prints a line.
    clock: of the run.
    seconds: from one line to the next.
  """

  def __init__(
    self, say: Callable[[str], None], clock: Clock, seconds: float = _SECONDS
  ):
    self._say, self._clock, self._seconds = say, clock, seconds
    self._last = None, time.monotonic()
    self._ended = threading.Event()
    self._thread = threading.Thread(target=self._beat, daemon=True)

  def __enter__(self):
    self._thread.start()
    return self

  def __exit__(self, *unused):
    self._ended.set()
    self._thread.join()

  def at(self, step: int) -> None:
    """To be called when the steps up to this one have been begun."""
    self._last = step, time.monotonic()

  def _beat(self):
    while not self._ended.wait(self._seconds):
      step, since = self._last
      if step is None:
        at = 'before the first step'
      else:
        ago = time.monotonic() - since
        at = f'step {step} begun {ago:.1f} s ago'
        if ago > self._seconds:
          at += ', none since'
      self._say(
        f'heartbeat: {at}; now {self._clock.now}; {self._clock.describe()}'
      )
