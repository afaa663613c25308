"""What the training step costs, against timesteps, width, batch and devices.

    python -m experiments.benchmarks.scaling --config=quickstart

Each sweep changes one size and leaves the others as the config and its data
set have them, on one device. Rounds go through all rows of a sweep, so that
what else the machine does falls on each alike. However many devices there are,
they share one batch; on a CPU, where XLA is told at its start how many to make
of the cores, each number of them is a process of its own.

Phrases and genres are random. Times are medians and quartiles over the rounds;
TFLOP/s count model FLOPs (musae_jax/flops.py); a ratio is that of times, to the
sweep's first row; memory is what a step needs on each device besides its
arguments and results.
"""

import functools
import json
import os
import sys
import time
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments import build, config_flag, memory
from experiments.benchmarks.elsewhere import Elsewhere
from experiments.benchmarks.failures import Failures
from musae_jax import arguments, flops, parallel, training
from musae_jax.pianoroll import NUM_TOKENS, TRACKS

_TIMESTEPS = [16, 32, 64, 128, 256]


class Case(NamedTuple):
  """The sizes of one row."""

  timesteps: int
  width: int
  batch: int
  devices: int = 1

  def __str__(self):
    return ', '.join(f'{name} {size}' for name, size in self._asdict().items())

  def of(self, config: build.Config) -> build.Config:
    """The config with these sizes."""
    model = {**config['model'], 'width': self.width}
    train = {**config['train'], 'batch_size': self.batch}
    return {**config, 'model': model, 'train': train}

  def flops(self, config: build.Config) -> int:
    """Model FLOPs of a step."""
    config = self.of(config)
    model, settings = build.model(config), build.settings(config)
    found = flops.train_step(model, settings, self.timesteps, self.batch)
    return found.total


class Step:
  """A training step, compiled and run once."""

  def __init__(self, config: build.Config, case: Case):
    config, mesh = case.of(config), parallel.make_mesh(case.devices)
    if mesh.size < case.devices:
      raise ValueError(f'{mesh.size} devices, expected {case.devices}')
    model, settings = build.model(config), build.settings(config)
    state = training.init_state(model, settings, 0, case.timesteps)
    rng = np.random.default_rng(0)
    shape = case.batch, case.timesteps, len(TRACKS)
    genres = rng.integers(2, size=(case.batch, model.prior.num_components))
    batch = {
      'phrases': rng.integers(NUM_TOKENS, size=shape, dtype=np.uint8),
      'genres': genres.astype(bool),
    }
    self._state = parallel.replicate(state, mesh)
    share = parallel.share(mesh, case.batch)
    mine = jax.tree.map(lambda x: x[share], batch)
    self._batch = parallel.shard_batch(mine, mesh)
    self._step = (
      training.make_train_step(model, settings, mesh)
      .lower(self._state, self._batch)
      .compile()
    )
    self.memory = self._step.memory_analysis().temp_size_in_bytes
    self.seconds(1)

  @property
  def text(self) -> str:
    """The compiled program, as HLO."""
    return self._step.as_text()

  def seconds(self, updates: int) -> float:
    """Mean time of some updates."""
    start = time.perf_counter()
    for _ in range(updates):
      self._state, _ = self._step(self._state, self._batch)
    jax.block_until_ready(self._state)
    return (time.perf_counter() - start) / updates


def prepare(num_devices: int) -> None:
  """Sets up a new process as training's is, with so many CPU devices."""
  memory.prepare()
  # JAX reads it when it is first asked for devices; of two, the last counts.
  flag = f'--xla_force_host_platform_device_count={num_devices}'
  os.environ['XLA_FLAGS'] = f'{os.environ.get("XLA_FLAGS", "")} {flag}'


class StepElsewhere:
  """A `Step` in a process of its own, with as many CPU devices as it needs."""

  def __init__(self, config: build.Config, case: Case):
    self.seconds = Elsewhere(_step_there, config, case)
    self.memory = self.seconds.about


def _step_there(config, case):
  prepare(case.devices)
  step = Step(config, case)
  return step.memory, step.seconds


def sweeps(
  config: build.Config,
  timesteps: list[int],
  widths: list[int] | None,
  batches: list[int] | None,
  devices: list[int] | None,
) -> dict[str, list[Case]]:
  """Rows by the name of what they vary, the values being given or usual.

  Raises:
    ConfigError: a size does not suit the config, or the machine.
  """
  base = Case(
    build.timesteps(config),
    config['model']['width'],
    config['train']['batch_size'],
  )
  on_cpu = jax.default_backend() == 'cpu'
  there = len(os.sched_getaffinity(0)) if on_cpu else jax.device_count()
  if devices is None:
    powers = (2**i for i in range(there.bit_length()))
    devices = [count for count in powers if base.batch % count == 0]
  values = {
    'timesteps': timesteps,
    'width': _parts(base.width, 2) if widths is None else widths,
    'batch': _parts(base.batch, 1) if batches is None else batches,
    'devices': devices,
  }
  found = {
    sweep: [base._replace(**{sweep: size}) for size in sizes]
    for sweep, sizes in values.items()
  }
  for case in sum(found.values(), []):
    build.check(case.of(config), case.devices)
  if not on_cpu and max(devices, default=1) > there:
    raise config_flag.ConfigError(
      f'--devices has {max(devices)}, expected at most the {there} there are'
    )
  return found


