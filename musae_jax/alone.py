"""One process at a time in a folder."""

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Iterator


@contextlib.contextmanager
def alone(
  folder: str | os.PathLike, taken: Exception | None = None
) -> Iterator[None]:
  """Makes and holds a folder; waits where another process holds it.

  A file in it is locked, not the folder itself, which NFS does not lock. The
  lock goes with the process, however it ends.

  Args:
    folder: which.
    taken: what to raise instead of waiting.
  """
  folder = pathlib.Path(folder)
  folder.mkdir(parents=True, exist_ok=True)
  with open(folder / '.lock', 'w') as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if taken else 0))
    except BlockingIOError:
      raise taken from None
    yield
