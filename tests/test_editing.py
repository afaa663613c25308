import jax
import numpy as np
import pytest

from musae_jax import (
  assembly,
  checkpoint,
  coding,
  editing,
  metrics,
  midi,
  phrases,
  priors,
  songs,
)
from musae_jax.errors import UserError
from musae_jax.pianoroll import SILENCE, Notes

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


def random_params(model):
  """Parameters of a model that has much to say: none has been trained."""
  rng = np.random.default_rng(0)
  shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), 1))
  return jax.tree.map(lambda x: np.float32(rng.normal(size=x.shape)), shapes)


def save(folder, config=CONFIG, genres=('a', 'b')):
  """A checkpoint of an untrained model of two-bar phrases."""
  model = assembly.build_model(config)
  params = model.init(jax.random.key(0), 32)
  dataset = {'name': 'some/2bar', 'timesteps': 32, 'genres': list(genres)}
  with checkpoint.Checkpoints(folder, keep=checkpoint.Keep(1)) as checkpoints:
    about = {'config': config, 'dataset': dataset}
    checkpoints.save(3, {'params': params}, {}, about)


@pytest.fixture(scope='session')
def workdir(tmp_path_factory):
  folder = tmp_path_factory.mktemp('run')
  save(folder)
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
  assert again.num_bars == 5


def test_a_song_that_the_model_cannot_take(instrument):
  with pytest.raises(phrases.SongError, match='4/4'):
    instrument.reconstruct(compose()._replace(time_signatures=((3, 4),)))


class Codes(editing.MusAE):
  """Its phrases are their codes; what it decodes says of which it was."""

  def decode(self, z):
    self.decoded.append(np.array(z))
    return np.full((len(z), 32, 4), SILENCE, np.uint8)

  def posterior(self, tokens):
    z = tokens[:, :6, 1].astype(np.float32) / 64 - 1
    return z, np.full_like(z, 0.5)


@pytest.fixture
def told():
  model = assembly.build_model(CONFIG)
  instrument = Codes(model, None, 32, ('rock', 'jazz', 'soul', 'funk'))
  object.__setattr__(instrument, 'decoded', [])
  return instrument


@pytest.fixture
def tokens():
  return np.random.default_rng(0).integers(0, 128, (5, 32, 4), np.uint8)


def test_the_instrument_is_the_package_s():
  import musae_jax

  assert musae_jax.MusAE is editing.MusAE
  with pytest.raises(AttributeError, match='no attribute'):
    musae_jax.MusAX  # noqa: B018


def test_a_file_is_loaded_as_an_export(tmp_path, workdir, monkeypatch):
  import sys
  import types

  asked = []

  def load(path):
    asked.append(path)
    return checkpoint.load(workdir)

  stub = types.SimpleNamespace(load=load)
  monkeypatch.setitem(sys.modules, 'musae_jax.exported', stub)
  monkeypatch.setattr('musae_jax.exported', stub, raising=False)
  (tmp_path / 'a.musae').write_bytes(b'')
  assert editing.MusAE.load(tmp_path / 'a.musae').num_bars == 2
  assert asked == [tmp_path / 'a.musae']


def test_a_shape_is_compiled_once(instrument, tokens):
  """Whatever the number of phrases, and none are none."""
  instrument.encode(tokens[:1])
  compiled = instrument._encode.func._cache_size()
  for n in (0, 2, 5):
    assert instrument.encode(tokens[:n]).shape == (n, 6)
  assert instrument._encode.func._cache_size() == compiled


def test_long_music_is_worked_on_in_batches(instrument, tokens, monkeypatch):
  whole = instrument.encode(tokens)
  monkeypatch.setattr(coding, '_LEAST', 2)
  monkeypatch.setattr(coding, '_MOST', 2)
  np.testing.assert_allclose(instrument.encode(tokens), whole, atol=1e-6)


def test_a_seed_draws_from_the_posterior(told, tokens):
  mean, scale = told.posterior(tokens)
  drawn = told.encode(tokens, seed=1)
  np.testing.assert_array_equal(drawn, told.encode(tokens, seed=1))
  assert (drawn != told.encode(tokens, seed=2)).all()
  assert np.abs((drawn - mean) / scale).max() < 5
  np.testing.assert_array_equal(told.encode(tokens), mean)


