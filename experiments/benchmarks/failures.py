"""What could not be measured, such as for want of memory: the rest goes on."""

import re
import sys
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

Name = TypeVar('Name', bound=Hashable)
_OUT_OF_MEMORY = re.compile(r'out of memory|RESOURCE_EXHAUSTED|\bOOM\b', re.I)


class Failed(RuntimeError):
  """What cannot be gone on without has failed."""


class Failures(dict[Any, Exception]):
  """Names of what failed, with its errors."""

  def outlive(
    self, functions: Mapping[Name, Callable], *args
  ) -> dict[Name, Any]:
    """Calls each function that has not failed before.

    Args:
      functions: by name.
      *args: of each.

    Returns:
      The results of those that do not fail now either.
    """
    results = {}
    for name, function in functions.items():
      if name not in self:
        try:
          results[name] = function(*args)
        except Exception as error:
          self[name] = error
    return results

  def check(self, name: Hashable) -> None:
    """Raises a `Failed` if this one is among them."""
    if name in self:
      raise Failed(f'{name}: {_reason(self[name])}')

  def reasons(self) -> dict[str, str]:
    """What happened, in a few words each."""
    return {str(name): _reason(error) for name, error in self.items()}

  def note(self) -> list[str]:
    """A paragraph below a table, or none."""
    found = [f'{name} ({why})' for name, why in self.reasons().items()]
    return [f'Failed: {", ".join(found)}.'] if found else []

  def report(self) -> int:
    """Prints a line each to stderr; returns the command's exit status."""
    for name, why in self.reasons().items():
      print(f'error: {name}: {why}', file=sys.stderr)
    return 1 if self else 0


def _reason(error: Exception) -> str:
  if isinstance(error, Failed):
    return str(error)
  if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error)):
    return 'out of memory'
  first, *_ = str(error).splitlines() or ['']
  return f'{type(error).__name__}: {first}'
