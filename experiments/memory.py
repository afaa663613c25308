"""The memory of a process that computes on a CPU."""

import ctypes
import mmap
import os
import pathlib
import resource

import jax

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
_HUGE_PAGES = pathlib.Path('/sys/kernel/mm/transparent_hugepage/enabled')
_OVERCOMMIT = pathlib.Path('/proc/sys/vm/overcommit_memory')


def prepare() -> str:
  """Sets up memory for training: little of it, and that quickly at hand.

  To be called before JAX is used and starts threads. Harmless where the device
  is another one.

  Steps are made one at a time. JAX would begin as many as it is asked for, and
  have the temporary memory of each at once, without being faster for it.

  That memory XLA allocates anew for each step. The C library is asked to keep
  what is freed, in one heap of huge pages: what is given back to the system is
  cleared again page by page, and read through pages of 4 KiB, of which the
  processor finds few at once. docs/results.md says what either is worth. The
  heap's size here is of addresses: no memory is taken before it is written.
  Where the environment says how to allocate (MALLOC_..., GLIBC_TUNABLES), that
  is left alone.

  Returns:
    What was done, in a few words.
  """
  jax.config.update('jax_cpu_enable_async_dispatch', False)
  for name in os.environ:
    if name.startswith('MALLOC_') or name == 'GLIBC_TUNABLES':
      return f'memory as {name} has it'
  try:
    libc = ctypes.CDLL(None)
    mallopt = libc.mallopt
  except (AttributeError, OSError, TypeError):
    return "memory as the system's C library has it, which is not glibc"
  options = {_ARENA_MAX: 1, _MMAP_MAX: 0, _TRIM_THRESHOLD: -1}
  if not all(mallopt(option, value) for option, value in options.items()):
    return 'memory as glibc has it, which refused to keep what is freed'
  kept = 'freed memory kept'
  return f'{kept}, in huge pages' if _ask_for_huge_pages(libc) else kept


def _ask_for_huge_pages(libc: ctypes.CDLL) -> bool:
  """Has the heap grow to half of the machine's memory, and be of huge pages."""
  if _says(_HUGE_PAGES, '[never]') or _addresses_are_rationed():
    return False
  malloc, free, madvise = libc.malloc, libc.free, libc.madvise
  malloc.restype = ctypes.c_void_p
  malloc.argtypes, free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
  madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
  page = os.sysconf('SC_PAGE_SIZE')
  size = os.sysconf('SC_PHYS_PAGES') // 2 * page
  # It stays as large when this is freed: above it lies what is not, or
  # protobuf, which trims heaps, would give the end of it back.
  heap, above = malloc(size), malloc(2**25)
  if not (heap and above):
    free(heap)
    return False
  inside = -(-heap // page) * page
  advised = madvise(inside, size - (inside - heap) - page, mmap.MADV_HUGEPAGE)
  free(heap)
  return advised == 0


def _addresses_are_rationed() -> bool:
  """Whether the heap would leave XLA's threads, or other processes, none."""
  rations = resource.RLIMIT_AS, resource.RLIMIT_DATA
  unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
  limited = any(resource.getrlimit(ration) != unlimited for ration in rations)
  return limited or _says(_OVERCOMMIT, '2')  # all count as if written to


def _says(path: pathlib.Path, word: str) -> bool:
  try:
    return word in path.read_text().split()
  except OSError:  # another system's
    return False
