"""Eight CPU devices for every test, and flags as if a program had started."""

import os
import shutil
import tempfile

os.environ.setdefault('JAX_PLATFORMS', 'cpu')
os.environ.setdefault('XLA_FLAGS', '--xla_force_host_platform_device_count=8')

# Not the user's; xdist's workers inherit it.
os.environ.setdefault(
  'JAX_COMPILATION_CACHE_DIR', tempfile.mkdtemp(prefix='musae-tests-')
)

import numpy as np
import pytest
from absl import flags

flags.FLAGS.mark_as_parsed()  # Grain reads absl flags in its threads.


def pytest_unconfigure(config):
  folder = os.environ['JAX_COMPILATION_CACHE_DIR']
  if 'musae-tests-' in folder and not hasattr(config, 'workerinput'):
    shutil.rmtree(folder, ignore_errors=True)


def _tiny_songs(seed: int, num_songs: int, timesteps: int):
  """Yields keys and records of small songs, as the builder writes them."""
  rng = np.random.default_rng(seed)
  for song in range(num_songs):
    count = int(rng.integers(1, 5))
    phrases = np.full((count, timesteps, 4), 128, np.uint8)
    beats = phrases[:, ::4]
    beats[:] = rng.integers(60, 64, beats.shape)
    phrases[:, 1:, 0] = 129
    genres = np.zeros(32, np.uint8)
    genres[rng.integers(0, 3, song % 3)] = 1  # every third song has none
    yield (
      song,
      {
        'phrases': phrases,
        'genres': genres,
        'song': f'song {seed}.{song // 2}',  # two records a song
        'bar': np.arange(count, dtype=np.int32),
        'programs': np.full((count, 4), 30, np.uint8),
        'tempo': np.float32(120),
      },
    )


@pytest.fixture(scope='session')
def tiny_data(tmp_path_factory) -> str:
  """The folder of a `lakh_pianoroll/2bar` of a hundred phrases of 8 steps."""
  return _build(tmp_path_factory.mktemp('data'), 8)


@pytest.fixture(scope='session')
def tiny_bars(tmp_path_factory) -> str:
  """The same, but its phrases have two bars indeed."""
  return _build(tmp_path_factory.mktemp('bars'), 32)


def _build(folder, timesteps: int) -> str:
  import tensorflow_datasets as tfds

  class LakhPianoroll(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    name = 'lakh_pianoroll'
    pkg_dir_path = None
    VERSION = tfds.core.Version('1.0.0')
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name='2bar')]

    def _info(self):
      def tensor(shape, dtype):
        return tfds.features.Tensor(shape=shape, dtype=dtype, encoding='bytes')

      return tfds.core.DatasetInfo(
        builder=self,
        features=tfds.features.FeaturesDict(
          {
            'phrases': tensor((None, timesteps, 4), np.uint8),
            'genres': tensor((32,), np.uint8),
            'song': tfds.features.Text(),
            'bar': tensor((None,), np.int32),
            'programs': tensor((None, 4), np.uint8),
            'tempo': np.float32,
          }
        ),
        metadata=tfds.core.MetadataDict(genres=['rock', 'pop', 'jazz']),
      )

    def _split_generators(self, dl_manager):
      return {
        'train': _tiny_songs(0, 40, timesteps),
        'validation': _tiny_songs(1, 12, timesteps),
      }

    def _generate_examples(self):
      raise NotImplementedError

  LakhPianoroll(
    config='2bar', data_dir=folder, file_format='array_record'
  ).download_and_prepare()
  return str(folder)
