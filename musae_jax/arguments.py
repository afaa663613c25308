"""Arguments of the commands: a wrong one is met with one line."""

import argparse


class Parser(argparse.ArgumentParser):
  """An argparse parser without abbreviations, and with one-line errors."""

  def __init__(self, **kwargs):
    super().__init__(
      allow_abbrev=False,
      formatter_class=argparse.RawDescriptionHelpFormatter,
      **kwargs,
    )

  def error(self, message: str):
    """Exits with status 2 and one line, without argparse's usage text."""
    line = ' '.join(message.splitlines())
    self.exit(2, f'{self.prog}: error: {line}\n')


def path(text: str) -> str:
  """The path that a text says.

  Raises:
    ArgumentTypeError: it is empty, as where a shell variable was not set, or a
      URL, which would become a folder here.
  """
  if not text:
    raise argparse.ArgumentTypeError('is empty, expected a path')
  if '://' in text:
    raise argparse.ArgumentTypeError(
      f'{text!r} is a URL, expected a path, such as where a bucket is mounted'
    )
  return text


def positive(text: str) -> int:
  """The number that a text says.

  Raises:
    ArgumentTypeError: it says none above 0.
  """
  if not text.isdecimal() or not int(text):
    raise argparse.ArgumentTypeError(f'{text!r} is not a positive whole number')
  return int(text)
