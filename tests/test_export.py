"""`musae export`, from a run's folder to a file."""

import argparse
import dataclasses
import importlib.util

import jax
import numpy as np
import pytest
from test_editing import random_params

from experiments import evaluate
from musae_jax import (
  assembly,
  attributes,
  checkpoint,
  data,
  editing,
  exported,
  stablehlo,
)
from musae_jax.commands import export
from musae_jax.errors import UserError

CONFIG = {
  'model': {'latent_dim': 6, 'width': 8, 'depth': 1, 'whitened': True},
  'critic': {'width': 4, 'activation': 'tanh'},
  'prior': {'kind': 'flower', 'num_components': 32},
}


@pytest.fixture(scope='module')
def workdir(tmp_path_factory):
  """A run on the data set of `tiny_bars`, which has been moved since."""
  folder = tmp_path_factory.mktemp('run')
  model = assembly.build_model(CONFIG)
  params = random_params(model)
  dataset = {
    'name': 'lakh_pianoroll/2bar/1.0.0',
    'timesteps': 32,
    'genres': ['rock', 'pop', 'jazz'],
  }
  config = {**CONFIG, 'data': {'dir': str(folder / 'gone')}}
  with checkpoint.Checkpoints(folder, keep=checkpoint.Keep(1)) as checkpoints:
    about = {'config': config, 'dataset': dataset}
    checkpoints.save(3, {'params': params}, {}, about)
  return folder


def test_neighbours_among_what_a_model_has_learnt(workdir, tiny_bars):
  instrument = editing.MusAE.load(workdir)
  with pytest.raises(data.MissingDataset, match='gone'):
    instrument.learnt  # noqa: B018
  dataset = instrument.corpus[1]
  other = dataset | {'genres': ['rock', 'pop', 'soul']}
  instrument = dataclasses.replace(instrument, corpus=(tiny_bars, other))
  with pytest.raises(data.DatasetError, match='genres of the data set is'):
    instrument.learnt  # noqa: B018
  instrument = dataclasses.replace(instrument, corpus=(tiny_bars, dataset))
  phrases = instrument.training.phrases
  near = instrument.neighbours(phrases[[7, 3]], 1)
  np.testing.assert_array_equal(phrases[near.row[:, 0]], phrases[[7, 3]])
  assert len(instrument.learnt) == len(phrases)


def run(*argv):
  parser = argparse.ArgumentParser()
  export.add_arguments(parser)
  return export.run(parser.parse_args(list(map(str, argv))))


def test_a_file_with_directions(workdir, tiny_bars, tmp_path):
  out = tmp_path / 'a.musae'
  said = run(
    workdir, '--out', out, '--dtype', 'int8', f'--data_dir={tiny_bars}'
  )
  loaded = exported.load(out)
  names = loaded.directions.names
  assert 'register/bass' in names
  assert set(names) < set(attributes.NAMES)  # tiny songs are all as dense
  assert said.facts == {
    'out': str(out),
    'bytes': out.stat().st_size,
    'dtype': 'int8',
    'attributes': list(names),
    'stablehlo': None,
  }
  assert said.text == f'{out}: {out.stat().st_size:,} bytes, int8'


def test_without_the_data_it_knows_no_directions(workdir, tmp_path, capsys):
  run(workdir, '--out', tmp_path / 'a.musae')
  assert exported.load(tmp_path / 'a.musae').directions is None
  (line,) = capsys.readouterr().err.splitlines()
  assert 'will not know how to edit' in line
  assert '--data_dir' in line


def test_no_song_becomes_a_model(workdir, tmp_path):
  for name, said in (('a.mid', 'names music'), ('no/a.musae', 'no folder')):
    with pytest.raises(UserError, match=said):
      run(workdir, '--out', tmp_path / name)
  assert not list(tmp_path.iterdir())
  (tmp_path / 'song').write_bytes(b'MThd and so on')
  (tmp_path / 'a.musae').symlink_to(tmp_path / 'song')
  with pytest.raises(UserError, match='a.musae: is a song'):
    run(workdir, '--out', tmp_path / 'a.musae')


def test_what_cannot_be_exported(workdir, tiny_data, tmp_path):
  out = f'--out={tmp_path / "a.musae"}'
  with pytest.raises(UserError, match='no checkpoints in it'):
    run(tmp_path, out)
  with pytest.raises(UserError, match='nope: is not there'):
    run(tmp_path / 'nope', out)
  with pytest.raises(UserError, match='null: is no folder'):
    run('/dev/null', out)
  with pytest.raises(UserError, match='no data set lakh_pianoroll/2bar'):
    run(workdir, out, f'--data_dir={tmp_path}')
  with pytest.raises(UserError, match='phrases have 8 timesteps'):
    run(workdir, out, f'--data_dir={tiny_data}')
  assert not list(tmp_path.iterdir())


def test_stablehlo_is_of_the_same_model(workdir, tmp_path, monkeypatch):
  written = []
  monkeypatch.setattr(stablehlo, 'export', lambda *args: written.append(args))
  out, folder = tmp_path / 'a.musae', tmp_path / 'served'
  said = run(workdir, '--out', out, '--stablehlo', folder)
  ((model, params, num_steps, where),) = written
  loaded = exported.load(out)
  assert model == assembly.build_model(loaded.config)
  assert jax.tree.all(jax.tree.map(np.array_equal, params, loaded.params))
  assert (num_steps, where) == (32, str(folder))
  assert said.facts['stablehlo'] == str(folder)


def test_without_flatbuffers_a_line_says_so(workdir, tmp_path, monkeypatch):
  """Before anything is written, and how to have it."""
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  out, folder = tmp_path / 'a.musae', tmp_path / 'served'
  with pytest.raises(UserError, match=r"pip install 'musae-jax\[stablehlo\]'"):
    run(workdir, '--out', out, '--stablehlo', folder)
  assert not list(tmp_path.iterdir())


def test_a_file_scores_as_its_run(workdir, tiny_bars, tmp_path, capsys):
  path = tmp_path / 'a.musae'
  exported.save(path, checkpoint.load(workdir))
  flags = [f'--data_dir={tiny_bars}', '--batch_size=12']
  assert evaluate.main([f'--workdir={workdir}', *flags]) == 0
  title, _, of_run = capsys.readouterr().out.partition('\n')
  assert evaluate.main([f'--model={path}', *flags]) == 0
  assert capsys.readouterr().out.partition('\n')[2] == of_run
  assert [file.name for file in tmp_path.iterdir()] == ['a.musae']
  assert evaluate.main([f'--model={path}']) == 1
  assert 'a.musae does not say where' in capsys.readouterr().err