def test_phrases_of_another_length(told, tokens):
  with pytest.raises(
    UserError, match=r'uint8\[5, 31, 4\], expected uint8\[n, 32'
  ):
    told.encode(tokens[:, 1:])


def test_transfer_turns_on_the_ring_and_keeps_the_rest(told, tokens):
  """To the second of four petals, which is straight up."""
  for amount in (0, 0.5, 1):
    told.transfer(tokens, 'Jazz', amount)
  z = told.posterior(tokens)[0]
  still, half, whole = told.decoded
  np.testing.assert_array_equal(still, z)
  radius = np.hypot(*z[:, :2].T)
  np.testing.assert_allclose(whole[:, 0], 0, atol=1e-6)
  np.testing.assert_allclose(whole[:, 1], radius, rtol=1e-5)
  np.testing.assert_allclose(np.hypot(*half[:, :2].T), radius, rtol=1e-5)

  def left(z):  # of the turn, in radians
    angle = np.pi / 2 - np.arctan2(z[:, 1], z[:, 0])
    return np.abs((angle + np.pi) % (2 * np.pi) - np.pi)

  np.testing.assert_allclose(left(half), left(z) / 2, rtol=1e-4)
  for moved in (half, whole):
    np.testing.assert_array_equal(moved[:, 2:], z[:, 2:])


def test_tracks_that_are_kept(instrument):
  song = compose()
  found = instrument.transfer(song, 'b', keep=['drums', 'guitar'])
  names = [track.name for track in found.tracks]
  assert names == ['Kit', 'bass', 'Keys', 'Few keys', 'Horns']
  for before, after in ((0, 0), (2, 2), (3, 3)):
    for a, b in zip(song.tracks[before].notes, found.tracks[after].notes):
      np.testing.assert_array_equal(a, b)
  tokens = instrument.cut(song)
  found = instrument.reconstruct(tokens, keep='bass')
  np.testing.assert_array_equal(found[..., 1], tokens[..., 1])
  again = instrument.reconstruct(tokens)
  np.testing.assert_array_equal(found[..., 2], again[..., 2])


def test_a_genre_that_there_is_not(told, tokens):
  with pytest.raises(UserError, match="mean 'jazz'.*rock, jazz, soul, funk"):
    told.transfer(tokens, 'jaz')
  with pytest.raises(UserError, match="'polka' is unknown; known are rock"):
    told.sample('polka')
  with pytest.raises(UserError, match='amount 2, expected a number, 0 to 1'):
    told.transfer(tokens, 'jazz', 2)


def test_a_prior_without_petals(tokens):
  config = CONFIG | {'prior': {'kind': 'gaussian'}}
  plain = editing.MusAE(assembly.build_model(config), None, 32, ('rock',))
  with pytest.raises(UserError, match='transfer wants.*flower.*a Gaussian'):
    plain.transfer(tokens, 'rock')
  with pytest.raises(UserError, match='arc wants'):
    plain.interpolate(tokens, tokens, path='arc')
  with pytest.raises(UserError, match="'rock': the prior.*no petals"):
    plain.sample('rock')


@pytest.mark.parametrize('path', ['line', 'sphere', 'arc'])
def test_interpolation_goes_from_one_to_the_other(told, tokens, path):
  found = told.interpolate(tokens[:2], tokens[2:4], steps=3, path=path)
  assert len(found) == 3
  way = told.decoded[0].reshape(3, 2, 6)
  z = told.posterior(tokens)[0]
  np.testing.assert_allclose(way[0], z[:2], atol=1e-6)
  np.testing.assert_allclose(way[2], z[2:4], atol=1e-6)
  if path == 'line':
    np.testing.assert_allclose(way[1], (z[:2] + z[2:4]) / 2, atol=1e-6)


def test_interpolation_of_songs_has_the_shorter_one_s_bars(instrument):
  long, short = compose(bars=7), compose(bars=3)
  first, *_, last = instrument.interpolate(long, short, steps=3)
  tokens = phrases.to_tokens(instrument.reconstruct(short), 64)
  np.testing.assert_array_equal(phrases.to_tokens(last, 64), tokens)
  assert first.num_bars == 3
  kept = instrument.interpolate(long, short, steps=2, keep=['guitar'])
  for song in kept:
    notes = song.tracks[2].notes
    assert notes.start.tolist() == list(range(0, 48, 4))


