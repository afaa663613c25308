"""Builds `lakh_pianoroll` from a folder of MIDI files, or from Lakh itself.

    python -m tfds_lakh.build --config=16bar --manual_dir=DIR --data_dir=DIR

Without --manual_dir the Lakh archives are fetched and unpacked first.
"""

import argparse
import contextlib
import io
import os
import pathlib
import shutil
import sys

from musae_jax import arguments
from musae_jax.alone import alone
from musae_jax.errors import first_line
from tfds_lakh import pipeline, sources


def _configs(text: str) -> list[str]:
  names = text.split(',')
  for name in names:
    if name not in pipeline.NUM_BARS:
      raise argparse.ArgumentTypeError(
        f'no config {name!r}; there are {", ".join(pipeline.NUM_BARS)}'
      )
  return names


def _parser() -> arguments.Parser:
  parser = arguments.Parser(
    prog='python -m tfds_lakh.build', description=__doc__
  )
  add = parser.add_argument
  add(
    '--config',
    type=_configs,
    action='extend',
    metavar='NAME[,NAME]',
    help=f'{" or ".join(pipeline.NUM_BARS)}, or several; all by default',
  )
  add(
    '--manual_dir',
    type=arguments.path,
    help='folder of MIDI files; Lakh is fetched without it',
  )
  add(
    '--data_dir',
    type=arguments.path,
    required=True,
    help='folder that gets the data set',
  )
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
  add(
    '--ring_order',
    type=arguments.path,
    metavar='FILE',
    help='the genres, one a line, in the order of the ring; computed from the '
    'tags if not given',
  )
  add('--beam_pipeline_options', metavar='A=B,C', help='run on Apache Beam '
      'with these options, such as runner=DirectRunner')  # fmt: skip
  return parser


def main(argv=None) -> int:
  """Builds each config; one line and exit code 1 for what cannot be built."""
  args = _parser().parse_args(argv)
  try:
    with _alone(args.data_dir):
      for config in args.config or pipeline.NUM_BARS:
        print(_build(config, args).joinpath('report.md').read_text())
  except (sources.SourceError, pipeline.BuildError, OSError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  return 0


def _alone(data_dir):
  """Holds the data set's folder, so that no second build writes into it."""
  taken = pipeline.BuildError(f'{data_dir}: another build is writing into it')
  return alone(os.path.join(data_dir, 'lakh_pianoroll'), taken)


def _build(config: str, args) -> pathlib.Path:
  """Prepares one config and returns its folder.

  It is written aside and renamed when whole: what was there stays until then,
  and of a build that was killed nothing is left but a folder to remove.
  """
  from tfds_lakh.lakh_pianoroll import LakhPianoroll  # slow to import

  place = pathlib.Path(LakhPianoroll.name, config, str(LakhPianoroll.VERSION))
  folder = pathlib.Path(args.data_dir, place)
  aside = pathlib.Path(args.data_dir, f'.building-{config}')
  before = aside / 'before'
  if before.exists() and not folder.exists():
    before.rename(folder)  # killed between the two renames below
  shutil.rmtree(aside, ignore_errors=True)
  if (folder / 'report.md').exists() and not args.overwrite:
    print(f'{folder} is there already; --overwrite builds it anew')
    return folder
  try:
    builder = LakhPianoroll(
      config=config,
      data_dir=aside,
      workers=args.workers,
      ring_order=args.ring_order,
    )
    _prepare(builder, args)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
      folder.rename(before)
    (aside / place).rename(folder)
  finally:
    shutil.rmtree(aside, ignore_errors=True)
  return folder


def _prepare(builder, args) -> None:
  """Runs TFDS, whose own messages speak of the folder aside.

  Raises:
    BuildError: anything that TFDS, Beam or the disk objects to.
  """
  import tensorflow_datasets as tfds

  tfds.disable_progress_bar()  # the builder shows its own
  # Kept, unlike what is aside: Lakh is fetched once.
  downloads = os.path.join(args.data_dir, 'downloads')
  config = tfds.download.DownloadConfig(
    manual_dir=args.manual_dir and os.path.abspath(args.manual_dir),
    num_shards=args.num_shards,
    beam_options=_beam_options(args.beam_pipeline_options),
  )
  try:
    with contextlib.redirect_stdout(io.StringIO()):
      builder.download_and_prepare(
        download_dir=downloads if args.manual_dir is None else None,
        download_config=config,
      )
  except (sources.SourceError, pipeline.BuildError, OSError):
    raise
  except Exception as error:
    raise pipeline.BuildError(
      f'{args.data_dir}: {first_line(error)}'
    ) from error


def _beam_options(text: str | None):
  if text is None:
    return None
  try:
    from apache_beam.options import pipeline_options
  except ImportError:
    raise pipeline.BuildError(
      '--beam_pipeline_options: Apache Beam is not installed; '
      "pip install 'musae-jax[beam]'"
    ) from None
  flags = [f'--{option}' for option in text.split(',') if option]
  return pipeline_options.PipelineOptions(flags=flags)


if __name__ == '__main__':
  sys.exit(main())
