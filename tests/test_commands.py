"""Every subcommand: what it writes, what it says, and of what it complains."""

import functools
import json
import pathlib
import shutil
import subprocess
import sys

import mido
import numpy as np
import pytest
from test_editing import CONFIG, compose, save, workdir  # noqa: F401

from musae_jax import (
  attributes,
  checkpoint,
  cli,
  directions,
  exported,
  midi,
  phrases,
  songs,
)
from musae_jax.commands import shared
from musae_jax.pianoroll import SILENCE

ROOT = pathlib.Path(__file__).parents[1]
HOSTILE = ROOT.parent / 'shared/midi/hostile'
OF_SONGS = sorted(cli.COMMANDS.keys() - {'sample', 'export'})
MAKING = ['edit', 'interpolate', 'reconstruct', 'transfer']


LOADED = functools.cache(shared.load)
NOTHING = phrases.Notes(*np.empty((3, 0), int))
SILENT = compose()._replace(
  tracks=tuple(track._replace(notes=NOTHING) for track in compose().tracks)
)


def export(workdir, path):  # noqa: F811
  """Writes an untrained model with steps of chance for its attributes."""
  shape = 2, len(attributes.NAMES), CONFIG['model']['latent_dim']
  steps = np.random.default_rng(0).normal(size=shape)
  std = np.ones(len(attributes.NAMES))
  found = directions.Directions(attributes.NAMES, std, *steps)
  exported.save(path, checkpoint.load(workdir), directions=found)


@pytest.fixture(scope='session')
def file(workdir, tmp_path_factory):  # noqa: F811
  path = tmp_path_factory.mktemp('model') / 'a.musae'
  export(workdir, path)
  return path


@pytest.fixture
def model(file, monkeypatch):
  """The same, loaded and compiled but once."""
  monkeypatch.setattr(shared, 'load', LOADED)
  return file


@pytest.fixture
def song(tmp_path):
  midi.write(tmp_path / 'in.mid', compose())
  return tmp_path / 'in.mid'


def arguments(command, song, out, model, other=None):
  """Those that a subcommand needs."""
  model = ['--model', model]
  return [command, song] + {
    'inspect': [],
    'attributes': [],
    'reconstruct': [out, *model],
    'interpolate': [other or song, out, *model, '--steps', '2'],
    'transfer': [out, *model, '--genre', 'a'],
    'edit': [out, *model, '--density', '-1', '--change', 'register/bass=1'],
    'neighbours': [out, *model, '--among', other or song],
  }[command]


def main(*args):
  return cli.main([str(arg) for arg in args])


def refused(capsys, *args):
  """The line that a command ends with."""
  try:
    status = main(*args)
  except SystemExit as stopped:
    status = stopped.code
  said, error = capsys.readouterr()
  assert status in (1, 2)
  assert error.count('\n') == 1 and not said
  return error


def in_a_process(*args):
  """Its status, and all that comes to a terminal."""
  command = [sys.executable, '-m', 'musae_jax.cli', *map(str, args)]
  done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
  return done.returncode, done.stdout, done.stderr


def opens_cleanly(path):
  """A type-1 file, whole bars, drums on channel 10, no note on another."""
  file = mido.MidiFile(path)
  assert file.type == 1
  lengths = {sum(message.time for message in track) for track in file.tracks}
  assert len(lengths) == 1
  assert lengths.pop() % (4 * file.ticks_per_beat) == 0
  for track in file.tracks[1:]:
    assert track.name
    sounding = set()
    for message in track:
      if message.type == 'note_on':
        assert message.note not in sounding
        sounding.add(message.note)
      elif message.type == 'note_off':
        sounding.remove(message.note)
    assert not sounding
    if track.name in ('Kit', 'drums'):
      assert {m.channel for m in track if not m.is_meta} == {9}


@pytest.mark.parametrize('command', OF_SONGS)
def test_what_it_found_in_words_and_as_json(
  command, song, tmp_path, model, capsys
):
  out, other = tmp_path / 'out.mid', tmp_path / 'other.mid'
  midi.write(other, compose(bars=3))
  args = arguments(command, song, out, model, other)
  assert main(*args) == 0
  said, error = capsys.readouterr()
  assert said.strip() and not error
  assert out.exists() == (command in (*MAKING, 'neighbours'))
  assert main(*args, '--json') == 0
  facts = json.loads(capsys.readouterr().out)
  if out.exists():
    assert str(out) in said
    assert facts['out'] == [str(out)]
    opens_cleanly(out)
  else:
    assert facts


