"""Where the time of building the data set goes, and how fast it is.

    python -m experiments.benchmarks.build_speed --manual_dir=DIR [--songs=500]

Times parsing, encoding and writing of a sample of a folder's songs, one after
the other in one process, then builds both configs from the sample as the build
command does, with all cores, and measures memory.
"""

import contextlib
import json
import os
import pathlib
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

from musae_jax import arguments, midi, phrases
from tfds_lakh import build, pipeline, sources
from tfds_lakh.pipeline import NUM_BARS


def stages(files: list[sources.File]) -> dict:
  """Seconds of each stage in one process, and what they came to."""
  seconds = dict.fromkeys(
    ('parse', 'encode 2bar', 'encode 16bar', 'write'), 0.0
  )

  def timed(stage: str, function: Callable, *args):
    start = time.perf_counter()
    try:
      return function(*args)
    finally:
      seconds[stage] += time.perf_counter() - start

  counts = dict.fromkeys(NUM_BARS, 0)
  writer = _Writer()
  for file in files:
    try:
      song = timed('parse', midi.read, file.full_path)
      for config, num_bars in NUM_BARS.items():
        found = timed(f'encode {config}', phrases.extract, song, num_bars)
        counts[config] += len(found.tokens)
        scanned = pipeline.Scanned(file, tempo=song.tempo)
        for key, record in pipeline.records(found, scanned, []):
          timed('write', writer.write, config, key, record)
    except (midi.MidiError, phrases.SongError):
      pass
  timed('write', writer.close)
  return {'seconds': seconds, 'phrases': counts}


class _Writer:
  """TFDS's own writers, one a config, into a folder that is thrown away."""

  def __init__(self):
    from tensorflow_datasets.core import example_serializer, naming, writer

    from tfds_lakh import lakh_pianoroll

    self._folder = tempfile.mkdtemp()
    self._writers = {}
    for config in NUM_BARS:
      builder = lakh_pianoroll.LakhPianoroll(
        config=config, data_dir=self._folder
      )
      template = naming.ShardedFileTemplate(
        dataset_name=builder.name,
        data_dir=self._folder,
        split=config,
        filetype_suffix='array_record',
      )
      features = builder.info.features
      serializer = example_serializer.ExampleSerializer(
        features.get_serialized_info()
      )
      shards = writer.Writer(
        serializer=serializer,
        filename_template=template,
        hash_salt=config,
        disable_shuffling=False,
        example_writer=writer.ExampleWriter(builder.info.file_format),
      )
      self._writers[config] = features, shards

  def write(self, config: str, key: str, record: dict) -> None:
    features, shards = self._writers[config]
    shards.write(key, features.encode_example(record))

  def close(self) -> None:
    for _, shards in self._writers.values():
      shards.finalize()
    shutil.rmtree(self._folder)


def whole_build(files: list[sources.File], workers: int) -> dict:
  """Seconds of the build command on the same files, and peak memory."""
  with tempfile.TemporaryDirectory() as folder:
    songs = pathlib.Path(folder, 'songs')
    for file in files:
      path = songs / file.path
      path.parent.mkdir(parents=True, exist_ok=True)
      path.symlink_to(os.path.abspath(file.full_path))
    data_dir = os.path.join(folder, 'data')
    start = time.perf_counter()
    flags = [f'--manual_dir={songs}', f'--data_dir={data_dir}']
    with contextlib.redirect_stdout(sys.stderr):
      status = build.main([*flags, f'--workers={workers}'])
    if status:
      raise SystemExit(status)
    seconds = time.perf_counter() - start
    kept = {}
    for config in NUM_BARS:
      report = next(pathlib.Path(data_dir).glob(f'*/{config}/*/report.json'))
      kept[config] = json.loads(report.read_text())['phrases']['kept']
  # In KiB on Linux; the workers' peak is that of the largest of them.
  own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
  return {
    'seconds': seconds,
    'workers': workers,
    'phrases': kept,
    'peak_mebibytes': (own + workers * worker) / 1024,
  }


def table(result: dict) -> str:
  """The result as Markdown."""
  songs, one, all_cores = (result[k] for k in ('songs', 'stages', 'build'))
  total = sum(one['seconds'].values())
  found = sum(one['phrases'].values())
  by_stage = {f'encode {config}': n for config, n in one['phrases'].items()}
  lines = [
    '| stage, one process | seconds | share | songs/s | phrases/s |',
    '|---|---:|---:|---:|---:|',
  ]
  for stage, seconds in [*one['seconds'].items(), ('all', total)]:
    lines.append(
      f'| {stage} | {seconds:.2f} | {seconds / total:.0%} '
      f'| {songs / seconds:,.0f} '
      f'| {by_stage.get(stage, found) / seconds:,.0f} |'
    )
  kept = sum(all_cores['phrases'].values())
  lines.append(
    f'\n{songs:,} songs, both configs, {all_cores["workers"]} workers: '
    f'{all_cores["seconds"]:.1f} s, '
    f'{songs / all_cores["seconds"]:,.0f} songs/s, '
    f'{kept / all_cores["seconds"]:,.0f} phrases/s kept '
    f'({found:,} found, {kept:,} kept), peak memory at most '
    f'{all_cores["peak_mebibytes"]:,.0f} MiB'
  )
  return '\n'.join(lines)


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = arguments.Parser(
    prog='python -m experiments.benchmarks.build_speed', description=__doc__
  )
  parser.add_argument('--manual_dir', required=True, help='folder of songs')
  parser.add_argument(
    '--songs', type=arguments.positive, default=500, help='sample size'
  )
  parser.add_argument(
    '--workers', type=arguments.positive, default=os.cpu_count()
  )
  parser.add_argument('--json', action='store_true', help='print JSON')
  args = parser.parse_args(argv)
  try:
    files = sources.find(args.manual_dir).files
  except sources.SourceError as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  sample = np.random.default_rng(0).permutation(len(files))[: args.songs]
  files = [files[i] for i in sorted(sample)]
  result = {
    'songs': len(files),
    'stages': stages(files),
    'build': whole_build(files, args.workers),
  }
  print(json.dumps(result, indent=1) if args.json else table(result))
  return 0


if __name__ == '__main__':
  sys.exit(main())
