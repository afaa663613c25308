"""What was freed is there for the next; counted in pages, not timed."""

import pathlib
import subprocess
import sys

import pytest

SCRIPT = """
import pathlib
import re
import resource
import numpy as np
from experiments import memory

def faults():
  before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
  for _ in range(8):
    np.ones(2**23)  # 64 MiB
  return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
if not memory.prepare():
  raise SystemExit(7)
faults()
# numpy asks for huge pages itself; a string does not.
text = b'x' * 2**27
smaps = pathlib.Path('/proc/self/smaps_rollup').read_text()
print(before, faults(), re.search(r'AnonHugePages: +(\\d+)', smaps)[1])
"""
HUGE = pathlib.Path('/sys/kernel/mm/transparent_hugepage/enabled')


def test_freed_pages_are_used_again_and_are_huge():
  result = subprocess.run(
    [sys.executable, '-c', SCRIPT], capture_output=True, text=True
  )
  if result.returncode == 7:
    pytest.skip('no glibc, or no huge pages, here')
  assert not result.returncode, result.stderr
  before, after, huge_kib = map(int, result.stdout.split())
  assert after < before / 10
  if HUGE.exists() and '[never]' not in HUGE.read_text():
    assert huge_kib >= 2**16


def test_no_such_library_is_no_error(monkeypatch):
  from experiments import memory

  monkeypatch.setattr(memory.ctypes, 'CDLL', lambda name: object())
  assert memory.prepare() is False
