"""Errors: those that a user can mend, and what others' say, in a line."""

import logging
import sys
import threading


class UserError(ValueError):
  """What the user can mend; one line says what."""


def first_line(error: Exception) -> str:
  """The first line of an error's message; its kind where it has none."""
  return (str(error).splitlines() or [type(error).__name__])[0]


def hush_threads() -> None:
  """Has only the main thread of this program report errors.

  What a thread of orbax raises, orbax raises there again, and there it becomes
  one line.
  """
  hook = sys.unraisablehook

  def report(unraisable):
    if threading.current_thread() is threading.main_thread():
      hook(unraisable)

  sys.unraisablehook = report
  logging.getLogger('asyncio').disabled = True  # whose loops are orbax's
  logging.getLogger('absl').addFilter(
    lambda record: not (record.exc_info and 'orbax' in record.pathname)
  )
