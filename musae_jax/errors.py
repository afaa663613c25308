"""Errors: those that a user can mend, and what others' say, in a line."""

import logging
import numbers
import sys
import threading


class UserError(ValueError):
  """What the user can mend; one line says what."""

  def __str__(self) -> str:
    """The line: what somebody has given may be shown in several."""
    return ' '.join(line.strip() for line in super().__str__().splitlines())


def number(name: str, value: float, least: float, most: float) -> float:
  """The number itself, as a float.

  Args:
    name: what it is, for the error's line.
    value: that somebody has given.
    least: that it may be.
    most: that it may be.

  Raises:
    UserError: it is none, or out of bounds.
  """
  if not isinstance(value, numbers.Real) or not least <= value <= most:
    raise UserError(
      f'{name} {value!r}, expected a number, {least:g} to {most:g}'
    )
  return float(value)


def whole(name: str, value: int, least: int, most: int = 2**63 - 1) -> int:
  """The same, of whole numbers."""
  if not isinstance(value, numbers.Integral) or not least <= value <= most:
    above = isinstance(value, numbers.Integral) and value > most
    bound = f'{most} or less' if above else f'{least} or more'
    raise UserError(f'{name} {value!r}, expected a whole number, {bound}')
  return int(value)


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
    if unraisable.exc_type is KeyboardInterrupt:
      return  # in a callback, which drops it: who asked is answered elsewhere
    if threading.current_thread() is threading.main_thread():
      hook(unraisable)

  sys.unraisablehook = report
  logging.getLogger('asyncio').disabled = True  # whose loops are orbax's
  logging.getLogger('absl').addFilter(
    lambda record: not (record.exc_info and 'orbax' in record.pathname)
  )
