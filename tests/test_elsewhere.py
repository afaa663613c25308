"""A function in a process of its own."""

import os

import pytest

from experiments.benchmarks.elsewhere import Elsewhere


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
  assert first('count') == (pid, calls + 2)  # it lives on
  with pytest.raises(ChildProcessError, match='ended with exit code 3'):
    first('end')


def test_what_cannot_be_made_says_why():
  with pytest.raises(ValueError, match='no name'):
    Elsewhere(make, '')
