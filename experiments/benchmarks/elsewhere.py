"""A function in a process of its own, called from here."""

import multiprocessing
import pickle
import signal
from collections.abc import Callable


class Elsewhere:
  """Calls a function that lives in a new process, and waits for its answer.

  The process ends when it is closed, or with this object. An exception there
  is raised here, as a RuntimeError that names it where it does not survive the
  way.

  Attributes:
    about: what was returned beside the function.

  Args:
    make: of a module; returns a pair, `about` and the function, in the new
      process. All that passes between the two must pickle.
    *args: of `make`.
  """

  def __init__(self, make: Callable, *args):
    context = multiprocessing.get_context('spawn')
    self._pipe, pipe = context.Pipe()
    self._process = context.Process(
      target=_serve, args=(pipe, make, args), daemon=True
    )
    self._process.start()
    pipe.close()
    try:
      self.about = self._answer()
    except Exception:
      self.close()
      raise

  def close(self) -> None:
    """Ends the process, and with it all that it holds."""
    self._pipe.close()
    self._process.join()

  def __call__(self, *args):
    """Returns what the function returns there.

    Raises:
      ChildProcessError: its process has ended.
    """
    return self._answer(args)

  def _answer(self, *calls):
    try:
      for args in calls:
        self._pipe.send(args)
      result, error = self._pipe.recv()
    except (EOFError, ConnectionError):
      self._process.join()
      raise ChildProcessError(
        f'a process ended with exit code {self._process.exitcode}, expected '
        'it to answer'
      ) from None
    if error:
      raise error
    return result


def _serve(pipe, make, args):
  """Answers who holds the pipe's other end, until nobody does."""
  # A terminal's Ctrl-C reaches all its processes; who asked ends this one.
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  try:
    about, function = make(*args)
  except Exception as error:
    pipe.send((None, _portable(error)))
    return
  pipe.send((about, None))
  while True:
    try:
      args = pipe.recv()
    except EOFError:
      return
    try:
      answer = function(*args), None
    except Exception as error:
      answer = None, _portable(error)
    pipe.send(answer)


def _portable(error):
  """Returns the exception, or what can be sent in its place."""
  try:
    pickle.loads(pickle.dumps(error))
  except Exception:
    return RuntimeError(f'{type(error).__name__}: {error}')
  return error
