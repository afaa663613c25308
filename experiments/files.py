"""Files that are there whole, or as they were."""

import pathlib


def write_text(path: pathlib.Path, text: str) -> None:
  """Writes a file aside and renames it."""
  aside = path.with_name(f'.{path.name}.tmp')
  aside.write_text(text, encoding='utf-8')
  aside.replace(path)
