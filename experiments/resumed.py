"""What must be the same where a run goes on, and in all its processes."""

import json
import os
import pathlib
import secrets
import time
import zlib
from collections.abc import Iterator

import jax

from musae_jax import parallel

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
# Fields that runs of before them have not, and what they did then.
_WAS = {'train.averaging': 0.0, 'train.betas': [0.9, 0.999]}
_SECONDS_TO_SHOW = 30
# What each of a run's processes may have its own way.
_OF_A_PROCESS = frozenset({'data.dir', 'data.in_memory', 'data.built_by'})


class RunError(ValueError):
  """The folder holds a run that this one cannot go on with."""


def check_same(
  what: str, saved: dict, given: dict, workdir: str | os.PathLike
) -> None:
  """Raises a `RunError` that names the first field that differs."""
  if what == 'config':
    given, saved = _flat(given), {**_WAS, **_flat(saved)}
  for field, was, now in _differences(saved, given, _MAY_CHANGE):
    raise RunError(
      f'{workdir}: {what}.{field} is {now}, but the run in this folder has '
      f'{was}; expected the same, or another --workdir'
    )


def check_alike(what: str, given: dict) -> None:
  """Compares it, of JSON, with process 0's; to be called in all processes.

  Raises:
    ProcessError: it is another one; it names the first field that differs.
  """
  first = json.loads(parallel.from_first(json.dumps(given)))
  for field, there, here in _differences(first, given, _OF_A_PROCESS):
    raise parallel.ProcessError(
      f'{what}.{field} is {here} in process {jax.process_index()}, but {there} '
      'in process 0; expected the same in all'
    )


def check_shared(workdir: str | os.PathLike) -> None:
  """Has all processes see what the first writes into the folder.

  Raises:
    RunError: one of them does not, within half a minute, which a network's
      disk may take to show it.
  """
  sign = pathlib.Path(workdir) / f'.{parallel.from_first(secrets.token_hex())}'
  try:
    with parallel.jointly():
      if parallel.is_first():
        sign.touch()
    with parallel.jointly():
      end = time.monotonic() + _SECONDS_TO_SHOW
      while not sign.exists():
        if time.monotonic() > end:
          raise RunError(
            f'{workdir}: process {jax.process_index()} does not see here what '
            'process 0 writes; expected a folder that all of them share'
          )
        time.sleep(0.1)
  finally:
    if parallel.is_first():
      sign.unlink(missing_ok=True)


def _differences(
  one: dict, other: dict, but: frozenset[str]
) -> Iterator[tuple[str, str, str]]:
  """Yields each field that differs, and what it is in either."""
  one, other = _flat(one), _flat(other)
  for field in sorted({*one, *other} - but):
    values = [
      _short(flat[field]) if field in flat else 'not set'
      for flat in (one, other)
    ]
    if values[0] != values[1]:
      yield field, *values


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
