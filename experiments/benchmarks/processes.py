"""What it costs to share a step: processes with as much work each, on a CPU.

    python -m experiments.benchmarks.processes --config=quickstart

So many processes, of one device each, train together on loopback as the hosts
of a cluster would, each on `config.train.batch_size` phrases of its own; beside
them as many train for themselves, at the same time, on as much. Together and
apart share the processors alike, so that their ratio is what communication
costs. They take turns, round by round.

What a step sends is read off its program, as in a dry run. The second table is
on paper: what that takes over published links, and from which batch on it takes
no longer than the products, with both at their published peak. A slower step
hides it from a smaller batch on; slower links, or gradients that XLA begins to
send late, ask for a larger one. Only a run on such devices tells.
"""

import contextlib
import functools
import json
import math
import os
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import numpy as np

from experiments import ahead, build, config_flag, memory
from experiments.benchmarks import scaling
from experiments.benchmarks.elsewhere import Elsewhere
from musae_jax import flops, parallel, training
from musae_jax.progress import progress

_NUMBERS = [1, 2, 4]


class Links(NamedTuple):
  """A cluster, as its makers publish it.

  Attributes:
    device_kind: a key of `flops.PEAK`.
    within: bytes/s that a device sends to others of its host or slice.
    between: bytes/s that it sends beyond; None: there is no beyond.
    host: devices with the faster links.
  """

  device_kind: str
  within: float
  between: float | None
  host: int

  def seconds(self, num_bytes: int, num_devices: int) -> float:
    """What an all-reduce of so much takes at least, latencies aside.

    Each device sends 2 (n - 1) / n times the bytes. Over several hosts each
    device first adds up a share within its host, then shares of the hosts.
    """
    inner = min(self.host, num_devices)
    hosts = num_devices // inner
    seconds = 2 * (inner - 1) / inner * num_bytes / self.within
    if hosts > 1:
      seconds += 2 * (hosts - 1) / hosts * num_bytes / inner / self.between
    return seconds


CLUSTERS = {
  # NVIDIA's H100 and DGX H100 datasheets: NVLink, 900 GB/s both ways together;
  # a ConnectX-7 of 400 Gb/s for each GPU.
  'H100': Links('NVIDIA H100 80GB HBM3', 450e9, 50e9, 8),
  # Google Cloud's page "TPU v5e": all-reduce bandwidth per pod of 256 chips,
  # 51.2 TB/s; half of that for a slice, which is no torus.
  'TPU v5e, slice': Links('TPU v5 lite', 100e9, None, 256),
  'TPU v5e, pod': Links('TPU v5 lite', 200e9, None, 256),
}
_ON_PAPER = [
  *(('H100', n) for n in (8, 64, 256)),
  *(('TPU v5e, slice', n) for n in (8, 64)),
  ('TPU v5e, pod', 256),
]


def _there(config, address, number, index):
  """A step, and what it sends, in a process of its own."""
  os.dup2(2, 1)  # gloo prints, which would stand in the table
  scaling.prepare(num_devices=1)
  jax.config.update('jax_cpu_collectives_implementation', 'gloo')
  if address:
    parallel.start(address, number, index)
  devices = number if address else 1
  batch = config['train']['batch_size'] * devices
  timesteps, width = build.timesteps(config), config['model']['width']
  case = scaling.Case(timesteps, width, batch, devices)
  step = scaling.Step(config, case)
  return ahead.count(step.text)['collectives'], step.seconds


def free_address() -> str:
  """HOST:PORT of this machine that nobody listens on."""
  with socket.socket() as found:
    found.bind(('localhost', 0))
    return f'localhost:{found.getsockname()[1]}'


@contextlib.contextmanager
def _group(config, number, together) -> Iterator[tuple[Callable, dict]]:
  """Yields the seconds of an update of some processes, and what one sends."""
  address = free_address() if together else None
  # To begin and to end, each waits for the others.
  with ThreadPoolExecutor(number) as threads:
    start = functools.partial(Elsewhere, _there, config, address, number)
    steps = list(threads.map(start, range(number)))

    def seconds(updates):
      return max(threads.map(lambda step: step(updates), steps))

    try:
      yield seconds, steps[0].about
    finally:
      list(threads.map(Elsewhere.close, steps))


