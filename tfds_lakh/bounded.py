"""A process pool in which a job that hangs, crashes or swells costs itself.

MIDI files come from strangers and are parsed by native code: each job runs in
a child process with a memory limit, is killed at its time limit, and the pool
goes on.
"""

import collections
import concurrent.futures
import multiprocessing
import pathlib
import resource
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import pebble


class Limits(NamedTuple):
  """What one job may take: seconds of wall time, MiB of private memory."""

  seconds: float = 20
  mebibytes: int = 1024


DEFAULT_LIMITS = Limits()


class Failure(NamedTuple):
  """What stopped a job: a kind of fault, the same for all such jobs."""

  reason: str


def _limit_memory(mebibytes: int) -> None:
  """Limits this process to so much more memory than it has now.

  A spawned worker has imported the main module, which may be a large program.
  """
  statm = pathlib.Path('/proc/self/statm')  # elsewhere than on Linux: none
  pages = int(statm.read_text().split()[5]) if statm.exists() else 0
  limit = (mebibytes << 20) + pages * resource.getpagesize()
  _, most = resource.getrlimit(resource.RLIMIT_DATA)
  if most != resource.RLIM_INFINITY:
    limit = min(limit, most)
  resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


class BoundedPool:
  """Worker processes that run one job each, within limits.

  with BoundedPool(workers=2) as pool:
    for item, result in pool.map(function, items):
      ...
  """

  def __init__(self, workers: int, limits: Limits = DEFAULT_LIMITS):
    self._workers, self._limits = workers, limits
    self._pool = pebble.ProcessPool(
      max_workers=workers,
      # A fork would copy the parent's threads' locks; a spawn copies nothing.
      context=multiprocessing.get_context('spawn'),
      initializer=_limit_memory,
      initargs=[limits.mebibytes],
    )

  def __enter__(self):
    return self

  def __exit__(self, *error):
    self._pool.stop()
    self._pool.join()

  def map(self, function: Callable, items: Iterable) -> Iterator[tuple]:
    """Pairs of each item and function(item) or Failure, in the items' order.

    A few items are in flight at a time, so results do not pile up. What the
    function raises itself, but for MemoryError, is raised here.
    """
    pending = collections.deque()
    for item in items:
      job = self._pool.schedule(
        function, args=[item], timeout=self._limits.seconds
      )
      pending.append((item, job))
      if len(pending) >= 8 * self._workers:
        yield self._result(*pending.popleft())
    while pending:
      yield self._result(*pending.popleft())

  def _result(self, item, job):
    try:
      return item, job.result()
    except concurrent.futures.TimeoutError:
      return item, Failure(f'took more than {self._limits.seconds:g} s')
    except MemoryError:
      return item, Failure(f'took more than {self._limits.mebibytes} MiB')
    except pebble.ProcessExpired:
      return item, Failure('crashed the parser')