def test_a_track_changes_and_the_others_stay(song, tmp_path, model, capsys):
  out = tmp_path / 'out.mid'
  flags = ['--model', model, '--track', 'bass,strings', '--json']
  assert main('reconstruct', song, out, *flags) == 0
  right = json.loads(capsys.readouterr().out)['right']
  assert right.keys() == {'bass', 'strings'}
  opens_cleanly(out)
  before, after = midi.read(song), midi.read(out)
  for name in ('Kit', 'Keys', 'Few keys'):
    (a,), (b,) = (
      [track for track in found.tracks if track.name == name]
      for found in (before, after)
    )
    for x, y in zip((*a.notes, *a.played), (*b.notes, *b.played)):
      np.testing.assert_array_equal(x, y)


def test_the_same_seed_the_same_bytes(tmp_path, model):
  found = []
  for i, seed in enumerate((1, 1, 2)):
    out = tmp_path / f'{i}.mid'
    flags = ['--model', model, '--genre', 'A', '-n', '3', '--seed', seed]
    assert main('sample', out, *flags) == 0
    opens_cleanly(out)
    found.append(out.read_bytes())
  assert found[0] == found[1] != found[2]


def test_a_variation_is_its_seed_s(song, tmp_path, model):
  found = []
  for i, flags in enumerate(([], ['--seed', '1'], ['--seed', '1'])):
    out = tmp_path / f'{i}.mid'
    assert main('reconstruct', song, out, '--model', model, *flags) == 0
    found.append(out.read_bytes())
  assert found[0] != found[1] == found[2]


def test_into_a_folder_each_is_a_file(song, tmp_path, model):
  """Whether it is there or not; numbered in the order of their names."""
  folder = tmp_path / 'way'
  flags = ['--model', model, '--steps', '11', '--bars', '2-3']
  assert main('interpolate', song, song, *flags, '--out', folder) == 0
  found = sorted(path.name for path in folder.iterdir())
  assert found == [f'in-to-in-{i:02}.mid' for i in range(1, 12)]
  assert midi.read(folder / found[0]).num_bars <= 2
  flags = ['--model', model, '--genre', 'a']
  assert main('transfer', song, *flags, '--out', folder) == 0
  assert (folder / 'in-a.mid').exists()


def test_a_place_may_stand_behind_the_options(song, tmp_path, model):
  assert main('reconstruct', song, '--model', model, tmp_path / 'a.mid') == 0
  assert (tmp_path / 'a.mid').exists()


def test_pictures_and_sound(tmp_path, model):
  picture, sound = tmp_path / 'a.png', tmp_path / 'a.wav'
  flags = ['--model', model, '--png', picture, '--wav', sound]
  assert main('sample', tmp_path / 'a.mid', *flags) == 0
  assert picture.read_bytes().startswith(b'\x89PNG')
  assert sound.read_bytes().startswith(b'RIFF')


def test_neighbours_are_of_other_songs(song, tmp_path, model, capsys):
  """The song's own file is left out, what cannot be read is passed over."""
  folder = tmp_path / 'songs'
  folder.mkdir()
  shutil.copy(song, folder / 'same.mid')
  (folder / 'bad.MID').write_bytes(b'no')
  flags = ['--among', folder, song, '--bar', '3', '--model', model, '-k', '1']
  assert main('neighbours', song, *flags, '--json') == 0
  said, error = capsys.readouterr()
  assert '1 files passed over' in error and 'bad.MID' in error
  (near,) = json.loads(said)['neighbours']
  assert near['path'].endswith('same.mid') and near['bar'] == 3
  assert near['distance'] == pytest.approx(0, abs=1e-4)


def test_neighbours_of_nothing_named(song, model, capsys):
  line = refused(capsys, 'neighbours', song, '--model', model)
  assert 'does not say where its training phrases lie' in line
  assert 'or name songs to look through: --among' in line


