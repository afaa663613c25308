import collections
import os
import pathlib
import pickle

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from musae_jax import exchange, midi, phrases, pianoroll
from musae_jax.pianoroll import Notes

SHARED = pathlib.Path(__file__).parents[2] / 'shared/midi'
HOSTILE = SHARED / 'hostile'
LAKH = SHARED / 'lmd_sample/lmd_matched'

phrase = hnp.arrays(
  np.uint8, st.just((32, 4)), elements=st.integers(0, 129)
).map(pianoroll.canonical)
programs = st.tuples(
  st.integers(0, 127),
  st.integers(32, 39),
  st.integers(0, 31),
  st.integers(40, 127),
)
name = st.text(
  st.characters(codec='utf-8', exclude_characters='\0'), max_size=12
)
a_few = settings(
  max_examples=40,
  deadline=None,
  suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def melody(program=0, is_drum=False, name='Lead'):
  played = Notes(
    np.array([60, 60, 67]), np.array([0, 4, 8]), np.array([4, 8, 9])
  )
  return midi.Track(name, program, is_drum, played)


@a_few
@given(
  tokens=phrase,
  programs=programs,
  microseconds=st.integers(200_000, 2_000_000),
  names=st.tuples(name, name, name, name),
)
def test_tokens_to_a_file_and_back(
  tmp_path, tokens, programs, microseconds, names
):
  song = phrases.to_song(tokens, programs, 60e6 / microseconds, names)
  midi.write(tmp_path / 'a.mid', song)
  read = midi.read(tmp_path / 'a.mid')
  np.testing.assert_array_equal(phrases.to_tokens(read, 32), tokens)
  assert read.tempo == 60e6 / microseconds
  assert read.time_signatures == ((4, 4),)
  sounding = [t for t in song.tracks if len(t.notes.pitch)]
  expected = [(t.name or t.role, *t[1:3]) for t in sounding]
  assert [t[:3] for t in read.tracks] == expected


@a_few
@given(phrase)
@example(np.full((32, 4), pianoroll.SILENCE, np.uint8))
def test_pypianoroll_and_back(tokens):
  song = phrases.to_song(tokens, tempo=97.0)
  back = exchange.from_pypianoroll(exchange.to_pypianoroll(song))
  np.testing.assert_array_equal(phrases.to_tokens(back, 32), tokens)
  assert back.tempo == 97.0


def test_from_pypianoroll_at_another_resolution():
  roll = np.zeros((24, 128), np.uint8)
  roll[0:6, 60] = roll[6:12, 62] = 100
  import pypianoroll

  track = pypianoroll.StandardTrack('x', 33, False, roll)
  song = exchange.from_pypianoroll(
    pypianoroll.Multitrack(resolution=12, tracks=[track])
  )
  assert song.tracks[0].role == 'bass'
  assert [f.tolist() for f in song.tracks[0].notes] == [
    [60, 62],
    [0, 2],
    [2, 4],
  ]


def test_same_song_same_bytes_and_nothing_left_over(tmp_path):
  song = midi.Song((melody(), melody(0, True, 'Kit')), 133.0)
  midi.write(tmp_path / 'a.mid', song)
  midi.write(tmp_path / 'b.mid', song)
  assert (tmp_path / 'a.mid').read_bytes() == (tmp_path / 'b.mid').read_bytes()
  assert len(list(tmp_path.iterdir())) == 2


def test_a_failed_write_leaves_the_old_file(tmp_path):
  path = tmp_path / 'a.mid'
  midi.write(path, midi.Song((melody(),)))
  before = path.read_bytes()
  with pytest.raises(ValueError):
    midi.write(path, midi.Song((melody(program=300),)))
  assert path.read_bytes() == before
  assert list(tmp_path.iterdir()) == [path]


def test_read_agrees_with_pretty_midi(tmp_path):
  rng = np.random.default_rng(0)
  oracle = pretty_midi.PrettyMIDI(initial_tempo=87)
  for program, is_drum in ((0, True), (33, False), (5, False), (48, False)):
    instrument = pretty_midi.Instrument(program, is_drum, f'program {program}')
    start = np.cumsum(rng.uniform(0.05, 0.5, 40))
    for at, length in zip(start, rng.uniform(0.02, 0.05, 40)):
      pitch = int(rng.integers(20, 100))
      instrument.notes.append(pretty_midi.Note(90, pitch, at, at + length))
    oracle.instruments.append(instrument)
  oracle.write(str(tmp_path / 'a.mid'))
  oracle = pretty_midi.PrettyMIDI(str(tmp_path / 'a.mid'))
  song = midi.read(tmp_path / 'a.mid')
  assert song.tempo == pytest.approx(oracle.get_tempo_changes()[1][0])
  for track, instrument in zip(song.tracks, oracle.instruments, strict=True):
    assert track.program == instrument.program
    assert track.is_drum == instrument.is_drum
    assert track.name == instrument.name
    rows = sorted(
      (oracle.time_to_tick(n.start), n.pitch, oracle.time_to_tick(n.end))
      for n in instrument.notes
    )
    start, pitch, end = np.array(rows).T
    order = np.lexsort((track.notes.pitch, track.notes.start))
    assert track.notes.pitch.tolist() == pitch.tolist()
    steps = pianoroll.quantize(start, oracle.resolution)
    np.testing.assert_array_equal(track.notes.start[order], steps)
    ends = np.maximum(pianoroll.quantize(end, oracle.resolution), steps + 1)
    np.testing.assert_array_equal(track.notes.end[order], ends)


@pytest.mark.skipif(not LAKH.is_dir(), reason='no real songs here')
@pytest.mark.filterwarnings('ignore::RuntimeWarning')
def test_read_agrees_with_pretty_midi_on_real_songs():
  """Onset for onset; pretty_midi alone drops notes of no length."""
  for path in sorted(LAKH.rglob('*.mid'))[:6]:
    oracle = pretty_midi.PrettyMIDI(str(path))
    expected, found = collections.Counter(), collections.Counter()
    for instrument in oracle.instruments:
      ticks = [oracle.time_to_tick(note.start) for note in instrument.notes]
      steps = pianoroll.quantize(ticks, oracle.resolution).tolist()
      pitches = [note.pitch for note in instrument.notes]
      role = (instrument.is_drum, instrument.program)
      expected.update((*role, *note) for note in zip(pitches, steps))
    for track in midi.read(path).tracks:
      pitch, start, _ = (field.tolist() for field in track.notes)
      role = (track.is_drum, track.program)
      found.update((*role, *note) for note in zip(pitch, start))
    assert not expected - found
    more = [note for note in (found - expected).elements() if not note[0]]
    assert len(more) < 0.01 * found.total()


@pytest.mark.parametrize(
  'program, is_drum, role',
  [
    (0, True, 'drums'),
    (33, True, 'drums'),
    (31, False, 'guitar'),
    (32, False, 'bass'),
    (39, False, 'bass'),
    (40, False, 'strings'),
  ],
)
def test_roles(program, is_drum, role):
  assert melody(program, is_drum).role == role


def test_the_prevailing_tempo(tmp_path):
  slow_then_fast = pretty_midi.PrettyMIDI(resolution=480, initial_tempo=60)
  slow_then_fast._tick_scales.append((480, 60 / (150 * 480)))
  slow_then_fast._update_tick_to_time(4800)
  piano = pretty_midi.Instrument(0)
  piano.notes.append(pretty_midi.Note(90, 60, 0.0, 3.0))
  slow_then_fast.instruments.append(piano)
  slow_then_fast.write(str(tmp_path / 'a.mid'))
  assert midi.read(tmp_path / 'a.mid').tempo == pytest.approx(150, abs=0.01)


@pytest.mark.parametrize(
  'name, content, message',
  [
    ('empty.mid', b'', 'not a readable MIDI file'),
    ('text.mid', b'no music in here, just words', 'not a readable MIDI file'),
    ('cut.mid', b'MThd\0\0\0\6\0\1\0\1', 'not a readable MIDI file'),
    (
      'zero.mid',
      b'MThd\0\0\0\6\0\0\0\1\0\0MTrk\0\0\0\4\0\xff\x2f\0',
      'zero ticks per quarter',
    ),
    (
      'bomb.mid',
      b'MThd\0\0\0\6\0\0\0\1\0\1MTrk\0\0\0\x0f\0\x90\x3c\x40'
      b'\xff\xff\xff\x7f\x80\x3c\x40\0\xff\x2f\0',
      'song too long',
    ),
  ],
)
def test_a_bad_file_is_one_line_that_names_it(tmp_path, name, content, message):
  (tmp_path / name).write_bytes(content)
  with pytest.raises(midi.MidiError, match=message) as error:
    midi.read(tmp_path / name)
  assert name in str(error.value)
  assert '\n' not in str(error.value)


def test_a_stray_late_event_is_no_long_song(tmp_path):
  """A tempo that is set a day later counts for nothing."""
  track = mido.MidiTrack()
  track.append(mido.MetaMessage('set_tempo', tempo=600_000))
  track.append(mido.Message('note_on', note=60, velocity=90))
  track.append(mido.Message('note_off', note=60, time=5))
  track.append(mido.MetaMessage('set_tempo', tempo=900_000, time=1_000_000))
  mido.MidiFile(ticks_per_beat=1, tracks=[track]).save(tmp_path / 'a.mid')
  song = midi.read(tmp_path / 'a.mid')
  assert song.num_bars == 2
  assert song.tempo == 100


def test_only_files_are_read(tmp_path):
  os.mkfifo(tmp_path / 'pipe.mid')
  for name in ('pipe.mid', ''):
    with pytest.raises(midi.MidiError, match='not a file'):
      midi.read(tmp_path / name)


def test_an_error_survives_a_process(tmp_path):
  with pytest.raises(midi.MidiError) as error:
    midi.read(tmp_path / 'none.mid')
  again = pickle.loads(pickle.dumps(error.value))
  assert (str(again), again.reason) == (str(error.value), 'cannot be opened')


def test_a_missing_file(tmp_path):
  with pytest.raises(midi.MidiError, match=r'none\.mid: cannot be opened'):
    midi.read(tmp_path / 'none.mid')
  for path in (None, 1.5):
    with pytest.raises(midi.MidiError, match='cannot be opened .*expected str'):
      midi.read(path)


def test_a_huge_file(tmp_path, monkeypatch):
  monkeypatch.setattr(midi, 'MAX_BYTES', 10)
  (tmp_path / 'a.mid').write_bytes(b'MThd' + bytes(20))
  with pytest.raises(midi.MidiError, match='file too large'):
    midi.read(tmp_path / 'a.mid')


@a_few
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path, content, with_header):
  header = b'MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\x80' if with_header else b''
  (tmp_path / 'a.mid').write_bytes(header + content)
  try:
    assert isinstance(midi.read(tmp_path / 'a.mid'), midi.Song)
  except midi.MidiError:
    pass


@pytest.mark.skipif(not HOSTILE.is_dir(), reason='no hostile files here')
def test_hostile_files():
  for path in HOSTILE.iterdir():
    try:
      assert not midi.read(path).tracks
    except midi.MidiError as error:
      assert path.name in str(error)
