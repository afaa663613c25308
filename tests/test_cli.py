import json

import numpy as np
import pytest
from test_editing import compose, workdir  # noqa: F401

from musae_jax import cli, midi, phrases
from musae_jax.commands import inspect


@pytest.fixture
def song(tmp_path):
  midi.write(tmp_path / 'in.mid', compose())
  return tmp_path / 'in.mid'


def test_inspect(song, tmp_path, capsys):
  picture = tmp_path / 'roll.png'
  assert cli.main(['inspect', str(song), '--png', str(picture)]) == 0
  said = capsys.readouterr().out
  assert '6 bars, 91 bpm, 4/4' in said
  assert '35 Electric Bass (pick)' in said
  assert 'Few keys' in said
  assert '2-bar phrases: ' in said
  assert '16-bar phrases: none, the song has 6 bars' in said
  assert picture.read_bytes().startswith(b'\x89PNG')


def test_inspect_names_programs(song, capsys):
  cli.main(['inspect', str(song), '--json'])
  tracks = json.loads(capsys.readouterr().out)['tracks']
  assert [(t['program'], t['program_name']) for t in tracks[:2]] == [
    (0, None),
    (34, 'Electric Bass (pick)'),
  ]


def test_inspect_counts_what_the_data_set_keeps(song, capsys):
  cli.main(['inspect', str(song)])
  expected = len(phrases.extract(midi.read(song), 2).tokens)
  assert f'2-bar phrases: {expected} from 5 windows, 2 combinations' in (
    capsys.readouterr().out
  )


def test_inspect_says_why_windows_fall_out(tmp_path, capsys):
  song = compose(bars=9)
  bass = song.tracks[1]
  first = phrases.Notes(*(field[:1] for field in bass.notes))
  tracks = (song.tracks[0], bass._replace(notes=first), *song.tracks[2:])
  midi.write(tmp_path / 'a.mid', song._replace(tracks=tracks))
  cli.main(['inspect', str(tmp_path / 'a.mid')])
  # The bass sounds for 24 timesteps: only window 0 hears enough of it.
  assert 'bass silent for more than a bar in 7 of the windows' in (
    capsys.readouterr().out
  )


def test_inspect_counts_repeats(tmp_path, capsys):
  song = compose()
  beat = phrases.Notes(*np.array([(40, s, s + 2) for s in range(0, 96, 4)]).T)
  tracks = tuple(track._replace(notes=beat) for track in song.tracks)
  midi.write(tmp_path / 'a.mid', song._replace(tracks=tracks))
  cli.main(['inspect', str(tmp_path / 'a.mid')])
  assert '1 from 5 windows, 2 combinations of tracks: 0 fall out for ' in (
    said := capsys.readouterr().out
  )
  assert '9 are repeats' in said


def test_inspect_does_not_count_without_end(tmp_path, capsys, monkeypatch):
  monkeypatch.setattr(inspect, '_MAX_WINDOWS', 9)
  midi.write(tmp_path / 'a.mid', compose())
  cli.main(['inspect', str(tmp_path / 'a.mid')])
  assert 'too many to count' in capsys.readouterr().out


def test_inspect_says_what_is_missing(tmp_path, capsys):
  song = compose()
  midi.write(tmp_path / 'a.mid', song._replace(tracks=song.tracks[1:]))
  assert cli.main(['inspect', str(tmp_path / 'a.mid')]) == 0
  assert 'No phrases for a data set: no drums track.' in capsys.readouterr().out


def test_reconstruct(song, tmp_path, workdir, capsys):  # noqa: F811
  out, picture = tmp_path / 'out.mid', tmp_path / 'both.png'
  flags = ['--workdir', str(workdir), '--png', str(picture)]
  assert cli.main(['reconstruct', str(song), str(out), *flags]) == 0
  assert 'of timesteps in strings' in capsys.readouterr().out
  again = midi.read(out)
  assert again.tempo == pytest.approx(91, rel=1e-6)
  assert again.time_signatures == ((4, 4),)
  programs = {0: 'drums', 34: 'bass', 4: 'guitar', 61: 'strings'}
  for track in again.tracks:
    assert programs[track.program] == track.role
    assert np.all(track.notes.end > track.notes.start)
  assert picture.exists()
  first = out.read_bytes()
  assert cli.main(['reconstruct', str(song), str(out), *flags[:2]]) == 0
  assert out.read_bytes() == first


def run(capsys, *args):
  status = cli.main([str(arg) for arg in args])
  error = capsys.readouterr().err
  assert error.count('\n') == 1
  return status, error


@pytest.mark.parametrize('command', ['inspect', 'reconstruct'])
def test_where_nothing_can_be_written(command, song, tmp_path, capsys):
  """Found out before the work, and named as the user names it."""
  flags = ['out.mid', '--workdir=none'] if command == 'reconstruct' else []
  for name, said in (('a.xyz', 'is no picture'), ('no/a.png', 'no folder')):
    args = [command, str(song), *flags, f'--png={tmp_path / name}']
    try:
      status = cli.main(args)
    except SystemExit as stopped:
      status = stopped.code
    error = capsys.readouterr().err
    assert status and said in error and name in error
    assert error.count('\n') == 1


def test_errors_are_one_line(song, tmp_path, workdir, capsys):  # noqa: F811
  out = tmp_path / 'out.mid'
  status, error = run(capsys, 'inspect', tmp_path / 'none.mid')
  assert status == 1 and 'none.mid: cannot be opened' in error
  status, error = run(
    capsys, 'reconstruct', song, out, '--workdir', tmp_path / 'none'
  )
  assert status == 1 and 'none: is not there' in error
  waltz = compose()._replace(time_signatures=((3, 4),))
  midi.write(tmp_path / 'waltz.mid', waltz)
  status, error = run(
    capsys, 'reconstruct', tmp_path / 'waltz.mid', out, '--workdir', workdir
  )
  assert status == 1
  assert 'waltz.mid: time signature other than 4/4' in error
  assert not out.exists()
