"""How a process ends that has others beside it.

At a usual end JAX waits for all processes of a job, for minutes; where one has
failed, and the others wait for its share of a step, all would.
"""

import contextlib
import ctypes
import functools
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import NamedTuple, NoReturn

import jax

# In which those that failed alike find each other at the end.
_GRACE_SECONDS = 5


class Ending(NamedTuple):
  """What a process says last.

  Attributes:
    status: to exit with.
    line: for those who read.
    alone: whether the others are known to be gone.
  """

  status: int
  line: str
  alone: bool = False


@contextlib.contextmanager
def beside_others(
  explain: Callable[[BaseException], Ending | None],
) -> Iterator[None]:
  """Ends the process where the block fails, if others are beside it.

  They may have failed alike, and then all end together; or else they meet
  its absence, and end for that. With no others, it raises what the block does.

  Args:
    explain: returns how to end for an error; None: with its traceback.
  """
  try:
    yield
  except (Exception, KeyboardInterrupt) as error:
    if jax.process_count() == 1:
      raise
    ending = explain(error) or Ending(1, traceback.format_exc())
    if ending.alone:
      _end(ending)
    _say(ending.line)
    silent = ending._replace(line='')
    at_signal(signal.SIGABRT, silent)
    _after(_GRACE_SECONDS, silent)
    jax.distributed.shutdown()  # when all are there
    _end(silent)


@contextlib.contextmanager
def unless_within(seconds: float, line: str) -> Iterator[None]:
  """Ends the process, with status 1, where the block takes longer."""
  timer = _after(seconds, Ending(1, line))
  try:
    yield
  finally:
    timer.cancel()


def at_signal(number: signal.Signals, ending: Ending | None) -> None:
  """Has the process end so where a signal comes; None: as it would.

  At once, whatever it is at. A handler of Python's waits until the main thread
  is back from C, as from waiting for other processes; after SIGABRT, by which
  JAX's service ends those whose neighbour is gone, there is no such time.
  """
  if ending:
    ctypes.CDLL(None).signal(number, _handler(ending))
  else:
    signal.signal(number, signal.getsignal(number))


@functools.cache  # so that it is still there when it is called
def _handler(ending: Ending):
  return ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda _: _end(ending))


def _after(seconds: float, ending: Ending) -> threading.Timer:
  timer = threading.Timer(seconds, _end, (ending,))
  timer.daemon = True
  timer.start()
  return timer


def _end(ending: Ending) -> NoReturn:
  """Ends the process at once, of whatever else runs in it."""
  _say(ending.line)
  sys.stdout.flush()
  os._exit(ending.status)


def _say(line: str) -> None:
  if line:
    print(line, file=sys.stderr, flush=True)
