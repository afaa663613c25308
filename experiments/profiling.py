"""A trace of chosen steps, for TensorBoard's profiler or Perfetto."""

import argparse
import os
import pathlib

import jax

from experiments.clock import Clock


def steps(text: str) -> range:
  """Returns the steps of 'FIRST:LAST', both included; for argparse."""
  first, _, last = text.partition(':')
  if not (first.isdecimal() and last.isdecimal() and 1 <= int(first)):
    raise argparse.ArgumentTypeError(
      f'{text!r}, expected FIRST:LAST, FIRST at least 1'
    )
  if int(first) > int(last):
    raise argparse.ArgumentTypeError(f'{text!r}, expected FIRST <= LAST')
  return range(int(first), int(last) + 1)


class Profiler:
  """Traces the wanted steps into a run's folder.

  Use as a context manager; a trace that is under way at its end is written.

  Args:
    workdir: the run's folder.
    wanted: the steps; none where None.
    clock: of the run; to begin and to write a trace is not to train.
  """

  def __init__(
    self, workdir: str | os.PathLike, wanted: range | None, clock: Clock
  ):
    self._clock = clock
    self._folder = pathlib.Path(workdir) / 'profile'
    self._wanted = wanted
    self._tracing = False

  def __enter__(self):
    return self

  def __exit__(self, *unused):
    self._stop()

  def is_past(self, step: int) -> bool:
    """Whether all of the wanted steps come before the one after `step`."""
    return bool(self._wanted) and self._wanted[-1] <= step

  def before(self, first: int, last: int, state) -> None:
    """To be called before the steps `first` to `last` are made of `state`."""
    if not self._wanted or self._tracing:
      return
    if first <= self._wanted[-1] and last >= self._wanted[0]:
      # Else the steps before, under way still, would be in the trace.
      with self._clock.spending('profile', after=state):
        jax.profiler.start_trace(str(self._folder))
      self._tracing = True

  def after(self, last: int, results) -> None:
    """To be called with what the steps up to `last` return."""
    if self._tracing and last >= self._wanted[-1]:
      self._stop(results)
      self._wanted = None

  def _stop(self, results=()):
    if self._tracing:
      with self._clock.spending('profile', after=results):
        jax.profiler.stop_trace()
      self._tracing = False
