"""MIDI files to the byte."""

import io

import mido
import numpy as np
import pytest

from musae_jax import midi, smf
from musae_jax.pianoroll import Notes


def part(pitch, start, end, is_drum=False, velocity=90):
  fields = (np.array(x) for x in (pitch, start, end))
  return smf.Part('', 0, is_drum, *fields, np.full(len(pitch), velocity))


def test_a_note_to_the_byte():
  """Written out by hand from the specification."""
  data = smf.encode([part([60], [0], [480])], 120, [(4, 4)], 1920)
  assert data == (
    b'MThd\0\0\0\6\0\1\0\2\1\xe0'
    b'MTrk\0\0\0\x14'
    b'\0\xff\x51\3\x07\xa1\x20'  # 500,000 microseconds
    b'\0\xff\x58\4\4\2\x18\x08'  # 4/2^2
    b'\x8f\0\xff\x2f\0'  # after 15 * 128 ticks the bar is over
    b'MTrk\0\0\0\x15'
    b'\0\xff\3\0'  # no name
    b'\0\xc0\0'
    b'\0\x90\x3c\x5a'
    b'\x83\x60\x80\x3c\x40'  # 3 * 128 + 96 ticks later
    b'\x8b\x20\xff\x2f\0'
  )


def test_a_track_is_as_long_as_the_song(tmp_path):
  """The bar goes on after its last note, in every track."""
  drums = midi.Track('', 0, True, Notes(*np.array([[36], [0], [1]])))
  piano = midi.Track('', 0, False, Notes(*np.array([[60], [4], [18]])))
  midi.write(tmp_path / 'a.mid', midi.Song((drums, piano)))
  for track in mido.MidiFile(tmp_path / 'a.mid').tracks:
    assert sum(message.time for message in track) == 2 * 4 * 480


def test_each_track_has_a_channel_while_there_are_any():
  parts = [part([60], [0], [480], is_drum=i == 3) for i in range(16)]
  file = mido.MidiFile(file=io.BytesIO(smf.encode(parts, 120, [], 0)))
  channels = [
    {message.channel for message in track if not message.is_meta}
    for track in file.tracks[1:]
  ]
  assert channels[3] == {9}
  assert sorted(c.pop() for c in channels) == list(range(16))


def test_notes_of_a_pitch_are_apart():
  found = smf.apart(
    part([60, 60, 62, 60, 64], [0, 8, 0, 0, 9], [9, 9, 20, 4, 9])
  )
  assert list(zip(*(x.tolist() for x in found[3:6]))) == [
    (60, 0, 8),  # struck again at 8; the shorter one at 0 is gone
    (62, 0, 20),
    (60, 8, 9),
    (64, 9, 10),  # one tick at least
  ]


def test_tracks_that_rest_leave_channels_to_those_that_sound():
  silent = part([], [], [])
  parts = [silent] * 20 + [part([60], [0], [480])] * 15
  file = mido.MidiFile(file=io.BytesIO(smf.encode(parts, 120, [], 0)))
  struck = [
    message.channel
    for track in file.tracks
    for message in track
    if message.type == 'note_on'
  ]
  assert sorted(struck) == [i for i in range(16) if i != 9]


def test_what_midi_has_no_bytes_for():
  with pytest.raises(ValueError, match='range 0..127'):
    smf.encode([part([200], [0], [1])], 120, [], 0)


def test_what_was_read_is_written_as_it_was_played(tmp_path):
  """Off the grid, and soft; what is made anew is on it."""
  written = smf.encode(
    [part([60, 64], [7, 500], [490, 1930], velocity=33)], 90, [(4, 4)], 1920
  )
  (tmp_path / 'a.mid').write_bytes(written)
  midi.write(tmp_path / 'b.mid', midi.read(tmp_path / 'a.mid'))
  track = mido.MidiFile(tmp_path / 'b.mid').tracks[1]
  now, found = 0, []
  for message in track:
    now += message.time
    if message.type in ('note_on', 'note_off'):
      found.append((message.type, message.note, message.velocity, now))
  assert found == [
    ('note_on', 60, 33, 7),
    ('note_off', 60, 64, 490),
    ('note_on', 64, 33, 500),
    ('note_off', 64, 64, 1920),  # the release would have begun another bar
  ]