def test_a_song_that_begins_late(tmp_path, model, capsys):
  """Its first phrase is where it begins; of the bars before it is said."""
  late = tmp_path / 'late.mid'
  midi.write(late, songs.one_after_another([SILENT, compose()], 5))
  flags = ['--model', model, '--among', late, tmp_path / 'b.mid']
  midi.write(tmp_path / 'b.mid', compose())
  assert main('neighbours', late, *flags, '--json') == 0
  assert json.loads(capsys.readouterr().out)['bar'] == 6
  said = 'no notes in bars 1-2, expected some; its first is in bar 6'
  assert said in refused(capsys, 'neighbours', late, *flags, '--bar', '1')
  args = arguments('reconstruct', late, tmp_path / 'out.mid', model)
  assert said in refused(capsys, *args, '--bars', '1-2')


class Silenced:
  """A model that edits all notes away."""

  def __init__(self, model):
    self.model = LOADED(model)

  def __getattr__(self, name):
    return getattr(self.model, name)

  def edit(self, song, changes, keep, fill):
    return self.model._changed(
      song, lambda tokens: np.full_like(tokens, SILENCE), keep, fill
    )


def test_a_song_edited_to_silence_is_written(
  song, tmp_path, model, monkeypatch, capsys
):
  monkeypatch.setattr(shared, 'load', Silenced)
  out = tmp_path / 'out.mid'
  flags = ['--model', model, '--density=-1', '--change', 'register/bass=1']
  assert main('edit', song, out, *flags) == 0
  assert 'register/bass: ' in (said := capsys.readouterr().out)
  assert 'undefined; asked for +1.00 deviations, moved undefined' in said
  assert out.exists()


def test_a_change_is_asked_for_once(song, tmp_path, model, capsys):
  flags = ['--model', model, '--density=-1', '--change', 'density=1']
  line = refused(capsys, 'edit', song, tmp_path / 'out.mid', *flags)
  assert 'changes of density, density, expected one of each' in line


def test_attributes_are_a_table(song, capsys):
  assert main('attributes', song) == 0
  lines = capsys.readouterr().out.splitlines()
  rows = {line[:22].strip(): line[22:].split() for line in lines[2:]}
  assert rows[''] == list(phrases.TRACKS)
  assert len(rows['note_count']) == 4
  assert len(rows['pitch_mean']) == 3  # drums have none
  assert len(rows['tonal_distance']) == 1


def test_help_is_instant_and_says_what_each_does(capsys):
  heavy = '{"jax", "matplotlib", "mido", "pretty_midi", "scipy"}'
  code = 'import sys; from musae_jax import cli; cli._parsed(["inspect", "a"])'
  code += f'; print({heavy} & set(sys.modules))'
  command = [sys.executable, '-c', code]
  done = subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
  assert done.stdout.decode().strip() == 'set()'
  for command, module in cli.COMMANDS.items():
    with pytest.raises(SystemExit):
      main(command, '--help')
    said = capsys.readouterr().out
    assert module.__doc__.splitlines()[0] in said
    assert '--json' in said


@pytest.mark.skipif(not HOSTILE.is_dir(), reason='no hostile files here')
@pytest.mark.parametrize('command', OF_SONGS)
def test_hostile_files(command, tmp_path, model, capsys):
  for path in sorted(HOSTILE.iterdir()):
    args = arguments(command, path, tmp_path / 'out.mid', model)
    if path.name == 'header_only.mid' and command == 'inspect':
      continue  # a song without tracks is no error to look at
    assert path.name in refused(capsys, *args)
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('command', MAKING)
def test_songs_that_lack_something(command, tmp_path, model, capsys):
  """One line that says what, and what was expected; or --fill."""
  song, out = compose(), tmp_path / 'out.mid'
  for name, changed, said in (
    ('kit', song._replace(tracks=song.tracks[1:]), 'no drums track; expected'),
    ('roles', song._replace(tracks=song.tracks[2:]), 'no drums and no bass'),
    ('waltz', song._replace(time_signatures=((3, 4),)), 'found 3/4'),
  ):
    path = tmp_path / f'{name}.mid'
    midi.write(path, changed)
    args = arguments(command, path, out, model)
    error = refused(capsys, *args)
    assert f'{path}: ' in error and said in error
    assert ('or --fill, which' in error) == (name != 'waltz')
    assert not out.exists()
    assert main(*args, '--fill') == (name == 'waltz')
    capsys.readouterr()
    assert out.exists() == (name != 'waltz')
    out.unlink(missing_ok=True)


