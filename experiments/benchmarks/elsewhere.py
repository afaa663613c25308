"""A function in a process of its own, called from here."""

import multiprocessing
from collections.abc import Callable


class Elsewhere:
  """Calls a function that lives in a new process, and waits for its answer.

  The process ends with this object. An exception there is raised here.

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
    self.about = self._answer()

  def __call__(self, *args):
    """Returns what the function returns there.

    Raises:
      ChildProcessError: its process has ended.
    """
    self._pipe.send(args)
    return self._answer()

  def _answer(self):
    try:
      result, error = self._pipe.recv()
    except EOFError:
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
  try:
    about, function = make(*args)
  except Exception as error:
    pipe.send((None, error))
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
      answer = None, error
    pipe.send(answer)
