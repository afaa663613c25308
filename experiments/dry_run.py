"""What a run would be, without making it: `experiments.train --dry_run`.

The training step is compiled, for the devices that are here or for others
that need not be, and the data set is read; nothing is trained and nothing
written.
"""

import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

import jax
from ml_collections import ConfigDict

from experiments import ahead, build
from musae_jax import flops, machine, parallel, resident, training
from musae_jax.pianoroll import TRACKS

_GIB = 2**30
# Of one device, keyed by JAX's `device_kind`, for devices that are not there:
# NVIDIA's H100 as its driver reports it, TPUs as their compiler says when a
# program finds no room.
MEMORY = {
  'NVIDIA H100 80GB HBM3': 81_559 * 2**20,
  'TPU v5 lite': int(15.75 * _GIB),
  'TPU v5': int(95.73 * _GIB),
  'TPU v6 lite': int(31.24 * _GIB),
}


class Devices(NamedTuple):
  """Where a run would be.

  Attributes:
    mesh: of all of them.
    memory: bytes on each that the run may have.
    about: how many of what they are.
  """

  mesh: jax.sharding.Mesh
  memory: int
  about: str

  @property
  def platform(self) -> str:
    """'cpu', 'gpu' or 'tpu'."""
    return self.mesh.devices.flat[0].platform


def run(config: ConfigDict, topology: str | None = None) -> int:
  """Prints what the run would be; returns the command's exit status.

  Args:
    config: what would be trained.
    topology: the devices, as `ahead.make_mesh` takes them; None: those here.

  Returns:
    1 where it could not be made: it does not fit, or, on the devices that are
    here, has no data set.

  Raises:
    ConfigError, TopologyError: of one line.
  """
  devices = _here() if topology is None else _not_here(topology)
  build.check(config, devices.mesh.size)
  say = print if parallel.is_first() else lambda _: None
  for line in _model(config):
    say(line)
  try:
    splits, problem = build.splits(config), None
  except build.ERRORS as error:
    splits, problem = None, error
  say(f'data set: {problem or _data(splits)}')
  say(f'devices: {devices.about}')
  print(f'compiling for {devices.about}', file=sys.stderr)
  model = build.model(config, devices.platform)
  try:
    step = ahead.compile_step(
      model, build.settings(config), config, devices.mesh
    )
  except ahead.DoesNotFit as error:
    say(f'memory of each: does not fit: {error}')
    return 1
  say(f'collectives of a step: {_collectives(step)}')
  held = _held(config, splits, devices.memory, devices.platform)
  data_set = f'{held / _GIB:.2f} GiB' if splits else 'unknown'
  needed = (step.arguments_gib + step.temporary_gib) * _GIB + held
  fits = needed <= devices.memory
  say(
    f'memory of each: {step.arguments_gib:.2f} GiB parameters, optimisers and '
    f'batch, {step.temporary_gib:.2f} GiB temporary, data set {data_set}; '
    f'{needed / _GIB:.2f} of {devices.memory / _GIB:.2f} GiB: '
    + ('fits' if fits else 'does not fit')
  )
  # Where the devices are not, the data set need not be.
  return 0 if fits and (splits or topology is not None) else 1


def _here() -> Devices:
  mesh = parallel.make_mesh()
  device = mesh.local_devices[0]
  about = f'{mesh.size} x {device.device_kind}'
  stats = device.memory_stats()
  if stats and 'bytes_limit' in stats:
    return Devices(mesh, stats['bytes_limit'], about)
  share = machine.memory() // len(mesh.local_devices)
  return Devices(mesh, share, about)


def _not_here(topology: str) -> Devices:
  mesh = ahead.make_mesh(topology)
  kind = mesh.devices.flat[0].device_kind
  memory, about = MEMORY[kind], f'{mesh.size} x {kind}, not here'
  if kind.startswith('NVIDIA'):
    # What JAX takes of it when it starts.
    share = float(os.environ.get('XLA_PYTHON_CLIENT_MEM_FRACTION', '.75'))
    about += f', {share:.0%} of its memory (XLA_PYTHON_CLIENT_MEM_FRACTION)'
    memory = int(memory * share)
  return Devices(mesh, memory, about)


def _model(config: ConfigDict) -> Iterator[str]:
  """Yields lines on parameters, batch and FLOPs."""
  model, settings = build.model(config), build.settings(config)
  timesteps, batch_size = build.timesteps(config), config.train.batch_size
  state = training.state_shapes(model, settings, timesteps)
  leaves = jax.tree_util.tree_leaves_with_path(state.params)
  names = [
    jax.tree_util.keystr(p, simple=True, separator='/') for p, _ in leaves
  ]
  width = max(map(len, names))
  for name, (_, x) in zip(names, leaves):
    shape = ' x '.join(map(str, x.shape)) or 'scalar'
    yield f'  {name:{width}}  {shape:>18}  {x.size:>12,}'
  counts = {
    network: sum(x.size for x in jax.tree.leaves(tree))
    for network, tree in state.params.items()
  }
  of_each = ', '.join(f'{name} {n:,}' for name, n in counts.items())
  yield f'parameters: {sum(counts.values()):,} ({of_each}), float32'
  yield (
    f'batch: phrases uint8[{batch_size}, {timesteps}, {len(TRACKS)}], '
    f'genres bool[{batch_size}, {model.prior.num_components}]'
  )
  found = flops.train_step(model, settings, timesteps, batch_size)
  of_each = ', '.join(f'{n} {f / 1e12:.3g}' for n, f in found._asdict().items())
  yield (
    f'a step: {found.total / 1e12:.3g} TFLOP ({of_each}); '
    f'{config.train.num_steps:,} steps'
  )


def _data(splits: build.Splits) -> str:
  return (
    f'{splits.train.name}, {len(splits.train):,} phrases and '
    f'{len(splits.validation):,} of validation, '
    f'{len(splits.train.genre_names)} genres'
  )


def _collectives(step: ahead.Program) -> str:
  found = ', '.join(
    f'{calls} {kind} of {num_bytes / 2**20:,.1f} MiB'
    for kind, (calls, num_bytes) in step.collectives.items()
  )
  if not found:
    return 'none'
  return f'{found}; {step.collectives_in_loops or "none"} of them in a loop'


def _held(
  config: ConfigDict, splits: build.Splits | None, memory: int, platform: str
) -> int:
  """Returns the bytes of the data set that each device would hold."""
  if splits is None or config.data.on_device == 'false':
    return 0
  size = resident.num_bytes(splits.train)
  auto = platform != 'cpu' and resident.is_small(splits.train, memory)
  return size if config.data.on_device == 'true' or auto else 0
