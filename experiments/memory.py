"""The memory of a process that computes on a CPU."""

import ctypes
import mmap
import os

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8


def prepare() -> bool:
  """Has the C library keep freed memory, in one heap of huge pages.

  XLA's CPU backend allocates a step's temporary memory anew each time. What
  was given back to the system is cleared again page by page, and read through
  pages of 4 KiB, of which the processor finds few at once; docs/results.md
  says what that costs. The heap's size here is of addresses: no memory is
  taken before it is written.

  To be called before JAX starts threads, which may have begun heaps of their
  own. Harmless where the device is another one.

  Returns:
    Whether there was such a library, and huge pages, to ask for it.
  """
  try:
    libc = ctypes.CDLL(None)
    mallopt, malloc, free = libc.mallopt, libc.malloc, libc.free
    madvise, huge = libc.madvise, mmap.MADV_HUGEPAGE
  except (AttributeError, OSError, TypeError):
    return False
  options = {_ARENA_MAX: 1, _MMAP_MAX: 0, _TRIM_THRESHOLD: -1}
  kept = all(mallopt(option, value) for option, value in options.items())
  malloc.restype = ctypes.c_void_p
  malloc.argtypes, free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
  madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
  page = os.sysconf('SC_PAGE_SIZE')
  size = os.sysconf('SC_PHYS_PAGES') // 2 * page
  # The end of the heap grows by as much, and stays when this is freed.
  heap = malloc(size)
  if not heap:
    return False
  inside = -(-heap // page) * page
  advised = madvise(inside, size - (inside - heap) - page, huge)
  free(heap)
  return kept and advised == 0
