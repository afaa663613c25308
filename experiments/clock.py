"""What the wall time of a run goes to."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator

import jax

STEPS, INPUT = 'steps', 'input'


class Clock:
  """Counts each second since it was made as spent on one thing.

  That is 'start' wherever nothing else is said. A thread of its own may ask for
  the seconds meanwhile.
  """

  def __init__(self):
    self._seconds = Counter()
    self._spent_on = 'start'
    self._since = time.monotonic()

  @contextlib.contextmanager
  def spending(self, on: str, after=()) -> Iterator[None]:
    """Counts what is done inside as spent on `on`.

    Args:
      on: STEPS, 'compile', 'validation', 'save' and the like.
      after: arrays that have to be there first. Devices work on while the host
        goes ahead: their time up to here is that of what was done before.
    """
    jax.block_until_ready(after)
    before = self._change(on)
    try:
      yield
    finally:
      self._change(before)

  def seconds(self) -> Counter[str]:
    """Seconds spent on each thing so far; 0 on what is not there."""
    found = self._seconds.copy()
    found[self._spent_on] += time.monotonic() - self._since
    return found

  @property
  def now(self) -> str:
    """What time is being spent on."""
    return self._spent_on

  def updating(self) -> float:
    """Seconds spent on steps, and on waiting for their input."""
    found = self.seconds()
    return found[STEPS] + found[INPUT]

  def recount(self, seconds: float, on: str) -> None:
    """Counts so much of what now is spent on one thing as spent on another."""
    self._seconds[self._spent_on] -= seconds
    self._seconds[on] += seconds

  def describe(self) -> str:
    """All seconds, and the share that each thing took; the largest first."""
    found = self.seconds()
    total = sum(found.values())
    shares = ', '.join(f'{on} {s / total:.1%}' for on, s in found.most_common())
    return f'{total:,.0f} s: {shares}'

  def _change(self, on: str) -> str:
    """Goes over to another thing; returns the one before."""
    now, before = time.monotonic(), self._spent_on
    self._seconds[before] += now - self._since
    self._spent_on, self._since = on, now
    return before
