"""What was freed is there for the next; counted in pages, not timed."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from experiments import memory

# 40 MiB twice, more than a heap of a thread of its own holds; then 128 MiB that
# only the heap asks to be of huge pages (numpy would do that by itself).
SCRIPT = """
import ctypes, json, pathlib, re, resource, threading
import jax
import numpy as np
from experiments import memory

def faults():
  before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
  for _ in range(4):
    a, b = np.ones(5 * 2**20), np.ones(5 * 2**20)
  return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def in_a_thread():
  found = []
  thread = threading.Thread(target=lambda: found.append(faults()))
  thread.start()
  thread.join()
  return found[0]

plain = faults()
words = memory.prepare()
faults()
kept = {'here': faults(), 'in a thread': in_a_thread()}
ctypes.CDLL(None).malloc_trim(0)  # as protobuf does
text = b'x' * 2**27
smaps = pathlib.Path('/proc/self/smaps_rollup').read_text()
huge = int(re.search(r'AnonHugePages: +(\\d+)', smaps)[1])
x = jax.numpy.ones((2000, 2000))
in_turn = jax.jit(lambda x: x @ x @ x)(x).is_ready()
print(json.dumps([words, plain, kept, huge, in_turn]))
"""
HUGE = pathlib.Path('/sys/kernel/mm/transparent_hugepage/enabled')


def prepared(limit='unlimited', **environment):
  """What the script says in a process of its own, of so many KiB at most."""
  command = f'ulimit -v {limit} && exec "$0" "$@"'
  command = ['sh', '-c', command, sys.executable, '-c', SCRIPT]
  found = subprocess.run(
    command, capture_output=True, text=True, env={**os.environ, **environment}
  )
  assert not found.returncode, found.stderr
  return json.loads(found.stdout)


def test_freed_pages_are_used_again_and_are_huge():
  words, plain, kept, huge_kib, in_turn = prepared()
  assert in_turn
  if 'not glibc' in words:
    pytest.skip(words)
  assert kept['here'] < plain / 10
  assert kept['in a thread'] < plain / 10
  if HUGE.exists() and '[never]' not in HUGE.read_text():
    assert words == 'freed memory kept, in huge pages'
    assert huge_kib >= 2**16


def test_no_addresses_are_reserved_where_they_are_rationed():
  # As much as half of the memory and a little: what XLA needs would be gone.
  half = os.sysconf('SC_PHYS_PAGES') // 2 * os.sysconf('SC_PAGE_SIZE')
  words, plain, kept, _, _ = prepared(limit=half // 1024 + 2**20)
  if 'not glibc' in words:
    pytest.skip(words)
  assert words == 'freed memory kept'
  assert kept['here'] < plain / 10


def test_what_the_environment_says_of_memory_is_left_alone():
  words, plain, kept, _, in_turn = prepared(MALLOC_TRIM_THRESHOLD_='131072')
  assert in_turn
  assert words == 'memory as MALLOC_TRIM_THRESHOLD_ has it'
  assert kept['here'] > plain / 10


def test_no_such_library_is_no_error(monkeypatch):
  monkeypatch.setattr(memory.ctypes, 'CDLL', lambda name: object())
  monkeypatch.setattr(memory.jax.config, 'update', lambda *_: None)
  assert 'not glibc' in memory.prepare()


@pytest.mark.parametrize(
  ('file', 'text'),
  [('_HUGE_PAGES', 'always madvise [never]\n'), ('_OVERCOMMIT', '2\n')],
)
def test_no_huge_pages_where_the_system_has_none_or_counts_addresses(
  tmp_path, monkeypatch, file, text
):
  path = tmp_path / 'setting'
  path.write_text(text)
  monkeypatch.setattr(memory, file, path)
  # Had it tried, `None` would have no malloc.
  assert not memory._ask_for_huge_pages(None)
