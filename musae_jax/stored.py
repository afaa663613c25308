"""A split's phrases as one file on disk, mapped into memory.

A record is compressed and holds many phrases, of which a random batch wants
one; here a phrase lies where its row says. The file is written once, from the
records, and its name says of which: nobody need ask whether it still holds.
"""

import contextlib
import errno
import mmap
import os
import pathlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from musae_jax.alone import alone

# What says that a folder is not ours to write in.
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def phrases(
  folders: Sequence[pathlib.Path],
  name: str,
  shape: tuple[int, int, int],
  read: Callable[[], Iterable[np.ndarray]],
) -> np.memmap:
  """Returns phrases uint8[n, t, 4] on disk, written if no folder has them yet.

  Several processes may ask at once: one writes, the others wait for it.

  Args:
    folders: where the file may be; written into the first that may be written.
    name: of the file, a different one for different phrases.
    shape: of all phrases.
    read: returns them, in order, in arrays of several.

  Raises:
    OSError: no folder may be written, or has room.
  """
  for folder in folders:
    found = _open(folder / name, shape)
    if found is not None:
      return found
  for folder in folders:
    path = folder / name
    try:
      with alone(folder):
        found = _open(path, shape)  # by whom we waited for
        if found is None:
          _write(path, shape, read())
          found = _open(path, shape)
        return found
    except OSError as error:
      if error.errno not in _READ_ONLY or folder == folders[-1]:
        raise OSError(error.errno, error.strerror, str(path)) from error


def read_ahead(phrases: np.memmap, rows: np.ndarray) -> None:
  """Has the disk fetch the phrases at `rows`, all at once.

  Without, the first touch of each would wait for the disk, one after another,
  and fetch as much again around it as a reader in order would want.
  """
  size = phrases.strides[0]
  begin = phrases.offset + rows * size
  pages = begin // mmap.PAGESIZE * mmap.PAGESIZE
  with contextlib.suppress(OSError):  # of a file system that takes no advice
    for page, length in zip(pages.tolist(), (begin + size - pages).tolist()):
      phrases.base.madvise(mmap.MADV_WILLNEED, page, length)


def _open(path: pathlib.Path, shape: tuple[int, ...]) -> np.memmap | None:
  """Returns the phrases in a file; None if it does not hold so many."""
  try:
    found = np.load(path, mmap_mode='r')
  except (OSError, ValueError, EOFError):
    return None
  return found if (found.shape, found.dtype) == (shape, np.uint8) else None


def _write(
  path: pathlib.Path, shape: tuple[int, ...], blocks: Iterable[np.ndarray]
) -> None:
  """Writes a file aside and renames it, so that it is whole or not there."""
  # One name, so that what a kill leaves is written over, not added to.
  partial = path.with_name(f'.{path.name}.partial')
  header = {'descr': '|u1', 'fortran_order': False, 'shape': shape}
  try:
    with open(partial, 'wb') as file:
      np.lib.format.write_array_header_1_0(file, header)
      for block in blocks:
        file.write(block.tobytes())
      file.flush()
      os.fsync(file.fileno())
    partial.replace(path)
  finally:
    partial.unlink(missing_ok=True)
