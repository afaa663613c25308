"""SIGTERM, by which a scheduler tells that a job has to make room; Ctrl-C."""

import signal

import jax
from jax.experimental import multihost_utils

# EX_TEMPFAIL of sysexits.h: nothing is wrong, the same command goes on.
EXIT_STATUS = 75


class Preemption:
  """Knows whether SIGTERM came, and where all processes then stop.

  Use as a context manager, in the main thread.
  """

  def __enter__(self):
    self._came = self._interrupted = False
    self._steps = 0  # asked of since the start, which a resumed run's are not
    self._ctrl_c = signal.getsignal(signal.SIGINT)
    if self._ctrl_c is signal.default_int_handler:  # and not ignored
      signal.signal(signal.SIGINT, self._interrupt)
    # With several processes JAX listens, in each.
    if jax.process_count() == 1:
      self._before = signal.signal(signal.SIGTERM, self._take)
    return self

  def __exit__(self, *unused):
    signal.signal(signal.SIGINT, self._ctrl_c)
    if jax.process_count() == 1:
      signal.signal(signal.SIGTERM, self._before)

  def _take(self, *unused):
    self._came = True

  def _interrupt(self, *unused):
    # What it breaks into may be a callback, which drops what it raises.
    self._interrupted = True
    raise KeyboardInterrupt

  def stops(self, count: int) -> bool:
    """Whether the run is to stop after the steps of one dispatch.

    To be called for each, in order, and in all processes, which get the same
    answer though the signal may have come to one of them only. No device is
    waited for.

    Args:
      count: how many steps these are.

    Raises:
      KeyboardInterrupt: Ctrl-C came.
    """
    if self._interrupted:
      raise KeyboardInterrupt
    if jax.process_count() == 1:
      return self._came
    # The step agreed on may be any: the last that one of them was at, plus 1.
    # Before the first it is 1, so counting begins there wherever the run does.
    steps = range(self._steps + 1, self._steps + count + 1)
    self._steps += count
    return any(map(multihost_utils.reached_preemption_sync_point, steps))
