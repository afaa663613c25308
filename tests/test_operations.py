"""What one watches: the heartbeat, the clock, and what is kept for later."""

import threading

import jax
import pytest

from experiments import clock
from experiments.heartbeat import Heartbeat
from musae_jax import cache


@pytest.fixture
def timer(monkeypatch):
  """A clock, and seconds that pass only when told to: `passed.append(5)`."""
  passed = []
  monkeypatch.setattr(clock.time, 'monotonic', lambda: 100.0 + sum(passed))
  return clock.Clock(), passed


def test_a_heart_beats_also_where_no_step_ends(timer):
  counter, passed = timer
  passed.append(1)
  lines, said = [], threading.Semaphore(0)

  def say(line):
    lines.append(line)
    said.release()

  with Heartbeat(say, counter, seconds=0.05) as beating:
    assert said.acquire(timeout=10)
    with counter.spending(clock.STEPS):
      beating.at(7)
      passed.append(3)
      while not any('step 7' in line for line in lines):
        assert said.acquire(timeout=10)
  assert lines[0].startswith('heartbeat: before the first step; now start; 1 s')
  assert lines[-1].startswith(
    'heartbeat: step 7 begun 3.0 s ago, none since; now steps; 4 s: '
  )
  beats = len(lines)
  assert not said.acquire(timeout=0.2) or len(lines) == beats


def test_waiting_for_input_is_no_step_but_slows_them(timer):
  counter, passed = timer
  with counter.spending(clock.STEPS):
    passed.append(10)
    counter.recount(4, clock.INPUT)
  assert counter.seconds() == {'start': 0, 'steps': 6, 'input': 4}
  assert counter.updating() == 10
  assert counter.describe() == '10 s: steps 60.0%, input 40.0%, start 0.0%'


@pytest.fixture
def no_cache(monkeypatch):
  before = jax.config.jax_compilation_cache_dir
  jax.config.update('jax_compilation_cache_dir', None)
  yield
  jax.config.update('jax_compilation_cache_dir', before)


def test_programs_are_kept_by_kind_of_processor(
  no_cache, tmp_path, monkeypatch
):
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  info = tmp_path / 'cpuinfo'
  monkeypatch.setattr(cache, '_CPU', info)
  folders = []
  for flags in ('sse avx', 'sse avx', 'sse'):
    # The cores' speeds differ all the time.
    info.write_text(f'cpu MHz : {len(folders)}\nflags : {flags}\n' * 2)
    jax.config.update('jax_compilation_cache_dir', None)
    cache.keep_programs()
    folders.append(jax.config.jax_compilation_cache_dir)
  assert folders[0] == folders[1] != folders[2]
  assert folders[0].startswith(str(tmp_path / 'musae_jax' / 'xla'))


def test_a_folder_that_is_given_stays(no_cache, tmp_path):
  jax.config.update('jax_compilation_cache_dir', str(tmp_path))
  cache.keep_programs()
  assert jax.config.jax_compilation_cache_dir == str(tmp_path)