def test_interpolation_that_cannot_be(told, tokens):
  for arguments, said in (
    ((tokens, tokens[:2]), '5 and 2 phrases'),
    ((tokens, compose()), 'two of one kind'),
    ((tokens, tokens, 1), 'steps 1, expected .* 2 or more'),
    ((tokens, tokens, 3, 'bow'), "path 'bow', expected one of line"),
  ):
    with pytest.raises(UserError, match=said):
      told.interpolate(*arguments)


def test_samples_are_of_their_petal(told):
  told.sample('jazz', n=200, seed=3)
  told.sample('jazz', n=200, seed=3, temperature=0)
  told.sample('jazz', n=200, seed=4)
  warm, cold, other = told.decoded
  jazz = told.model.prior.means[1]
  np.testing.assert_allclose(cold, np.tile(jazz, (200, 1)), atol=1e-7)
  np.testing.assert_allclose(warm.mean(0), jazz, atol=0.1)
  assert warm[:, 1].std() == pytest.approx(
    priors.Flower(6).radial_variance ** 0.5, rel=0.2
  )
  assert (warm != other).any(1).all()
  told.sample(n=200)
  z = told.decoded[-1]
  petal = np.round(np.arctan2(z[:, 1], z[:, 0]) / (np.pi / 2)) % 4
  assert set(petal) == {0, 1, 2, 3}


def test_neighbours_by_code(told, tokens):
  near = told.neighbours(tokens[[3]], 2, tokens)
  assert near.row[0, 0] == 3 and near.distance[0, 0] == pytest.approx(
    0, abs=1e-4
  )
  by_code = told.neighbours(tokens[[3]], 9, told.encode(tokens))
  assert by_code.row.shape == (1, 5)
  np.testing.assert_array_equal(by_code.row[:, :2], near.row)


def test_neighbours_in_a_song(told, tokens):
  near = told.neighbours(tokens, 2, compose())
  assert near.row.shape == (5, 2) and near.row.max() < len(told.cut(compose()))


def test_attributes_of_a_song(told):
  song = compose()
  found = told.attributes(song)
  tokens = told.cut(song)
  assert found.keys() == metrics.columns(metrics.measure(tokens)).keys()
  assert found['note_count/drums'].sum() == len(song.tracks[0].notes.pitch)


def test_midi_files_of_phrases_and_songs(told, tmp_path):
  tokens = np.full((2, 32, 4), 128, np.uint8)
  tokens[:, 0, 1] = 40
  told.save_midi(tokens, tmp_path / 'a.mid', tempo=90)
  song = midi.read(tmp_path / 'a.mid')
  (bass,) = song.tracks
  assert (bass.program, song.tempo) == (33, pytest.approx(90, rel=1e-5))
  assert bass.notes.start.tolist() == [0, 32]
  assert bass.notes.end.tolist() == [32, 64]
  told.save_midi(song, tmp_path / 'b.mid')
  assert midi.read(tmp_path / 'b.mid').tracks[0].notes.end.tolist() == [32, 64]


class Loud(Codes):
  """Plays in every part of every phrase."""

  def decode(self, z):
    tokens = np.full((len(z), 32, 4), 129, np.uint8)
    tokens[:, ::4] = 50
    return tokens


def test_between_songs_parts_rest_as_they_do(told):
  told = Loud(told.model, None, 32)
  one = np.full((1, 32, 4), 129, np.uint8)
  one[0, ::4, :3] = 36, 40, 60
  other = one.copy()
  other[0, :, 1] = 129
  a, b = (songs.of_phrases(np.concatenate([one, x])) for x in (one, other))
  nothing = songs.of_phrases(np.concatenate([one, np.full_like(one, 129)]))
  way = told.interpolate(a, b, 3, fill=True)
  sounds = [len(songs.excerpt(x, 2, 4).tracks[1].notes.pitch) for x in way]
  assert sounds[0] and sounds[1] and not sounds[2]
  last = told.interpolate(a, nothing, 2, fill=True)[-1]
  assert not any(len(t.notes.pitch) for t in songs.excerpt(last, 2, 4).tracks)