def test_controllers_are_written_as_they_were_read(tmp_path):
  """Before the note that is struck at the same tick; what is later is cut."""
  moves = [(0, 7, 90), (0, 64, 127), (480, smf.PITCH_BEND, -500), (480, 64, 0)]
  played = part([60, 64], [0, 480], [480, 900])._replace(
    moves=[*moves, (1920, 7, 1)]
  )
  written = smf.encode([played], 90, [(4, 4)], 1920)
  (tmp_path / 'a.mid').write_bytes(written)
  song = midi.read(tmp_path / 'a.mid')
  midi.write(tmp_path / 'b.mid', song)
  now, found = 0, []
  for message in mido.MidiFile(tmp_path / 'b.mid').tracks[1]:
    now += message.time
    if not message.is_meta:
      found.append((now, message.type, *message.bytes()[1:]))
  bend = (8192 - 500) % 128, (8192 - 500) // 128
  assert found[1:] == [  # behind the program
    (0, 'control_change', 7, 90),
    (0, 'control_change', 64, 127),
    (0, 'note_on', 60, 90),
    (480, 'control_change', 64, 0),
    (480, 'pitchwheel', *bend),
    (480, 'note_off', 60, 64),
    (480, 'note_on', 64, 90),
    (900, 'note_off', 64, 64),
  ]


def test_more_tracks_than_channels():
  """Those of the song have theirs again; behind the last, another port."""
  read = [part([60], [0], [9])._replace(channel=c) for c in (0, 3, 3, 15)]
  made = [part([60], [0], [9])] * 14
  places = smf._places(read + made)
  assert places[:4] == [(0, 0), (0, 3), (0, 3), (0, 15)]
  assert len(set(places[4:])) == 14
  assert not set(places[:4]) & set(places[4:])
  assert [port for port, _ in places[4:]] == [0] * 12 + [1] * 2
  assert all(channel != 9 for _, channel in places)
  data = smf.encode(read + made, 120, [(4, 4)], 9)
  tracks = mido.MidiFile(file=io.BytesIO(data)).tracks
  assert [m.port for m in tracks[-1] if m.type == 'midi_port'] == [1]


def of_one_channel():
  """A guitar, a horn, the guitar, on channel 4; the horn's track is last."""
  bends = [(480, smf.PITCH_BEND, 9)]
  guitar = part([60, 62], [0, 960], [480, 1440])
  horn = part([62, 60], [480, 1440], [960, 1920])
  return [
    guitar._replace(name='a', program=29, channel=4, moves=[(0, 10, 99)]),
    horn._replace(name='b', program=60, channel=4, moves=bends),
  ]


def test_a_channel_of_several_programs(tmp_path):
  """Each is called for when it plays; no note ends what another track has."""
  data = smf.encode(of_one_channel(), 120, [(4, 4)], 1920)
  now, program, sounding, found = 0, None, set(), []
  for message in mido.merge_tracks(mido.MidiFile(file=io.BytesIO(data)).tracks):
    now += message.time
    if message.type == 'program_change':
      program = message.program
    if message.type == 'note_on':
      assert message.note not in sounding
      sounding.add(message.note)
      found.append((now, message.channel, program, message.note))
    if message.type == 'note_off':
      sounding.remove(message.note)
  assert found == [
    (0, 4, 29, 60),
    (480, 4, 60, 62),
    (960, 4, 29, 62),
    (1440, 4, 60, 60),
  ]
  (tmp_path / 'a.mid').write_bytes(data)
  tracks = midi.read(tmp_path / 'a.mid').tracks
  assert [(t.program, t.channel) for t in tracks] == [(29, 4), (60, 4)]
  assert midi.to_bytes(midi.read(tmp_path / 'a.mid')) == data


def test_channels_are_known_where_all_tracks_end_as_they_ought_to(tmp_path):
  parts = [
    part([60], [0], [9])._replace(program=program, channel=channel)
    for program, channel in ((0, 0), (33, 2), (48, 1))
  ]
  data = smf.encode(parts, 120, [(4, 4)], 9)
  path = tmp_path / 'a.mid'
  path.write_bytes(data)
  assert [track.channel for track in midi.read(path).tracks] == [0, 2, 1]
  # The second part's, behind the tempo's and the first's.
  start = [i for i in range(len(data)) if data.startswith(b'MTrk', i)][2]
  size = int.from_bytes(data[start + 4 : start + 8], 'big')
  end = start + 8 + size
  assert data[end - 4 : end].endswith(b'\xff\x2f\0')
  cut = data[: start + 4] + (size - 4).to_bytes(4, 'big')
  path.write_bytes(cut + data[start + 8 : end - 4] + data[end:])
  tracks = midi.read(path).tracks
  assert [track.channel for track in tracks] == [None] * 3
  assert [track.notes.pitch.tolist() for track in tracks] == [[60]] * 3


def test_a_track_without_a_name_is_named_after_its_role():
  notes = Notes(*np.array([[40, 0, 4]]).T)
  song = midi.Song((midi.Track('', 33, False, notes),))
  file = mido.MidiFile(file=io.BytesIO(midi.to_bytes(song)))
  assert file.tracks[1].name == 'bass'
