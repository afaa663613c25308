import jax
import numpy as np
import pytest

from musae_jax import assembly, checkpoint, editing, midi, phrases
from musae_jax.pianoroll import Notes

CONFIG = {
  'model': {'latent_dim': 6, 'width': 8, 'depth': 1, 'whitened': True},
  'critic': {'width': 4, 'activation': 'tanh'},
  'prior': {'kind': 'flower', 'num_components': 4},
}


def compose(bars=5):
  """One bar more than `bars`, for the bass holds over bar lines to the end."""
  rng = np.random.default_rng(0)
  start = np.arange(0, 16 * bars - 4, 4)
  tracks = []
  for name, program, is_drum in (
    ('Kit', 0, True),
    ('', 34, False),
    ('Keys', 4, False),
    ('Few keys', 5, False),
    ('Horns', 61, False),
  ):
    length = 24 if program == 34 else 3
    begin = start[:: 6 if program in (34, 5) else 1]
    pitch = rng.integers(40, 60, len(begin))
    notes = Notes(pitch, begin, begin + length)
    tracks.append(midi.Track(name, program, is_drum, notes))
  return midi.Song(tuple(tracks), 91.0)


class Echo(editing.MusAE):
  """Its codes are the phrases."""

  def encode(self, tokens, seed=None):
    return tokens

  def decode(self, z):
    return z


@pytest.fixture(scope='session')
def workdir(tmp_path_factory):
  """A checkpoint of an untrained model of two-bar phrases."""
  folder = tmp_path_factory.mktemp('run')
  model = assembly.build_model(CONFIG)
  params = model.init(jax.random.key(0), 32)
  dataset = {'name': 'some/2bar', 'timesteps': 32, 'genres': ['a', 'b']}
  with checkpoint.Checkpoints(folder, keep=checkpoint.Keep(1)) as checkpoints:
    about = {'config': CONFIG, 'dataset': dataset}
    checkpoints.save(3, {'params': params}, {}, about)
  return folder


@pytest.fixture(scope='session')
def instrument(workdir):
  return editing.MusAE.load(workdir)


def test_load(instrument):
  assert instrument.num_bars == 2
  assert instrument.genres == ('a', 'b')


def test_what_a_perfect_model_would_give_back():
  song = compose()
  again = Echo(None, None, 32).reconstruct(song)
  tokens = phrases.to_tokens(song)
  np.testing.assert_array_equal(phrases.to_tokens(again, len(tokens)), tokens)
  assert [track.name for track in again.tracks] == [
    'Kit',
    'bass',
    'Keys',
    'Horns',
  ]
  assert [track.program for track in again.tracks] == [0, 34, 4, 61]
  assert again.tempo == 91.0


def test_codes_do_not_depend_on_the_batch(instrument):
  tokens = np.random.default_rng(0).integers(0, 130, (70, 32, 4), np.uint8)
  z = instrument.encode(tokens)
  assert z.shape == (70, 6)
  np.testing.assert_allclose(instrument.encode(tokens[68:]), z[68:], rtol=1e-5)
  decoded = instrument.decode(z)
  assert decoded.shape == tokens.shape
  assert decoded.dtype == np.uint8


def test_reconstruction_is_a_song_of_the_same_length(instrument):
  song = compose(bars=4)
  again = instrument.reconstruct(song)
  assert again.time_signatures == ((4, 4),)
  assert len(again.tracks) == 4
  assert song.num_bars == 5  # two phrases of two bars, and a half
  assert again.num_bars <= 5


def test_a_song_that_the_model_cannot_take(instrument):
  with pytest.raises(phrases.SongError, match='4/4'):
    instrument.reconstruct(compose()._replace(time_signatures=((3, 4),)))