def test_what_are_no_codes(instrument, tokens):
  z = instrument.encode(tokens)
  huge = np.full((2, 6), 1e300)
  for wrong in (z[0], z[:, :4], z * np.nan, huge, 'a', [[1], [1, 2]], {}):
    with pytest.raises(UserError, match=r'expected \[n, 6\] finite'):
      instrument.decode(wrong)


def test_one_role_may_be_named_alone(told, tokens):
  for keep in ('drums', iter(['drums'])):
    again = told.reconstruct(tokens, keep=keep)
    np.testing.assert_array_equal(again[..., 0], tokens[..., 0])


@pytest.mark.parametrize(
  ('do', 'said'),
  [
    (lambda m, x: m.sample(temperature=np.nan), 'temperature nan, expected'),
    (lambda m, x: m.sample(temperature=-1), 'temperature -1, expected'),
    (lambda m, x: m.sample(n=-1), 'n -1, expected a whole number'),
    (lambda m, x: m.sample(n=2**62), 'n 4.*, expected .* 100000 or less'),
    (lambda m, x: m.sample(temperature=1e39), 'temperature 1e.39, expected'),
    (lambda m, x: m.interpolate(x, x, 2**40), 'steps 1.*, 1000 or less'),
    (lambda m, x: m.reconstruct(x, keep=5), 'tracks 5, expected names'),
    (lambda m, x: m.sample(seed='x'), "seed 'x', expected a whole number"),
    (lambda m, x: m.sample(3), 'genre 3, expected the name of one'),
    (lambda m, x: m.encode(x, seed=2**64), 'seed 18446744073709551616'),
    (lambda m, x: m.transfer(x, None), 'genre None, expected the name'),
    (lambda m, x: m.transfer(x, 'jazz', '1'), "amount '1', expected a number"),
    (lambda m, x: m.interpolate(x, x, 2.5), 'steps 2.5, expected a whole'),
    (lambda m, x: m.encode(x | 200), 'a token 2.., expected less than 130'),
    (lambda m, x: m.neighbours(x, 0, x), 'k 0, expected a whole number'),
    (lambda m, x: m.neighbours(x, 1, x[:0]), 'nothing to look through'),
    (lambda m, x: m.neighbours(x, 1, np.ones((3, 2))), r'expected \[n, 6\]'),
    (lambda m, x: m.neighbours(x, 1, [[1], [1, 2]]), 'unequal length'),
    (lambda m, x: m.interpolate(x, x, path=['line']), "path .'line'., expec"),
    (lambda m, x: m.save_midi(x, 'a.mid', [[1], 2, 3, 4]), 'program .1.'),
    (lambda m, x: m.neighbours(x, 1), 'does not say where its training'),
    (lambda m, x: m.encode([[1], [1, 2]]), 'phrases of unequal length'),
    (lambda m, x: m.edit(x, 3), 'changes 3, expected them by attribute'),
    (lambda m, x: m.edit(x, ['a']), r"changes \['a'\], expected them by"),
    (lambda m, x: m.save_midi(x, 'a.mid', None), 'programs None, expected'),
    (lambda m, x: m.save_midi(x, 'a.mid', iter('abc')), 'expected one of'),
    (lambda m, x: m.save_midi(x, None), 'path None, expected'),
    (lambda m, x: m.reconstruct(compose(), fill='a'), "fill 'a', expected"),
    (lambda m, x: m.attributes(x[:0]), 'no phrases, expected some'),
    (lambda m, x: m.save_midi(x, 'a.mid', tempo=0), 'tempo 0, expected'),
    (lambda m, x: m.save_midi(x, 'a.mid', (0, 33)), 'expected one of each'),
    (lambda m, x: m.save_midi(x, 'a.mid', (0, 1, 2, 200)), 'program 200'),
    (lambda m, x: m.reconstruct(x, keep=['oboe']), "track 'oboe', expected"),
  ],
)
def test_what_makes_no_sense_is_one_line(
  told, tokens, tmp_path, monkeypatch, do, said
):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(UserError, match=said) as caught:
    do(told, tokens)
  assert len(str(caught.value).splitlines()) == 1
  assert not list(tmp_path.iterdir())
