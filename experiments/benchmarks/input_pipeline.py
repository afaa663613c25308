"""How many phrases a second reach the device, and how many a step wants.

    python -m experiments.benchmarks.input_pipeline --data_dir=DIR [--json]

Without a model, so that nothing else is timed. The training split is loaded
from its records and sent to the device, both whole; batches are gathered there,
which is what training does by default on an accelerator; they are gathered by
the host, from memory or from the file on disk, and sent. 'From disk' is what
Linux, which this takes, says that storage gave the process, reading ahead
included; a virtual machine's host may have had it in memory all the same.
"""

import argparse
import dataclasses
import json
import math
import os
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from musae_jax import arguments, batches, data, parallel, resident

_SEED = 0
# Batches of one call on the device: training's default, and more.
_UPDATES = (1, 10)
# Of the file's pages, what may be asked for before it is likely that one was
# already there.
_COLD_SHARE = 0.1


class Case(NamedTuple):
  """What is timed.

  Attributes:
    begin: returns the function that is timed; what it returns is waited for.
    phrases: that one call brings.
    limit: calls after which to begin again; None: no such number.
  """

  begin: Callable[[], Callable[[], Any]]
  phrases: int
  limit: int | None = None


def cases(
  memory: data.Split,
  disk: data.Split,
  load: Callable,
  batch_size: int,
  mesh: Mesh,
) -> dict[str, Case]:
  """Returns what is timed, by name.

  Args:
    memory: the split in memory.
    disk: the same, mapped from disk.
    load: begins the loading of it.
    batch_size: phrases of a batch.
    mesh: the devices.
  """

  def sent(split):
    found = batches.make(split, batch_size, _SEED)
    return lambda: parallel.shard_batch(next(found), mesh)

  def send():
    return parallel.replicate([memory.phrases, memory.genres], mesh)

  def streamed(cold):
    path = disk.phrases.filename
    if cold:
      _forget(path)
    # What a map has touched stays, so that each round has a map of its own.
    phrases = np.load(path, mmap_mode='r')
    if not cold:
      phrases.max()
    return sent(dataclasses.replace(disk, phrases=phrases))

  def gathered(number):
    held = resident.Resident(memory, batch_size, _SEED, number, mesh)
    return Case(lambda: _on_device(held, number, mesh), number * batch_size)

  # A phrase lies in so many pages, on average.
  pages = 1 + memory.phrases[0].nbytes / os.sysconf('SC_PAGE_SIZE')
  all_pages = memory.phrases.nbytes / os.sysconf('SC_PAGE_SIZE')
  cold = max(1, int(_COLD_SHARE * all_pages / pages / batch_size))
  return {
    'the split, loaded whole': Case(load, len(memory), 1),
    'the split, sent whole': Case(lambda: send, len(memory), 1),
    'batches from memory': Case(lambda: sent(memory), batch_size),
    **{
      f'batches on the device, {number} a call': gathered(number)
      for number in _UPDATES
    },
    'streamed, all from disk': Case(lambda: streamed(True), batch_size, cold),
    'streamed, cached': Case(lambda: streamed(False), batch_size),
  }


def _on_device(held: resident.Resident, number: int, mesh: Mesh) -> Callable:
  """Returns a function that gathers batches as `make_train_steps` does."""

  def gather(first, split):
    def step(total, i):
      rows = split['order'][first + i - split['first']]
      batch = {name: split[name][rows] for name in ('phrases', 'genres')}
      # As a model would find it: not melted into the sums that stand for it.
      batch = jax.lax.optimization_barrier(parallel.spread(batch, mesh))
      for array in batch.values():
        total += array.sum(dtype=jnp.uint32)
      return total, None

    return jax.lax.scan(step, jnp.uint32(0), jnp.arange(number))[0]

  gather = parallel.jit(gather, mesh, sharded=())
  next_step = 0

  def call():
    nonlocal next_step
    next_step += number
    first = next_step - number
    return gather(np.int32(first), held.at(first))

  return call


def timed(case: Case, seconds: float) -> tuple[float, float]:
  """Returns phrases/s, and bytes/s from disk, of one round.

  The host makes a batch while the device has the one before, as in training.
  """
  count = spent = read = 0
  while spent < seconds:
    call = case.begin()
    if case.limit is None:  # else all of it counts
      jax.block_until_ready(call())  # compiles, or starts threads
    last, before, start = None, _read_from_disk(), time.perf_counter()
    calls = 0
    while calls != case.limit and time.perf_counter() - start < seconds:
      found = call()
      calls += 1
      jax.block_until_ready(last)
      last = found
    jax.block_until_ready(last)
    spent += time.perf_counter() - start
    read += _read_from_disk() - before
    count += calls
  return count * case.phrases / spent, read / spent


