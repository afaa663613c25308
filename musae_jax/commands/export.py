"""Writes a trained model as one file, to keep, to give away, or to serve.

  musae export runs/flower16 --out jazz.musae
  musae export runs/flower16 --out small.musae --dtype int8 --stablehlo served

DIR is the folder of a training run. The file needs neither it nor the data
that the model was trained on. From that data, where it is still there, it
takes what `musae edit` has to know: how codes change with the music.
"""

import argparse
import importlib.util
import os
import pathlib
import sys

from musae_jax import arguments
from musae_jax.commands import output
from musae_jax.commands.shared import Said
from musae_jax.errors import UserError

_DTYPES = ('float32', 'bfloat16', 'int8')


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Declares the arguments."""
  parser.add_argument(
    'workdir',
    type=arguments.path,
    metavar='DIR',
    help='the folder of a training run',
  )
  parser.add_argument(
    '--out',
    type=arguments.path,
    required=True,
    metavar='MODEL.musae',
    help='the file to write',
  )
  parser.add_argument(
    '--dtype',
    choices=_DTYPES,
    default='float32',
    help='how weights are stored: as they are (float32, the default), in half '
    'the space (bfloat16), or in a quarter (int8)',
  )
  parser.add_argument(
    '--data_dir',
    type=arguments.path,
    metavar='DATA',
    help='where the data set lies now; where it lay in training by default',
  )
  parser.add_argument(
    '--stablehlo',
    type=arguments.path,
    metavar='FOLDER',
    help='also write encode and decode for other languages, as StableHLO',
  )


def run(args: argparse.Namespace) -> Said:
  """Writes the file, and the folder if asked to.

  Raises:
    UserError: the run cannot be read, or the data set that was named.
    OSError: a file cannot be written.
  """
  output.check_file(args.out)
  if args.out.lower().endswith(output.MIDI):
    raise UserError(f'{args.out}: names music; expected a name as MODEL.musae')
  if os.path.exists(args.out) and _is_song(args.out):
    raise UserError(f'{args.out}: is a song, expected another place')
  if args.stablehlo and os.path.isfile(args.stablehlo):
    raise UserError(f'{args.stablehlo}: is a file, expected a folder')
  if args.stablehlo and not importlib.util.find_spec('flatbuffers'):
    raise UserError(
      '--stablehlo: flatbuffers is not installed, expected '
      "pip install 'musae-jax[stablehlo]'"
    )
  # JAX takes a second to import, which --help shall not wait for.
  from musae_jax import checkpoint, exported, stablehlo
  from musae_jax.coding import Coder

  try:
    loaded = checkpoint.load(args.workdir)
    coder = Coder.of(loaded)
    directions = _directions(args, loaded, coder)
    exported.save(args.out, loaded, args.dtype, directions)
    if args.stablehlo:
      stablehlo.export(
        coder.model, coder.params, coder.num_steps, args.stablehlo
      )
  except OSError:
    raise
  except ValueError as error:  # each says in a line what is wrong
    raise UserError(str(error)) from error
  size = pathlib.Path(args.out).stat().st_size
  lines = [f'{args.out}: {size:,} bytes, {args.dtype}']
  if args.stablehlo:
    lines.append(f'{args.stablehlo}: encode and decode in StableHLO')
  facts = {
    'out': args.out,
    'bytes': size,
    'dtype': args.dtype,
    'attributes': list(directions.names) if directions else [],
    'stablehlo': args.stablehlo,
  }
  return Said('\n'.join(lines), facts)


def _is_song(path: str) -> bool:
  with open(path, 'rb') as file:
    return file.read(4) == b'MThd'


def _directions(args, loaded, coder):
  """How codes change with attributes; None where the data set is gone."""
  from musae_jax import data, steering

  about = loaded.config.get('data', {})
  where = args.data_dir or about.get('dir')
  if loaded.directions or not where:
    return loaded.directions
  try:
    split = data.load(loaded.dataset['name'].rpartition('/')[0], where, 'train')
  except data.MissingDataset as error:
    if args.data_dir:
      raise
    print(
      f'{args.out} will not know how to edit attributes: {error}; '
      'or name its folder: --data_dir=DATA',
      file=sys.stderr,
    )
    return None
  known = split.timesteps, list(split.genre_names)
  expected = loaded.dataset['timesteps'], list(loaded.dataset['genres'])
  if known != expected:
    raise UserError(
      f'{where}: its phrases have {known[0]} timesteps and the genres '
      f'{", ".join(known[1])}; expected those of the run, {expected[0]} and '
      + ', '.join(expected[1])
    )
  return steering.fit_split(coder, split)
