"""Files that are there whole, or as they were."""

import os
import tempfile


def write(path: str | os.PathLike, data: bytes) -> None:
  """Writes a file aside and renames it."""
  folder = os.path.dirname(os.path.abspath(path))
  with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
    try:
      file.write(data)
      file.close()
      os.chmod(file.name, 0o644)
      os.replace(file.name, path)
    except BaseException:
      os.unlink(file.name)
      raise
