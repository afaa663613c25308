"""What others' errors say, in a line."""


def first_line(error: Exception) -> str:
  """The first line of an error's message; its kind where it has none."""
  return (str(error).splitlines() or [type(error).__name__])[0]