@pytest.mark.parametrize('command', MAKING)
@pytest.mark.parametrize('bars', [1, 3600])
def test_songs_of_one_bar_and_of_two_hours(command, bars, tmp_path, model):
  beats = np.arange(0, 16 * bars, 8)
  notes = phrases.Notes(np.full(len(beats), 60), beats, beats + 8)
  song = compose()
  tracks = tuple(track._replace(notes=notes) for track in song.tracks)
  midi.write(tmp_path / 'in.mid', song._replace(tracks=tracks))
  out = tmp_path / 'out.mid'
  args = arguments(command, tmp_path / 'in.mid', out, model)
  assert main(*args) == 0
  opens_cleanly(out)


@pytest.mark.parametrize(
  'flags, said',
  [
    (['--genre', 'polka'], "genre 'polka' is unknown; known are a, b"),
    (['--genre', 'a', '--amount', '2'], "'2', expected a number, 0 to 1"),
    (['--genre', 'a', '--amount', 'x'], "'x', expected a number, 0 to 1"),
    (['--genre', 'a', '--track', 'piano'], "'piano', expected one of drums"),
    (['--genre', 'a', '--bars', '9'], '--bars 9-9, but it has 6 bars'),
    (['--genre', 'a', '--bars', '3-2'], "'3-2', expected bars such as 9-16"),
    (['--genre', 'a', 'x.mid', 'y.mid'], 'unrecognized arguments: x.mid y.mid'),
    (['--genre', 'a', '--out', 'b.mid'], 'expected one place'),
    ([], '--genre'),
  ],
)
def test_a_wrong_argument_is_named(flags, said, song, tmp_path, model, capsys):
  args = ['transfer', song, tmp_path / 'out.mid', '--model', model, *flags]
  assert said in refused(capsys, *args)
  assert list(tmp_path.iterdir()) == [song]


@pytest.mark.parametrize(
  'flags, said',
  [
    ([], 'nothing to change, expected one of --density, '),
    (['--density', 'more'], "'more', expected a number\n"),
    (['--change', 'density'], "'density', expected a name and a change"),
    (['--change', 'swing=1'], "no attribute 'swing', expected one of density"),
    (['--change', 'register/drums=1'], "no attribute 'register/drums'"),
  ],
)
def test_a_wrong_change_is_named(flags, said, song, tmp_path, model, capsys):
  args = ['edit', song, tmp_path / 'out.mid', '--model', model, *flags]
  assert said in refused(capsys, *args)
  assert list(tmp_path.iterdir()) == [song]


def test_a_model_without_directions(song, tmp_path, workdir, capsys):  # noqa: F811
  args = arguments('edit', song, tmp_path / 'a.mid', workdir)
  assert '`musae export`' in refused(capsys, *args)


@pytest.mark.parametrize(
  'out, said',
  [
    ('a.wav', 'expected a name ending in .mid, or a folder'),
    ('no/a.mid', 'there is no folder'),
    ('no/folder', 'there is no folder'),
    (None, 'no place for the music'),
  ],
)
def test_a_wrong_place_is_named_first(out, said, song, tmp_path, capsys):
  """Before a model is looked for."""
  flags = ['--out', tmp_path / out] if out else []
  args = ['reconstruct', song, '--model', 'none', *flags]
  assert said in refused(capsys, *args)


def test_a_model_without_petals(song, tmp_path, capsys):
  save(tmp_path / 'run', CONFIG | {'prior': {'kind': 'gaussian'}})
  args = arguments('transfer', song, tmp_path / 'a.mid', tmp_path / 'run')
  assert 'flower' in refused(capsys, *args)
  assert not (tmp_path / 'a.mid').exists()


