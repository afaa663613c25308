"""The trial of the instrument on whole songs."""

import mido
import numpy as np
import pytest
from test_editing import random_params
from test_export import CONFIG

from experiments.benchmarks import trial
from musae_jax import assembly, exported, midi, smf, steering
from musae_jax.coding import Coder
from musae_jax.loaded import Loaded
from tfds_lakh import embedded, pipeline


@pytest.fixture(scope='module')
def corpus(tmp_path_factory):
  folder = tmp_path_factory.mktemp('corpus')
  embedded.write_corpus(folder / 'songs', 4, 0)
  return folder / 'songs'


@pytest.fixture(scope='module')
def model(tmp_path_factory):
  path = tmp_path_factory.mktemp('model') / 'a.musae'
  dataset = {
    'name': 'lakh_pianoroll/2bar/1.0.0',
    'timesteps': 32,
    'genres': [f'genre {i}' for i in range(32)],
  }
  params = random_params(assembly.build_model(CONFIG))
  loaded = Loaded(CONFIG, params, 3, dataset)
  rng = np.random.default_rng(0)
  phrases = rng.integers(128, size=(300, 32, 4), dtype=np.uint8)
  phrases[rng.random(phrases.shape) < rng.random((300, 1, 4))] = 129
  tags = rng.random((300, 32)) < 0.1
  directions = steering.fit(Coder.of(loaded), phrases, tags)
  exported.save(path, loaded, directions=directions)
  return path


def test_what_is_tried(corpus, model, tmp_path, capsys, monkeypatch):
  monkeypatch.setattr(pipeline, 'is_validation', lambda song: True)
  out = tmp_path / 'out'
  argv = [f'--model={model}', f'--manual_dir={corpus}', f'--out={out}']
  argv += ['--songs=2', '--bars=4', '--method=difference']
  assert trial.main(argv) == 0
  text = (out / 'trial.md').read_text()
  assert text in capsys.readouterr().out
  # 2 songs, 8 things made of each, 5 steps of a way, 32 genres.
  assert '55 files, 0 with faults' in text
  assert len(list(out.glob('*.mid'))) == 55
  assert len(list(out.glob('*.png'))) == 2
  assert '| more density | ' in text
  assert 'of 2 |' in text


def test_more_songs_than_there_are(corpus, model, tmp_path, capsys):
  argv = [f'--model={model}', f'--manual_dir={corpus}', f'--out={tmp_path}']
  assert trial.main([*argv, '--songs=99']) == 1
  assert 'expected 99' in capsys.readouterr().err
  assert not list(tmp_path.iterdir())


def test_files_with_faults(tmp_path):
  def notes(*rows):
    columns = np.array(rows).T
    return smf.Part('a', 0, False, *columns)

  path = tmp_path / 'a.mid'
  bar = 4 * smf.TICKS_PER_QUARTER
  path.write_bytes(smf.encode([notes((60, 0, bar, 9))], 120, [(4, 4)], bar))
  assert not trial.faults(path, 1)
  assert trial.faults(path, 2) == ['tracks that are not all of its bars']
  overlapping = notes((60, 0, 90, 9), (60, 40, bar, 9))
  path.write_bytes(smf.encode([overlapping], 120, [(4, 4)], bar))
  assert 'a note on top of another' in trial.faults(path, 1)
  path.write_bytes(smf.encode([notes((60, 0, 90, 9))], 120, [(4, 4)], bar))
  file = mido.MidiFile(path)
  del file.tracks[1][-2]
  file.save(path)
  assert 'a note without an end' in trial.faults(path, 1)


def test_petals_lie_at_their_angles(model):
  instrument = trial.MusAE.load(model)
  means = instrument.model.prior.means
  assert trial.nearest_petal(instrument, means).tolist() == list(range(32))
  assert trial.opposite(instrument, means[[3, 3, 5]]) == 'genre 19'


def test_a_song_is_found_by_its_name(corpus, monkeypatch):
  monkeypatch.setattr(pipeline, 'is_validation', lambda song: True)
  found = trial.find(str(corpus), 2, 4, seed=0)
  assert found.keys() == trial.find(str(corpus), 2, 4, seed=0).keys()
  assert all(song.num_bars == 4 for song in found.values())
  for name in found:
    assert midi.read(next(corpus.rglob(f'{name}.mid'))).num_bars >= 12
