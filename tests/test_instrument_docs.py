"""docs/instrument.md does what it says: its blocks run, its commands too."""

import functools
import os
import pathlib
import re
import shlex

import pytest
from test_commands import export
from test_editing import CONFIG, compose, save

from musae_jax import cli, midi
from musae_jax.commands import shared

TEXT = pathlib.Path(__file__).parents[1] / 'docs/instrument.md'
GENRES = ['rock', 'jazz', 'bossa nova', 'funk']


@pytest.fixture
def desk(tmp_path, monkeypatch):
  """A folder with an untrained model and songs, under the names of the text."""
  save(tmp_path / 'runs/quickstart', CONFIG, GENRES)
  export(tmp_path / 'runs/quickstart', tmp_path / 'quickstart.musae')
  (tmp_path / 'my/songs').mkdir(parents=True)
  for name, bars in (
    ('song', 15),
    ('other', 9),
    ('a', 16),
    ('b', 16),
    ('my/songs/c', 4),
  ):
    midi.write(tmp_path / f'{name}.mid', compose(bars))
  monkeypatch.chdir(tmp_path)
  return tmp_path


def test_the_blocks_run(desk, capsys):
  blocks = re.findall(r'```python\n(.*?)```', TEXT.read_text(), re.S)
  assert len(blocks) == 10
  names = {}
  for block in blocks:
    exec(compile(block, str(TEXT), 'exec'), names)
  said = capsys.readouterr().out
  assert '2 bars a phrase; rock, jazz, bossa nova, funk' in said
  assert 'no bass track; expected' in said
  written = re.findall(r"'([\w-]+\.mid)'", '\n'.join(blocks))
  for name in set(written) - {'song.mid', 'other.mid'}:
    assert midi.read(desk / name).num_bars
  assert len(list(desk.glob('take-*.mid'))) == 3
  assert len(list(desk.glob('jazz-*.mid'))) == 3
  assert len(list(desk.glob('step-*.mid'))) == 4
  assert {t.role for t in names['found'].tracks} >= {'bass'}


def test_the_commands_run(desk, capsys, monkeypatch):
  monkeypatch.setattr(shared, 'load', functools.cache(shared.load))
  commands = re.findall(r'^    musae (.*)$', TEXT.read_text(), re.M)
  assert {shlex.split(line)[0] for line in commands} == cli.COMMANDS.keys()
  for line in commands:
    assert cli.main(shlex.split(line)) == 0, line
  assert capsys.readouterr().out
  assert len(os.listdir(desk / 'way')) == 5
  assert len(os.listdir(desk / 'bossa')) == 8
