"""What a run that goes on must have as it began."""

import os
import zlib

# What a run that goes on may have otherwise than when it began: its length,
# where its data lies, and what it writes when.
_MAY_CHANGE = frozenset(
  {
    'data.dir',
    'data.in_memory',
    'data.on_device',
    'data.built_by',
    'compute.unroll',
    'compute.stacked',
    'compute.remat',
    'train.num_steps',
    'train.steps_per_dispatch',
    'train.log_every',
    'train.eval_every',
    'train.eval_phrases',
    'train.checkpoint_every',
    'train.keep',
    'train.keep_every',
    'train.keep_best',
    'train.on_nan',
  }
)


class RunError(ValueError):
  """The folder holds a run that this one cannot go on with."""


def check_same(
  what: str, saved: dict, given: dict, workdir: str | os.PathLike
) -> None:
  """Raises a `RunError` that names the first field that differs."""
  saved, given = _flat(saved), _flat(given)
  for field in sorted({*saved, *given} - _MAY_CHANGE):
    was, now = (
      _short(flat[field]) if field in flat else 'not set'
      for flat in (saved, given)
    )
    if was != now:
      raise RunError(
        f'{workdir}: {what}.{field} is {now}, but the run in this folder has '
        f'{was}; expected the same, or another --workdir'
      )


def _flat(tree: dict, prefix: str = '') -> dict:
  """Returns {'section.field': value}, with lists for tuples as JSON has."""
  flat = {}
  for key, value in tree.items():
    if isinstance(value, dict):
      flat.update(_flat(value, f'{prefix}{key}.'))
    else:
      value = list(value) if isinstance(value, tuple) else value
      flat[f'{prefix}{key}'] = value
  return flat


def _short(value) -> str:
  """Returns the value's text; a long one's beginning, and a hash of it all."""
  text = repr(value)
  if len(text) <= 60:
    return text
  return f'{text[:50]}... ({zlib.crc32(text.encode()):08x})'
