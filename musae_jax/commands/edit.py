"""Makes a song busier or calmer, higher or lower, its notes longer or shorter.

  musae edit song.mid busier.mid --density +0.5 --model jazz.musae
  musae edit song.mid lower.mid --change register/bass=-1 --model jazz.musae

A change of 1 is a standard deviation of the music that the model has learnt
from: .5 is noticeable, 2 a lot. MODEL is a file that `musae export` wrote.
"""

import argparse

import numpy as np

from musae_jax import phrases
from musae_jax.commands import output, shared
from musae_jax.errors import UserError

_KINDS = ('density', 'note_length', 'register', 'syncopation')


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Declares the arguments."""
  shared.add_song(parser)
  output.add_out(parser)
  shared.add_model(parser)
  for kind in _KINDS:
    parser.add_argument(
      *dict.fromkeys((f'--{kind}', f'--{kind.replace("_", "-")}')),
      type=shared.number(),
      metavar='CHANGE',
      help=f'more {kind.replace("_", " ")}, or less: below 0',
    )
  parser.add_argument(
    '--change',
    type=_change,
    action='append',
    default=[],
    metavar='NAME=CHANGE',
    help='the same of one track alone: density/drums=-0.5, register/bass=1; '
    'drums have density only',
  )
  shared.add_reading(parser)
  shared.add_keeping(parser)


def run(args: argparse.Namespace) -> shared.Said:
  """Writes a song with more or less of some attributes."""
  # JAX takes a second to import.
  from musae_jax import attributes
  from musae_jax.editing import NO_DIRECTIONS

  asked = [(k, v) for k in _KINDS if (v := getattr(args, k)) is not None]
  asked += args.change
  changes = dict(asked)
  if len(changes) < len(asked):
    raise UserError(
      f'changes of {", ".join(name for name, _ in asked)}, expected one of each'
    )
  if not changes:
    raise UserError(
      'nothing to change, expected one of '
      + ', '.join(f'--{kind}' for kind in (*_KINDS, 'change'))
    )
  song = shared.read(args.song, args.bars)
  keep = shared.kept(args)
  instrument = shared.load(args.model)
  if instrument.directions is None:
    raise UserError(f'{args.model}: {NO_DIRECTIONS}')
  with shared.about(args.song):
    edited = instrument.edit(song, changes, keep, fill=args.fill)
    plain = instrument.reconstruct(song, keep=keep, fill=args.fill)
  tokens = phrases.to_tokens(song)
  rolls = {'before': tokens} | {
    name: phrases.to_tokens(s, len(tokens))
    for name, s in (('reconstructed', plain), ('edited', edited))
  }
  before, after = (
    attributes.measure(phrases.cut(rolls[name], instrument.num_steps).tokens)
    for name in ('reconstructed', 'edited')
  )
  std = dict(zip(instrument.directions.names, instrument.directions.std))
  rows = {
    name: {
      'asked': asked,
      'moved': _mean((after[name] - before[name]) / std[name]),
      'before': _mean(before[name]),
      'after': _mean(after[name]),
    }
    for name, asked in changes.items()
  }
  (path,) = output.write(args, f'{shared.stem(args.song)}-edited', edited)
  lines = [f'{path}: {song.num_bars} bars']
  lines += [
    f'  {name}: {_shown(row["before"])} -> {_shown(row["after"])}; asked for '
    f'{row["asked"]:+.2f} deviations, moved {_shown(row["moved"], "+.2f")}'
    for name, row in rows.items()
  ]
  lines += output.show(args, rolls, edited)
  facts = {'out': [path], 'bars': song.num_bars, 'changes': rows}
  return shared.Said('\n'.join(lines), facts)


def _mean(values) -> float | None:
  """Of phrases that have the attribute; None where none has."""
  known = values[~np.isnan(values)]
  return shared.finite(known.mean()) if len(known) else None


def _shown(value: float | None, form: str = '.3g') -> str:
  return 'undefined' if value is None else format(value, form)


def _change(text: str) -> tuple[str, float]:
  name, equals, value = text.partition('=')
  if not equals:
    raise argparse.ArgumentTypeError(
      f'{text!r}, expected a name and a change, such as density/drums=-0.5'
    )
  return name, shared.number()(value)
