"""The TFDS data set `lakh_pianoroll`: unique phrases of four-track songs.

    python -m tfds_lakh.build --config=2bar --manual_dir=DIR --data_dir=DIR

Built and read without TensorFlow. One record holds some of a file's phrases;
the metadata holds the genres in the order of the ring.
"""

import functools
import os
import pathlib

import numpy as np
import tensorflow_datasets as tfds

from musae_jax import genres as genres_lib
from musae_jax.pianoroll import STEPS_PER_BAR, TRACKS
from musae_jax.progress import progress
from tfds_lakh import pipeline, report, sources
from tfds_lakh.bounded import BoundedPool, Limits
from tfds_lakh.pipeline import NUM_BARS

_LAKH = 'http://hog.ee.columbia.edu/craffel/lmd/'
# The scan decides which files are used. Extraction does the same work again,
# so it may take longer before the build, not the file, is given up.
_EXTRACT_LIMITS = Limits(seconds=120, mebibytes=4096)


class LakhPianoroll(tfds.core.GeneratorBasedBuilder):
  """Phrases of drums, bass, guitar and strings (the paper, section 4.1)."""

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES = {'1.0.0': 'The 130-token grid of musae_jax.pianoroll.'}
  BUILDER_CONFIGS = [
    tfds.core.BuilderConfig(name=name, description=f'Phrases of {bars} bars.')
    for name, bars in NUM_BARS.items()
  ]
  MANUAL_DOWNLOAD_INSTRUCTIONS = (
    'A folder of .mid files with an optional labels.csv, or Lakh as '
    'downloaded: lmd_matched/ and lmd_matched_h5/. Without one, Lakh is '
    'fetched.'
  )

  def __init__(
    self,
    *,
    file_format='array_record',
    workers: int | None = None,
    ring_order: str | None = None,
    **kwargs,
  ):
    """A builder.

    Args:
      file_format: the one that TFDS reads and writes without TensorFlow.
      workers: processes that parse; all cores by default.
      ring_order: a file of the genres, one a line, in the order of the ring.
      **kwargs: of `tfds.core.GeneratorBasedBuilder`: config, data_dir.
    """
    self._workers = workers or os.cpu_count()
    self._ring_order = ring_order
    super().__init__(file_format=file_format, **kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    num_steps = NUM_BARS[self.builder_config.name] * STEPS_PER_BAR
    num_tracks = len(TRACKS)
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(
        {
          'phrases': tfds.features.Tensor(
            shape=(None, num_steps, num_tracks),
            dtype=np.uint8,
            encoding='bytes',
          ),
          'genres': tfds.features.Tensor(
            shape=(genres_lib.NUM_GENRES,), dtype=np.bool_
          ),
          'song': tfds.features.Text(),
          'file': tfds.features.Text(),
          'bar': tfds.features.Tensor(shape=(None,), dtype=np.int32),
          'programs': tfds.features.Tensor(
            shape=(None, num_tracks), dtype=np.uint8, encoding='bytes'
          ),
          'tempo': tfds.features.Scalar(dtype=np.float32),
        }
      ),
      metadata=tfds.core.MetadataDict(),
      homepage='https://colinraffel.com/projects/lmd/',
    )

  def _download_and_prepare(self, dl_manager, download_config):
    self._folder = download_config.manual_dir
    beam = {
      'runner': download_config.beam_runner,
      'options': download_config.beam_options,
    }
    self._beam = beam if any(beam.values()) else None
    super()._download_and_prepare(dl_manager, download_config)
    report.write(self, self._source, self._scanned)

  def _split_generators(self, dl_manager):
    self._source = self._find(dl_manager)
    self._scanned = self._scan(self._source.files)
    retained = [scanned for scanned in self._scanned if not scanned.rejected]
    genres = self._genres(retained)
    num_bars = NUM_BARS[self.builder_config.name]
    splits = {'validation': [], 'train': []}
    for scanned in retained:
      if scanned.num_phrases[num_bars]:
        is_validation = pipeline.is_validation(scanned.file.song)
        splits['validation' if is_validation else 'train'].append(scanned)
    for split, files in splits.items():
      if not files:
        raise pipeline.BuildError(
          f'no song of the {split} split has a phrase of {num_bars} bars; '
          f'{len(self._scanned)} files were read and {len(retained)} passed '
          f'the song filter. {report.reasons(self._scanned)}'
        )
    self.info.metadata.update(genres=genres, num_bars=num_bars)
    if self._beam:
      return self._beam_generators(splits, genres, num_bars)
    seen = set()  # validation goes first, so it keeps what both splits have
    return {
      split: self._generate_examples(files, genres, num_bars, seen, split)
      for split, files in splits.items()
    }

  def _generate_examples(self, files, genres, num_bars, seen, split):
    by_file = {scanned.file: scanned for scanned in files}
    work = functools.partial(pipeline.extract, num_bars=num_bars)
    with BoundedPool(self._workers, _EXTRACT_LIMITS) as pool:
      label = f'{self.builder_config.name} {split}'
      results = progress(pool.map(work, by_file), len(by_file), label)
      before = len(seen)
      for file, result in results:
        new = pipeline.unseen(*pipeline.checked(file, result), seen)
        yield from pipeline.records(new, by_file[file], genres)
    if len(seen) == before:
      raise pipeline.BuildError(
        f'every phrase of the {split} split is in the validation split too'
      )

  def _beam_generators(self, splits, genres, num_bars):
    from tfds_lakh import beam_pipeline

    return {
      split: beam_pipeline.Records(
        splits, split, genres, num_bars, _EXTRACT_LIMITS
      )
      for split in splits
    }

  def _find(self, dl_manager) -> sources.Source:
    if self._folder is not None:
      return sources.find(self._folder)
    folders = dl_manager.download_and_extract(
      {
        name: f'{_LAKH}{name}.tar.gz'
        for name in ('lmd_matched', 'lmd_matched_h5')
      }
    )
    return sources.lakh(
      *(pathlib.Path(folder, name) for name, folder in folders.items())
    )

  def _scan(self, files: list[sources.File]) -> list[pipeline.Scanned]:
    if self._beam:
      from tfds_lakh import beam_pipeline

      return beam_pipeline.scan(files, self.data_path, **self._beam)
    return _scan_in_pool(tuple(files), self._workers)

  def _genres(self, retained: list[pipeline.Scanned]) -> list[str]:
    """The most frequent tags, in the order of the ring."""
    by_song = {scanned.file.song: scanned.file.tags for scanned in retained}
    songs = [by_song[song] for song in sorted(by_song)]
    genres = genres_lib.vocabulary(songs)
    if self._ring_order:
      try:
        text = pathlib.Path(self._ring_order).read_text('utf-8-sig')
        lines = text.splitlines()
        return genres_lib.hand_made_order(lines, genres)
      except ValueError as error:
        raise pipeline.BuildError(f'{self._ring_order}: {error}') from None
    similarity = genres_lib.similarity(songs, genres)
    return [genres[i] for i in genres_lib.ring_order(similarity)]


@functools.lru_cache(maxsize=1)  # the configs of one command share the scan
def _scan_in_pool(files: tuple[sources.File, ...], workers: int):
  with BoundedPool(workers) as pool:
    results = progress(pool.map(pipeline.scan, files), len(files), 'scan')
    return [pipeline.scan_outcome(*result) for result in results]
