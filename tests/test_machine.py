"""What memory a process finds."""

import os

from musae_jax import machine


def test_a_container_has_what_it_was_given(tmp_path, monkeypatch):
  whole = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
  monkeypatch.setattr(machine, '_CGROUPS', tmp_path)
  assert machine.memory() == whole
  (tmp_path / 'memory.max').write_text('max\n')
  assert machine.memory() == whole
  (tmp_path / 'memory.max').write_text('4096\n')
  assert machine.memory() == 4096


def test_the_least_of_the_groups_around_a_process_counts(tmp_path, monkeypatch):
  monkeypatch.setattr(machine, '_CGROUPS', tmp_path)
  monkeypatch.setattr(machine, '_group', lambda: 'job/step')
  (tmp_path / 'job' / 'step').mkdir(parents=True)
  (tmp_path / 'job' / 'memory.max').write_text('4096')
  (tmp_path / 'job' / 'step' / 'memory.max').write_text('8192')
  assert machine.memory() == 4096
