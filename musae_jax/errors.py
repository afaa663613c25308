"""Errors: those that a user can mend, and what others' say, in a line."""


class UserError(ValueError):
  """What the user can mend; one line says what."""


def first_line(error: Exception) -> str:
  """The first line of an error's message; its kind where it has none."""
  return (str(error).splitlines() or [type(error).__name__])[0]
