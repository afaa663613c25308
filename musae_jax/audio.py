"""A song to hear: by FluidSynth where it is installed, else by plain tones."""

import glob
import io
import os
import pathlib
import shutil
import subprocess
import tempfile
import wave

import numpy as np
from jaxtyping import Float

from musae_jax import files, midi, smf
from musae_jax.errors import UserError, first_line

_RATE = 44_100
_FRAME = 4  # bytes: two channels of 16 bits
_GAIN = '0.6'  # its own, .2, is faint
_PLAIN_RATE = 22_050
# Plain tones are made in memory, all at once.
_MAX_SECONDS = 1800
# Where systems put General MIDI sounds.
_SOUNDFONTS = ('/usr/share/sounds/sf2/*.sf2', '/usr/share/soundfonts/*.sf2')
_KICKS = 35, 36


def write(path: str | os.PathLike, song: midi.Song) -> str:
  """Writes a WAV file; returns what made its sound, in a few words.

  Raises:
    UserError: FluidSynth fails, or without it the song is over half an hour.
  """
  seconds = _seconds(song)
  if shutil.which('fluidsynth'):
    files.write(path, _by_fluidsynth(song, seconds))
    return 'FluidSynth'
  if seconds > _MAX_SECONDS:
    raise UserError(
      f'{path}: {seconds / 60:.0f} minutes, at most {_MAX_SECONDS // 60} '
      'expected where FluidSynth is not installed'
    )
  files.write(path, _wav(plain(song), _PLAIN_RATE))
  return 'plain tones, for FluidSynth is not installed'


def _by_fluidsynth(song: midi.Song, seconds: float) -> bytes:
  with tempfile.TemporaryDirectory() as folder:
    source, target = (
      pathlib.Path(folder, 'a.mid'),
      pathlib.Path(folder, 'a.wav'),
    )
    midi.write(source, song)
    command = ['fluidsynth', '-ni', '-g', _GAIN, '-r', str(_RATE)]
    command += ['-F', target, _soundfont(), source]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode or not target.exists():
      reason = first_line(OSError(done.stderr.strip()))
      raise UserError(f'fluidsynth, status {done.returncode}: {reason}')
    found = target.stat().st_size / (_RATE * _FRAME)
    if found < seconds:  # where its disk is full, it does not say so
      raise UserError(
        f'fluidsynth stopped after {found:.1f} s of {seconds:.1f}; expected '
        f'room for them in {tempfile.gettempdir()}, or where TMPDIR says'
      )
    return target.read_bytes()


def _seconds(song: midi.Song) -> float:
  return song.num_bars * 4 * min(60 / song.tempo, smf.MAX_QUARTER)


def _soundfont() -> str:
  """A General MIDI soundfont: the system's, else the one in pretty_midi."""
  for pattern in _SOUNDFONTS:
    for path in sorted(glob.glob(pattern)):
      return path
  import pretty_midi

  return str(pathlib.Path(pretty_midi.__file__).with_name('TimGM6mb.sf2'))


def plain(song: midi.Song) -> Float[np.ndarray, 't']:
  """Samples of the song in pretty_midi's sine tones, within -1 to 1.

  Drums, which have no tone there, are short noise, and the bass drum a thud.
  """
  import pretty_midi

  played = pretty_midi.PrettyMIDI(io.BytesIO(midi.to_bytes(song)))
  seconds = _seconds(song) + 1  # one to fade
  samples = np.zeros(round(seconds * _PLAIN_RATE))
  for instrument in played.instruments:
    if not instrument.is_drum:
      tones = instrument.synthesize(_PLAIN_RATE)[: len(samples)]
      samples[: len(tones)] += tones / 127
      continue
    for note in instrument.notes:
      hit = _hit(note.pitch) * note.velocity / 127
      at = int(note.start * _PLAIN_RATE)
      samples[at : at + len(hit)] += hit[: len(samples) - at]
  return samples / max(np.abs(samples).max(), 1e-9)


def _hit(pitch: int) -> Float[np.ndarray, 't']:
  t = np.arange(int(0.12 * _PLAIN_RATE)) / _PLAIN_RATE
  if pitch in _KICKS:
    return 0.5 * np.sin(2 * np.pi * 60 * t) * np.exp(-25 * t)
  noise = np.random.default_rng(pitch).uniform(-1, 1, len(t))
  return 0.15 * noise * np.exp(-50 * t)


def _wav(samples: Float[np.ndarray, 't'], rate: int) -> bytes:
  data = io.BytesIO()
  with wave.open(data, 'wb') as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(rate)
    file.writeframes((samples * 32767).astype('<i2').tobytes())
  return data.getvalue()
