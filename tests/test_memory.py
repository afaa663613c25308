"""What was freed is there for the next; counted in pages, not timed."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource
import numpy as np
from experiments import memory

def faults():
  before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
  for _ in range(8):
    np.ones(2**23)  # 64 MiB
  return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
if not memory.keep_freed():
  raise SystemExit(7)
faults()
print(before, faults())
"""


def test_freed_pages_are_used_again():
  result = subprocess.run(
    [sys.executable, '-c', SCRIPT], capture_output=True, text=True
  )
  if result.returncode == 7:
    pytest.skip('no glibc here')
  assert not result.returncode, result.stderr
  before, after = map(int, result.stdout.split())
  assert after < before / 10
