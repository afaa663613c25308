"""The memory of a process on a CPU."""

import ctypes

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8


def keep_freed() -> bool:
  """Has the C library keep freed memory for the next who wants some.

  XLA's CPU backend allocates a step's temporary memory anew each time, and
  the kernel clears each page of what was given back: an eighth of the
  quickstart's step. To be called before threads start.

  Returns:
    Whether there was such a library to tell.
  """
  try:
    mallopt = ctypes.CDLL(None).mallopt
  except (AttributeError, OSError, TypeError):
    return False
  never = 2**31 - 1
  options = {_ARENA_MAX: 1, _MMAP_MAX: 0, _TRIM_THRESHOLD: never}
  return all(mallopt(option, value) for option, value in options.items())