def test_a_damaged_model_is_a_line(song, tmp_path, workdir):  # noqa: F811
  """In a process of its own, for what logs say to the terminal counts."""
  folder = tmp_path / 'run'
  shutil.copytree(workdir, folder)
  for path in folder.rglob('d/*'):  # where the arrays' bytes are
    path.write_bytes(path.read_bytes()[:-9] + b'something')
  args = arguments('reconstruct', song, tmp_path / 'out.mid', folder)
  status, said, error = in_a_process(*args)
  assert (status, said) == (1, '')
  assert error.count('\n') == 1 and str(folder) in error
  assert not (tmp_path / 'out.mid').exists()


def test_a_file_that_is_no_model_is_a_line(song, tmp_path, capsys):
  (tmp_path / 'a.musae').write_bytes(b'no model')
  args = arguments(
    'reconstruct', song, tmp_path / 'o.mid', tmp_path / 'a.musae'
  )
  assert 'a.musae' in refused(capsys, *args)


@pytest.mark.parametrize(
  ('command', 'which'),
  [
    ('reconstruct', 'song'),
    ('interpolate', 'song'),
    ('interpolate', 'other'),
    ('neighbours', 'other'),
  ],
)
def test_no_song_is_written_over(command, which, song, tmp_path, model, capsys):
  other = tmp_path / 'other.mid'
  midi.write(other, compose(7))
  out = {'song': song, 'other': other}[which]
  before = out.read_bytes()
  line = refused(capsys, *arguments(command, song, out, model, other))
  assert f'{out.name}: is one of the songs themselves' in line
  assert out.read_bytes() == before


def test_nor_through_a_link_nor_the_model(song, tmp_path, model, capsys):
  (tmp_path / 'a.png').symlink_to(song)
  line = refused(capsys, 'inspect', song, '--png', tmp_path / 'a.png')
  assert 'a.png: is one of the songs themselves' in line
  own = tmp_path / 'model.mid'
  shutil.copy(model, own)
  line = refused(capsys, *arguments('reconstruct', song, own, own))
  assert 'model.mid: is the model itself' in line
  (tmp_path / 'plain').touch()
  args = arguments('reconstruct', song, tmp_path / 'plain', 'none')
  assert 'plain: is a file; expected a name ending in' in refused(capsys, *args)


def test_nor_what_neighbours_wrote_and_finds_again(
  song, tmp_path, model, capsys
):
  folder = tmp_path / 'songs'
  folder.mkdir()
  shutil.copy(song, folder / 'b.mid')
  args = arguments('neighbours', song, folder, model, folder)
  assert main(*args) == 0
  before = {path: path.read_bytes() for path in folder.iterdir()}
  capsys.readouterr()
  assert 'in-neighbours-1.mid: is one of the songs' in refused(capsys, *args)
  assert before == {path: path.read_bytes() for path in folder.iterdir()}


def test_a_song_has_no_neighbour_in_itself(song, tmp_path, model, capsys):
  args = ['neighbours', song, '--model', model, '--among', song]
  assert 'no other song in it' in refused(capsys, *args)


def test_distances_that_are_none(song, tmp_path, model, monkeypatch, capsys):
  class Absurd(Silenced):
    def neighbours(self, phrase, k, among):
      found = self.model.neighbours(phrase, k, among)
      return found._replace(distance=found.distance * np.nan)

  monkeypatch.setattr(shared, 'load', lambda _: Absurd(model))
  shutil.copy(song, tmp_path / 'b.mid')
  args = ['neighbours', song, '--among', tmp_path / 'b.mid', '--json']
  assert 'finds no distances' in refused(capsys, *args, '--model', 'MODEL')


def test_without_a_terminal(song, tmp_path, monkeypatch):
  monkeypatch.setattr(sys, 'stdout', None)
  assert main('inspect', song) == 0


def test_asked_to_end_it_leaves_nothing(song, tmp_path):
  code = """
import os, pathlib, signal
from musae_jax import cli
pathlib.Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGTERM)
cli.run()
"""
  command = [sys.executable, '-c', code, 'inspect', song]
  command += ['--png', tmp_path / 'a.png']
  done = subprocess.run(command, capture_output=True, cwd=ROOT)
  assert (done.returncode, done.stderr) == (143, b'interrupted\n')
  assert [path.name for path in tmp_path.iterdir()] == [song.name]
