"""Songs to hear, with FluidSynth and without."""

import pathlib
import wave

import numpy as np
import pytest
from test_editing import compose

from musae_jax import audio, midi
from musae_jax.errors import UserError
from musae_jax.pianoroll import Notes


def track(program, *notes, is_drum=False):
  return midi.Track('', program, is_drum, Notes(*np.array(notes).T))


@pytest.fixture
def no_fluidsynth(monkeypatch, tmp_path):
  monkeypatch.setenv('PATH', str(tmp_path))


def fluidsynth(monkeypatch, tmp_path, script):
  program = tmp_path / 'fluidsynth'
  program.write_text(f'#!/bin/sh\n{script}\n')
  program.chmod(0o755)
  monkeypatch.setenv('PATH', f'{tmp_path}:/usr/bin:/bin')


def test_a_tone_has_its_pitch(no_fluidsynth, tmp_path):
  """The A above middle C: a bar of 440 Hz at 120 bpm is two seconds."""
  said = audio.write(tmp_path / 'a.wav', midi.Song((track(0, (69, 0, 16)),)))
  assert 'plain tones' in said
  with wave.open(str(tmp_path / 'a.wav')) as file:
    rate = file.getframerate()
    samples = np.frombuffer(file.readframes(10**7), '<i2') / 32767
  assert len(samples) / rate == pytest.approx(3, abs=0.1)  # a second to fade
  spectrum = np.abs(np.fft.rfft(samples[: 2 * rate]))
  assert spectrum.argmax() / 2 == pytest.approx(440, abs=1)
  assert 0.9 < np.abs(samples).max() <= 1


def test_drums_are_heard_at_their_time(no_fluidsynth):
  song = midi.Song((track(0, (38, 8, 9), is_drum=True),))
  samples = np.abs(audio.plain(song))
  rate = audio._PLAIN_RATE
  assert samples[: rate - 9].max() == 0  # half a bar of silence, then it comes
  assert samples[rate : rate + 2000].max() > 0.9


def test_too_long_for_memory_is_a_line(no_fluidsynth, tmp_path):
  song = midi.Song((track(0, (60, 0, 16 * 1200)),))
  with pytest.raises(UserError, match='40 minutes, at most 30'):
    audio.write(tmp_path / 'a.wav', song)
  assert not list(tmp_path.iterdir())


def test_fluidsynth_is_given_the_song_and_a_soundfont(monkeypatch, tmp_path):
  # Of -ni -g GAIN -r RATE -F OUT.wav SOUNDFONT IN.mid.
  fluidsynth(
    monkeypatch,
    tmp_path,
    f'[ "$1$2$4$6" = "-ni-g-r-F" ] && echo "$8" > {tmp_path}/font '
    f'&& cp "$9" {tmp_path}/heard && head -c 4000000 /dev/zero > "$7"',
  )
  song = compose()
  assert audio.write(tmp_path / 'a.wav', song) == 'FluidSynth'
  assert (tmp_path / 'heard').read_bytes() == midi.to_bytes(song)
  assert (tmp_path / 'a.wav').stat().st_size == 4_000_000
  font = pathlib.Path((tmp_path / 'font').read_text().strip())
  assert font.read_bytes().startswith(b'RIFF')


def test_fluidsynth_without_room_is_a_line(monkeypatch, tmp_path):
  """It ends with status 0 then, and leaves what it could write."""
  fluidsynth(monkeypatch, tmp_path, 'head -c 441000 /dev/zero > "$7"')
  with pytest.raises(UserError, match='after 2.5 s of 15.8; expected room'):
    audio.write(tmp_path / 'a.wav', compose())
  assert not (tmp_path / 'a.wav').exists()


def test_fluidsynth_that_fails_is_a_line(monkeypatch, tmp_path):
  fluidsynth(monkeypatch, tmp_path, 'echo no sound card >&2; exit 3')
  with pytest.raises(UserError, match='status 3: no sound card'):
    audio.write(tmp_path / 'a.wav', compose())
  assert not (tmp_path / 'a.wav').exists()
