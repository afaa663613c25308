"""Files that are there whole, or as they were."""

import os
import pathlib
import threading


def write(path: str | os.PathLike, data: bytes | str) -> None:
  """Writes a file aside and renames it; text is UTF-8.

  Raises:
    OSError: it cannot be written; names the file.
  """
  path = pathlib.Path(path)
  aside = path.with_name(f'.{os.getpid()}-{threading.get_ident()}.tmp')
  try:
    aside.write_bytes(data.encode() if isinstance(data, str) else data)
    aside.replace(path)
  except OSError as error:  # a full disk names none, or the one aside
    raise OSError(error.errno, error.strerror, str(path)) from error
  finally:
    aside.unlink(missing_ok=True)
