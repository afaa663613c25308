"""The benchmark of editing: its scores by hand, and its table end to end."""

import types

import numpy as np
import pytest
from test_editing import random_params
from test_export import CONFIG

from experiments.benchmarks import editing
from musae_jax import assembly, attributes, checkpoint, directions


def test_notes_kept():
  before = np.full((1, 16, 4), 129, np.uint8)
  before[0, [0, 4, 8], 1] = 40, 41, 42
  after = before.copy()
  after[0, [4, 5], 1] = 129, 41
  assert editing.notes_kept(before, after) == pytest.approx(2 / 3)


def test_score_of_an_edit_that_does_half_of_what_it_is_asked():
  """Phrases are their codes: the bass' pitch, and how often it plays."""
  fitted = directions.Directions(
    attributes.KINDS, np.float32([1, 2, 10, 1]), None, None
  )

  def decode(z):
    tokens = np.full((len(z), 16, 4), 129, np.uint8)
    tokens[:, ::4, 1] = np.uint8(z[:, :1])
    return tokens

  def move(coder, z, targets, fitted, method):
    assert method == 'magic'
    return z + 5 * targets['register']

  instrument = types.SimpleNamespace(decode=decode)
  subject = types.SimpleNamespace(instrument=instrument)
  codes = np.full((3, 1), 60.0)
  found = editing.score(subject, fitted, codes, 'register', 'magic', move)
  # Changes of 5 and 10 halves of a semitone are played as whole ones.
  assert found.slope == pytest.approx(0.5, abs=0.06)
  assert found.correlation > 0.99
  assert found.leakage == 0
  assert found.kept == 0


def test_the_table(tiny_bars, tmp_path, capsys, monkeypatch):
  monkeypatch.setattr(editing, 'CHANGES', (-1.0, 1.0))
  monkeypatch.setattr(editing.attributes, 'KINDS', ('register',))
  model = assembly.build_model(CONFIG)
  params = random_params(model)
  config = {
    **CONFIG,
    'data': {
      'dir': tiny_bars,
      'name': 'lakh_pianoroll/2bar',
      'in_memory': 'true',
      'built_by': '',
    },
  }
  dataset = {
    'name': 'lakh_pianoroll/2bar/1.0.0',
    'timesteps': 32,
    'genres': ['rock', 'pop', 'jazz'],
  }
  with checkpoint.Checkpoints(tmp_path, keep=checkpoint.Keep(1)) as saves:
    about = {'config': config, 'dataset': dataset}
    saves.save(1, {'params': params}, {}, about)
  assert editing.main([f'--workdir={tmp_path}', '--phrases=8']) == 0
  _, _, *rows = capsys.readouterr().out.splitlines()
  assert [row.split(' | ')[:2] for row in rows] == [
    ['| register', f'{method}{how}']
    for method in ('difference', 'ridge', 'gradient')
    for how in ('', ', searched')
  ]


def test_no_run_is_one_line(tmp_path, capsys):
  assert editing.main([f'--workdir={tmp_path}']) == 1
  (line,) = capsys.readouterr().err.splitlines()
  assert 'no checkpoints' in line
