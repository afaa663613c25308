"""Builds `lakh_pianoroll` from a folder of MIDI files, or from Lakh itself.

    python -m tfds_lakh.build --config=16bar --manual_dir=DIR --data_dir=DIR

Without --manual_dir the Lakh archives are fetched and unpacked first.
"""

import argparse
import os
import pathlib
import shutil
import sys

from musae_jax import arguments

CONFIGS = ('2bar', '16bar')


def _configs(text: str) -> list[str]:
  names = text.split(',')
  for name in names:
    if name not in CONFIGS:
      raise argparse.ArgumentTypeError(
        f'no config {name!r}; there are {", ".join(CONFIGS)}'
      )
  return names


def _parser() -> arguments.Parser:
  parser = arguments.Parser(
    prog='python -m tfds_lakh.build', description=__doc__
  )
  add = parser.add_argument
  add('--config', type=_configs, action='extend', metavar='NAME[,NAME]',
      help=f'{" or ".join(CONFIGS)}, or several; all by default')  # fmt: skip
  add('--manual_dir', help='folder of MIDI files; Lakh is fetched without it')
  add('--data_dir', required=True, help='folder that gets the data set')
  add(
    '--num_shards',
    type=arguments.positive,
    help='files a split; by its size if not given',
  )
  add(
    '--workers',
    type=arguments.positive,
    help='processes that parse; default all cores',
  )
  add('--overwrite', action='store_true', help='build again what is there')
  add('--ring_order', metavar='FILE', help='the genres, one a line, in the '
      'order of the ring; computed from the tags if not given')  # fmt: skip
  add('--beam_pipeline_options', metavar='A=B,C', help='run on Apache Beam '
      'with these options, such as runner=DirectRunner')  # fmt: skip
  return parser


def main(argv=None) -> int:
  """Builds each config; one line and exit code 1 for what cannot be built."""
  args = _parser().parse_args(argv)
  # Slow to import, and the pool's workers import this module.
  from tfds_lakh import pipeline, sources

  try:
    for config in args.config or CONFIGS:
      print(_build(config, args).joinpath('report.md').read_text())
  except (sources.SourceError, pipeline.BuildError, OSError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  return 0


def _build(config: str, args) -> pathlib.Path:
  """Prepares one config and returns its folder.

  It is written aside and renamed when whole: what was there stays until then,
  and of a build that was killed nothing is left but a folder to remove.
  """
  folder = _builder(config, args.data_dir, args).data_path
  aside = pathlib.Path(args.data_dir, f'.building-{config}')
  before = aside / 'before'
  if before.exists() and not folder.exists():
    before.rename(folder)  # killed between the two renames below
  shutil.rmtree(aside, ignore_errors=True)
  if folder.exists() and not args.overwrite:
    print(f'{folder} is there already; --overwrite builds it again')
    return folder
  try:
    builder = _builder(config, aside, args)
    _prepare(builder, args)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
      folder.rename(before)
    builder.data_path.rename(folder)
  finally:
    shutil.rmtree(aside, ignore_errors=True)
  return folder


def _builder(config: str, data_dir, args):
  from tfds_lakh import lakh_pianoroll

  return lakh_pianoroll.LakhPianoroll(
    config=config,
    data_dir=data_dir,
    workers=args.workers,
    ring_order=args.ring_order,
  )


def _prepare(builder, args) -> None:
  import tensorflow_datasets as tfds

  tfds.disable_progress_bar()  # the builder shows its own
  builder.download_and_prepare(
    # Kept, unlike what is aside: Lakh is fetched once.
    download_dir=None
    if args.manual_dir
    else os.path.join(args.data_dir, 'downloads'),
    download_config=tfds.download.DownloadConfig(
      manual_dir=args.manual_dir and os.path.abspath(args.manual_dir),
      num_shards=args.num_shards,
      beam_options=_beam_options(args.beam_pipeline_options),
    ),
  )


def _beam_options(text: str | None):
  if text is None:
    return None
  from apache_beam.options import pipeline_options

  flags = [f'--{option}' for option in text.split(',') if option]
  return pipeline_options.PipelineOptions(flags=flags)


if __name__ == '__main__':
  sys.exit(main())