def _parts(size: int, unit: int) -> list[int]:
  """Returns a quarter, a half and all of a size, in whole units."""
  parts = (size // (k * unit) * unit for k in (4, 2, 1))
  return sorted({max(unit, part) for part in parts})


def measure(
  config: build.Config, sweep: str, cases: list[Case], rounds: int, updates: int
) -> tuple[list[dict[str, Any]], Failures]:
  """The rows of a sweep, and the cases that failed.

  Args:
    config: whose sizes the cases change.
    sweep: the size that they differ in.
    cases: one a row.
    rounds: times that each row is timed.
    updates: of each such time.
  """
  elsewhere = sweep == 'devices' and jax.default_backend() == 'cpu'
  kind = StepElsewhere if elsewhere else Step
  failures = Failures()
  steps = failures.outlive(
    {case: functools.partial(kind, config, case) for case in cases}
  )
  timers = {case: step.seconds for case, step in steps.items()}
  times = [failures.outlive(timers, updates) for _ in range(rounds)]
  rows = []
  for case in (case for case in cases if case not in failures):
    low, median, high = np.quantile(
      [found[case] for found in times], (0.25, 0.5, 0.75)
    ).tolist()
    speed = case.flops(config) / median
    device = jax.devices()[0].device_kind
    row = {
      'sweep': sweep,
      **case._asdict(),
      'seconds': median,
      'quartiles': [low, high],
      'phrases_per_second': case.batch / median,
      'flops_per_second': speed,
      'mfu': flops.utilisation(speed, device, case.devices),
      'ratio': median / rows[0]['seconds'] if rows else 1.0,
      'temporary_bytes': steps[case].memory,
    }
    rows.append(row)
  return rows, failures


def table(result: dict[str, Any]) -> str:
  """The result as Markdown."""
  lines = [
    '| sweep | timesteps | width | batch | devices | ms | quartiles '
    '| phrases/s | TFLOP/s | MFU | ratio | memory, MiB |',
    f'|---|{"---:|" * 11}',
  ]
  for row in result['rows']:
    low, high = (1e3 * seconds for seconds in row['quartiles'])
    mfu = '' if row['mfu'] is None else f'{row["mfu"]:.1%}'
    lines.append(
      f'| {row["sweep"]} | {row["timesteps"]} | {row["width"]} '
      f'| {row["batch"]} | {row["devices"]} | {1e3 * row["seconds"]:.1f} '
      f'| {low:.1f}-{high:.1f} | {row["phrases_per_second"]:,.0f} '
      f'| {row["flops_per_second"] / 1e12:.3g} | {mfu} '
      f'| {row["ratio"]:.2f} | {row["temporary_bytes"] / 2**20:,.1f} |'
    )
  model, dtype = result['model'], result['compute']['dtype']
  lines.append(
    f'\n{result["device"]}, {dtype}, depth {model["depth"]}, '
    f'{model["latent_dim"]} latent dimensions, {result["critic"]["steps"]} '
    f'updates of the critic in each; {result["memory"]}; {result["rounds"]} '
    f'rounds of {result["updates"]} updates'
  )
  return '\n'.join(lines)


def sizes(text: str) -> list[int]:
  """The sizes that a text says, commas between, in order."""
  return sorted({arguments.positive(part) for part in text.split(',') if part})


def make_parser(
  module: str, description: str, updates: int
) -> config_flag.ConfigParser:
  """The arguments of timing in rounds, for a module of this package."""
  parser = config_flag.ConfigParser(
    prog=f'python -m experiments.benchmarks.{module}', description=description
  )
  parser.add_argument('--rounds', type=arguments.positive, default=7)
  parser.add_argument(
    '--updates', type=arguments.positive, default=updates, help='of a round'
  )
  parser.add_argument('--json', action='store_true', help='print JSON')
  return parser


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = make_parser('scaling', __doc__, updates=3)
  parser.add_argument(
    '--timesteps',
    type=sizes,
    default=_TIMESTEPS,
    metavar='N,N',
    help='sizes of a sweep; empty: none (default: 16 to 256)',
  )
  usual = 'a quarter, a half and all of what the config has'
  for name, default in (
    ('widths', usual),
    ('batches', usual),
    ('devices', 'powers of two, up to what there is'),
  ):
    parser.add_argument(
      f'--{name}', type=sizes, metavar='N,N', help=f'(default: {default})'
    )
  try:
    args = parser.parse(argv)
    words = memory.prepare()  # as training does
    config = args.config.to_dict()
    wanted = sweeps(
      config, args.timesteps, args.widths, args.batches, args.devices
    )
  except config_flag.ConfigError as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  if not any(wanted.values()):
    parser.error('every sweep is empty, expected sizes of one at least')
  rows, failures = [], Failures()
  for sweep, cases in wanted.items():
    if cases:
      found = measure(config, sweep, cases, args.rounds, args.updates)
      rows += found[0]
      failures.update(found[1])
  result = {
    'device': jax.devices()[0].device_kind,
    'model': config['model'],
    'critic': config['critic'],
    'compute': build.model(config).decoder.compute._asdict(),
    'memory': words,
    'rounds': args.rounds,
    'updates': args.updates,
    'rows': rows,
    'failed': failures.reasons(),
  }
  if args.json:
    print(json.dumps(result, indent=1))
  else:
    print(table(result), *failures.note(), sep='\n\n')
  return failures.report()


if __name__ == '__main__':
  sys.exit(main())
