"""The machine that a process is on."""

import os
import pathlib

_CGROUPS = pathlib.Path('/sys/fs/cgroup')


def memory() -> int:
  """Returns the bytes that the processes here may have together.

  Of the machine's, what a container or a scheduler leaves them (memory.max of
  their control group, or of one around it).
  """
  left = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
  group = _CGROUPS / _group()
  for folder in (group, *group.parents):
    try:
      left = min(left, int((folder / 'memory.max').read_text()))
    except (OSError, ValueError):  # none is said here, or 'max'
      continue
  return left


def _group() -> str:
  """Returns this process's control group (v2), '' at the top."""
  try:
    lines = pathlib.Path('/proc/self/cgroup').read_text().splitlines()
  except OSError:  # another system's
    return ''
  paths = [line[4:] for line in lines if line.startswith('0::/')]
  return paths[0] if paths else ''
