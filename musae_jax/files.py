"""Files that are there whole, or as they were."""

import os
import pathlib
import threading


def write(path: str | os.PathLike, data: bytes | str) -> None:
  """Writes a file aside and renames it; text is UTF-8."""
  path = pathlib.Path(path)
  aside = path.with_name(f'.{os.getpid()}-{threading.get_ident()}.tmp')
  try:
    aside.write_bytes(data.encode() if isinstance(data, str) else data)
    aside.replace(path)
  except BaseException:
    aside.unlink(missing_ok=True)
    raise