def _forget(path: str | os.PathLike) -> None:
  """Has the system drop the copy of a file that it keeps in memory."""
  with open(path, 'rb') as file:
    os.fsync(file.fileno())  # it keeps what is not yet written
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _read_from_disk() -> int:
  """Returns the bytes that storage has given this process."""
  lines = pathlib.Path('/proc/self/io').read_text().splitlines()
  return int(dict(line.split(': ') for line in lines)['read_bytes'])


def measure(args, mesh: Mesh) -> dict:
  """Returns all rows, their rounds interleaved.

  Args:
    args: the flags.
    mesh: the devices.

  Raises:
    DatasetError: the data set cannot be read, or has not one batch.
  """
  kinds = {
    kind: data.load(args.name, args.data_dir, 'train', in_memory=kind)
    for kind in ('true', 'false')
  }
  memory, disk = kinds['true'], kinds['false']
  batches.check_size(memory, args.batch_size)

  def load():
    for path in pathlib.Path(args.data_dir, memory.name).glob('*array_record*'):
      _forget(path)
    return lambda: data.load(args.name, args.data_dir, 'train', 'true').phrases

  found = cases(memory, disk, load, args.batch_size, mesh)
  rounds = {name: [] for name in found}
  for _ in range(args.rounds):
    for name, case in found.items():
      rounds[name].append(timed(case, args.milliseconds / 1000))
  appetite = args.batch_size / args.step_ms * 1000
  rows = []
  for name, measured in rounds.items():
    rates, read = zip(*measured)
    low, median, high = np.percentile(rates, [25, 50, 75]).tolist()
    rows.append(
      {
        'name': name,
        'phrases_per_s': median,
        'quartiles': [low, high],
        'mb_per_s': median * memory.phrases[0].nbytes / 1e6,
        'appetites': median / appetite,
        'disk_mb_per_s': float(np.median(read)) / 1e6,
      }
    )
  return {
    'data': memory.name,
    'phrases': len(memory),
    'mb': memory.phrases.nbytes / 1e6,
    'device': f'{mesh.size} x {jax.devices()[0].device_kind}',
    'rounds': args.rounds,
    'appetite': appetite,
    'rows': rows,
  }


def table(result: dict) -> str:
  """Returns the result as Markdown."""
  lines = [
    '| | phrases/s | quartiles | MB/s | times the appetite | from disk, MB/s |',
    '|---|---:|---:|---:|---:|---:|',
  ]
  for row in result['rows']:
    low, high = row['quartiles']
    lines.append(
      f'| {row["name"]} | {row["phrases_per_s"]:,.0f} '
      f'| {low:,.0f} to {high:,.0f} | {row["mb_per_s"]:,.0f} '
      f'| {row["appetites"]:,.1f} | {row["disk_mb_per_s"]:,.0f} |'
    )
  lines.append(
    f'\n{result["data"]}: {result["phrases"]:,} phrases, '
    f'{result["mb"]:,.0f} MB; {result["device"]}; medians of '
    f'{result["rounds"]} rounds; the appetite is {result["appetite"]:,.0f} '
    'phrases/s'
  )
  return '\n'.join(lines)


def _milliseconds(text: str) -> float:
  found = float(text)  # argparse words what this raises
  if not 0 < found < math.inf:
    raise argparse.ArgumentTypeError(f'{text} is not above 0')
  return found


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = arguments.Parser(
    prog='python -m experiments.benchmarks.input_pipeline', description=__doc__
  )
  parser.add_argument(
    '--data_dir', type=arguments.path, required=True, help='as built'
  )
  parser.add_argument('--name', default='lakh_pianoroll/2bar')
  parser.add_argument(
    '--batch_size', type=arguments.positive, default=256, help='of a step'
  )
  parser.add_argument(
    '--step_ms',
    type=_milliseconds,
    default=13.0,
    help='what a step takes: with --batch_size, the appetite',
  )
  parser.add_argument('--rounds', type=arguments.positive, default=5)
  parser.add_argument(
    '--milliseconds',
    type=arguments.positive,
    default=1000,
    help='of each row in each round, at least',
  )
  parser.add_argument('--json', action='store_true', help='print JSON')
  args = parser.parse_args(argv)
  mesh = parallel.make_mesh()
  if args.batch_size % mesh.size:
    parser.error(
      f'argument --batch_size: {args.batch_size} is not a multiple of the '
      f'{mesh.size} devices'
    )
  try:
    result = measure(args, mesh)
  except (data.DatasetError, OSError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  print(json.dumps(result, indent=1) if args.json else table(result))
  return 0


if __name__ == '__main__':
  sys.exit(main())