def measure(
  config: build.Config, numbers: list[int], rounds: int, updates: int
) -> list[dict]:
  """Returns a row for each number of processes.

  Args:
    config: of which each process has the batch size.
    numbers: of processes.
    rounds: times that each row is timed.
    updates: of each such time.
  """
  kinds = [(number, together) for number in numbers for together in (1, 0)]
  kinds = [kind for kind in kinds if kind != (1, 1)]  # the same as apart
  with contextlib.ExitStack() as stack:
    groups = {
      kind: stack.enter_context(_group(config, *kind))
      for kind in progress(kinds, len(kinds), 'compiling', 'group')
    }
    times = {kind: [] for kind in groups}
    for i in progress(range(rounds), rounds, 'timing', 'round'):
      for kind in list(groups)[:: (-1) ** i]:
        times[kind].append(groups[kind][0](updates))
  rows = []
  for number in numbers:
    apart = times[number, 0]
    together = times.get((number, 1), apart)
    low, median, high = np.quantile(together, (0.25, 0.5, 0.75)).tolist()
    sent = groups[number, 1][1] if number > 1 else {}
    rows.append(
      {
        'processes': number,
        'seconds': median,
        'quartiles': [low, high],
        'apart': float(np.median(apart)),
        'ratio': median / float(np.median(apart)),
        'collectives': {kind: list(found) for kind, found in sent.items()},
      }
    )
  return rows


def on_paper(config: build.Config) -> list[dict]:
  """Returns what sending takes in clusters, and from which batch it hides."""
  model, settings = build.model(config), build.settings(config)
  timesteps = build.timesteps(config)
  state = training.state_shapes(model, settings, timesteps)
  gradients = sum(
    4 * x.size
    for network in ('encoder', 'decoder')
    for x in jax.tree.leaves(state.params[network])
  )
  work = flops.train_step(model, settings, timesteps, 1).total
  rows = []
  for name, number in _ON_PAPER:
    links = CLUSTERS[name]
    seconds = links.seconds(gradients, number)
    each = seconds * flops.PEAK[links.device_kind] / work
    rows.append(
      {
        'cluster': name,
        'devices': number,
        'bytes': gradients,
        'seconds': seconds,
        'batch_of_each': math.ceil(each),
        'batch': number * math.ceil(each),
      }
    )
  return rows


def table(result: dict) -> str:
  """The result as Markdown."""
  lines = []
  if result['rows']:
    lines += [
      '| processes | batch | ms | quartiles | ms, apart | ratio '
      '| sent in a step |',
      '|---:|---:|---:|---:|---:|---:|---|',
    ]
  for row in result['rows']:
    low, high = (1e3 * seconds for seconds in row['quartiles'])
    sent = ', '.join(
      f'{calls} {kind} of {size / 2**20:.2f} MiB'
      for kind, (calls, size) in row['collectives'].items()
    )
    lines.append(
      f'| {row["processes"]} | {row["processes"] * result["batch_size"]} '
      f'| {1e3 * row["seconds"]:.1f} | {low:.1f}-{high:.1f} '
      f'| {1e3 * row["apart"]:.1f} | {row["ratio"]:.2f} | {sent or "nothing"} |'
    )
  if result['rows']:
    lines.append(
      f'\n{result["memory"]}; {result["rounds"]} rounds of '
      f'{result["updates"]} updates\n'
    )
  lines += [
    f'On paper, {result["on_paper"][0]["bytes"] / 2**20:,.1f} MiB of '
    'gradients:\n',
    '| devices | sending takes, ms | hides from a batch of | on each |',
    '|---|---:|---:|---:|',
  ]
  for row in result['on_paper']:
    lines.append(
      f'| {row["devices"]} x {row["cluster"]} | {1e3 * row["seconds"]:.2f} '
      f'| {row["batch"]:,} | {row["batch_of_each"]:,} |'
    )
  return '\n'.join(lines)


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = scaling.make_parser('processes', __doc__, updates=5)
  parser.add_argument(
    '--processes',
    type=scaling.sizes,
    default=_NUMBERS,
    metavar='N,N',
    help='how many; empty: on paper only',
  )
  try:
    args = parser.parse(argv)
    config = args.config.to_dict()
    build.check(config)
  except config_flag.ConfigError as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  result = {
    'batch_size': config['train']['batch_size'],
    'memory': memory.prepare(),
    'rounds': args.rounds,
    'updates': args.updates,
    'rows': measure(config, args.processes, args.rounds, args.updates),
    'on_paper': on_paper(config),
  }
  print(json.dumps(result, indent=1) if args.json else table(result))
  return 0


if __name__ == '__main__':
  sys.exit(main())
