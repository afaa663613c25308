"""A function in a process of its own."""

import multiprocessing
import os

import pytest

from experiments.benchmarks.elsewhere import Elsewhere


class Awkward(Exception):
  """Does not pickle: it is made from other things than its message."""

  def __init__(self, what, where):
    super().__init__(f'no {what} at {where}')


def make(name):
  """What lives there: a function that counts its calls, and may fail."""
  if not name:
    raise ValueError('no name')
  calls = 0

  def function(what):
    nonlocal calls
    calls += 1
    if what == 'raise':
      raise KeyError(name)
    if what == 'raise awkwardly':
      raise Awkward('luck', 'all')
    if what == 'end':
      os._exit(3)
    return os.getpid(), calls

  return f'{name} in {os.getpid()}', function


def test_it_is_called_there_and_its_errors_come_here():
  first, second = Elsewhere(make, 'a'), Elsewhere(make, 'b')
  pid, calls = first('count')
  assert pid != os.getpid()
  assert first.about == f'a in {pid}'
  assert second('count')[0] not in (pid, os.getpid())
  with pytest.raises(KeyError, match='a'):
    first('raise')
  with pytest.raises(RuntimeError, match='Awkward: no luck at all'):
    first('raise awkwardly')
  assert first('count') == (pid, calls + 3)  # it lives on
  with pytest.raises(ChildProcessError, match='ended with exit code 3'):
    first('end')


def test_a_process_that_died_meanwhile_is_told_of():
  idle = Elsewhere(make, 'idle')
  pid, _ = idle('count')
  (process,) = (p for p in multiprocessing.active_children() if p.pid == pid)
  process.kill()
  process.join()
  for _ in range(2):
    with pytest.raises(ChildProcessError, match='ended with exit code -9'):
      idle('count')


def test_what_cannot_be_made_says_why():
  with pytest.raises(ValueError, match='no name'):
    Elsewhere(make, '')
