"""Files that are there whole, or as they were."""

import contextlib
import errno
import os
import pathlib
import shutil
import threading


def write(path: str | os.PathLike, data: bytes | str) -> None:
  """Writes a file aside and renames it; text is UTF-8.

  Where `path` is a link, what it leads to is written. A file that was there
  hands its permissions down.

  Raises:
    OSError: it cannot be written, or is a device; names the file.
  """
  try:
    target = pathlib.Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
      raise OSError(errno.EEXIST, 'is no ordinary file')
  except OSError as error:
    raise OSError(error.errno, error.strerror, str(path)) from error
  except ValueError as error:  # a zero byte
    raise OSError(errno.EINVAL, str(error), str(path)) from error
  aside = target.with_name(f'.{os.getpid()}-{threading.get_ident()}.tmp')
  try:
    aside.write_bytes(data.encode() if isinstance(data, str) else data)
    if target.exists():
      shutil.copymode(target, aside)
    aside.replace(target)
  except OSError as error:  # a full disk names none, or the one aside
    raise OSError(error.errno, error.strerror, str(path)) from error
  finally:
    with contextlib.suppress(OSError):  # of a file system that is read-only
      aside.unlink()
