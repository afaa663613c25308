"""A training step compiled ahead, also for devices that are not there.

XLA compiles for a device that it is only told of. Read off the program are
kernel launches (those in a loop as often as it turns), the memory that XLA
plans besides parameters and batch, and collectives. On a GPU XLA also times
kernels against each other and may choose others, cuBLAS among them; the count
then differs by few, for a kernel is exchanged for another.
"""

import functools
import importlib.util
import math
import operator
import os
import pathlib
import re
import time
from collections import Counter
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import topologies
from jax.sharding import AxisType, Mesh
from ml_collections import ConfigDict

from experiments import build
from musae_jax import models, training
from musae_jax.errors import first_line
from musae_jax.pianoroll import TRACKS

# JAX's names of what it lowers for, where it calls the devices otherwise.
_LOWERED_FOR = {'gpu': 'cuda'}
_H100 = pathlib.Path(__file__).with_name('h100.txtpb')
# What takes no kernel of its own.
_FREE = frozenset(
  'after-all bitcast constant get-tuple-element opt-barrier parameter '
  'partition-id replica-id tuple'.split()
)
_COLLECTIVES = frozenset(
  'all-gather all-reduce all-to-all collective-broadcast collective-permute '
  'reduce-scatter'.split()
)
# Generations of TPUs, with the slices that Google Cloud has of each. Not v4, of
# whose chips libtpu would make two devices here, and one where there are some.
_SQUARES = '1x1 2x2 2x4 4x4 4x8 8x8 8x16 16x16'.split()
_CUBES = (
  '2x2x1 2x2x2 2x2x4 2x4x4 4x4x4 4x4x8 4x8x8 8x8x8 8x8x16 8x16x16'.split()
)
_SLICES = {'v5e': _SQUARES, 'v5p': _CUBES, 'v6e': _SQUARES}


class TopologyError(ValueError):
  """There are no such devices, or nothing here compiles for them."""


class DoesNotFit(RuntimeError):
  """The compiler finds no room for the step on such a device."""


class Collective(NamedTuple):
  """What a step runs of one kind.

  Attributes:
    calls: of it.
    bytes: that come out of all of them, on each device.
  """

  calls: int
  bytes: int


class Program(NamedTuple):
  """A compiled step, in numbers.

  Attributes:
    launches: of kernels, in one step.
    loops: (turns, launches in a turn) of each loop.
    collectives: by kind, run in a step by all loops and outside of them.
    collectives_in_loops: how many of them are in a loop.
    temporary_gib: memory besides arguments, on each device.
    arguments_gib: of parameters, optimisers' state and batch, on each device.
    compile_s: seconds that compiling took.
  """

  launches: int
  loops: list[tuple[int, int]]
  collectives: dict[str, Collective]
  collectives_in_loops: int
  temporary_gib: float
  arguments_gib: float
  compile_s: float


def make_mesh(topology: str) -> Mesh:
  """Returns a mesh of devices that are not there.

  To be called before JAX is asked for devices: it then takes none but CPUs.

  Args:
    topology: 'h100:8', or a TPU's generation and slice, 'v5e:4x4'.

  Raises:
    TopologyError: there is no such topology, or no compiler for it.
  """
  kind, _, shape = topology.partition(':')
  # The devices that are here are not for this; neither plugin needs one.
  jax.config.update('jax_platforms', 'cpu')
  if kind == 'h100' and shape.isdecimal() and int(shape):
    devices = _h100s(int(shape))
  elif shape in _SLICES.get(kind, ()):
    devices = _tpus(topology)
  else:
    expected = (
      f'{kind} with one of {", ".join(_SLICES[kind])}'
      if kind in _SLICES
      else f'h100:N or one of {", ".join(_SLICES)} with a slice, as v5e:4x4'
    )
    raise TopologyError(f'topology is {topology!r}, expected {expected}')
  return Mesh(np.array(devices), ('data',), axis_types=(AxisType.Auto,))


def _h100s(num_devices: int) -> list:
  # The plugin would want CUDA's libraries, which compiling does without.
  os.environ.setdefault('JAX_SKIP_CUDA_CONSTRAINTS_CHECK', '1')
  try:
    return topologies.get_topology_desc(
      platform='cuda',
      target_config=_H100.read_text(),
      topology=f'1x1x{num_devices}',
    ).devices
  except NotImplementedError as error:
    raise TopologyError(
      'no compiler for CUDA here; expected jax-cuda13-plugin and '
      "jax-cuda13-pjrt of jaxlib's version: pip install '.[aot]'"
    ) from error


def _tpus(topology: str) -> list:
  if importlib.util.find_spec('libtpu') is None:
    raise TopologyError(
      "no compiler for TPUs here; expected libtpu: pip install '.[aot-tpu]'"
    )
  # Else libtpu asks the cloud's metadata server for the TPU that it is on, and
  # complains at length where there is none.
  for name, value in {
    'TPU_SKIP_MDS_QUERY': '1',
    'TPU_ACCELERATOR_TYPE': 'v5litepod-16',
    'TPU_WORKER_HOSTNAMES': 'localhost',
    'TPU_WORKER_ID': '0',
  }.items():
    os.environ.setdefault(name, value)
  # Hosts have four chips, but for one that has a single one.
  alone = set(topology.partition(':')[2]) <= set('1x')
  chips = {'chips_per_host_bounds': (1, 1, 1)} if alone else {}
  try:
    return topologies.get_topology_desc(
      platform='tpu', topology_name=topology, **chips
    ).devices
  except Exception as error:
    raise TopologyError(
      f'topology {topology!r}: {first_line(error)}'
    ) from error


def compile_step(
  model: models.Autoencoder,
  settings: training.Settings,
  config: ConfigDict,
  mesh: Mesh,
) -> Program:
  """The numbers of a whole training step on these devices.

  Args:
    model: computed as it is to be there.
    settings: how to train.
    config: of batch and data set, which need not be there.
    mesh: of devices that need not be there either.

  Raises:
    DoesNotFit: a TPU's compiler, which alone knows, says so.
  """
  num_steps = build.timesteps(config)
  batch_size = config.train.batch_size
  state = training.state_shapes(model, settings, num_steps)
  shape = batch_size, num_steps, len(TRACKS)
  genres = batch_size, model.prior.num_components
  batch = {
    'phrases': jax.ShapeDtypeStruct(shape, jnp.uint8),
    'genres': jax.ShapeDtypeStruct(genres, bool),
  }
  platform = mesh.devices.flat[0].platform
  lowered = (
    training.make_train_step(model, settings, mesh)
    .trace(state, batch)
    .lower(lowering_platforms=(_LOWERED_FOR.get(platform, platform),))
  )
  start = time.perf_counter()
  try:
    compiled = lowered.compile()
  except jax.errors.JaxRuntimeError as error:
    if 'RESOURCE_EXHAUSTED' not in str(error):
      raise
    raise DoesNotFit(first_line(error)) from error
  seconds = time.perf_counter() - start
  memory = compiled.memory_analysis()
  return Program(
    **count(compiled.as_text()),
    temporary_gib=memory.temp_size_in_bytes / 2**30,
    arguments_gib=memory.argument_size_in_bytes / 2**30,
    compile_s=seconds,
  )


def count(hlo: str) -> dict:
  """Returns launches, loops and collectives of a program in HLO's text.

  Raises:
    ValueError: a loop does not say how often it turns.
  """
  computations, entry = _computations(hlo)
  loops, channels = [], set()

  def collective(opcode, line):
    # What a TPU runs in pieces, beside other work, is one of one channel.
    channel = re.search(r'channel_id=\d+', line)
    if channel and channel[0] in channels:
      return Counter()
    channels.add(channel and channel[0])
    kind = opcode.removesuffix('-start')
    return Counter(
      {(kind, 'calls'): 1, (kind, 'bytes'): _result_bytes(opcode, line)}
    )

  def visit(name):
    found = Counter()
    for opcode, line in computations[name]:
      if opcode == 'while':
        turns = _turns(line, computations)
        turn = visit(_called('body', line))
        loops.append((turns, turn['launches']))
        turn['in loops'] = sum(turn[kind, 'calls'] for kind in _COLLECTIVES)
        found.update({what: turns * number for what, number in turn.items()})
      elif opcode in ('call', 'conditional'):
        # Of a conditional's branches, the most that any one costs.
        found += functools.reduce(operator.or_, map(visit, _branches(line)))
      elif opcode not in _FREE and not opcode.endswith('-done'):
        found['launches'] += 1
        inside = [(opcode, line)]
        if opcode == 'fusion':
          inside = computations[_called('calls', line)]
        for opcode, line in inside:
          if opcode.removesuffix('-start') in _COLLECTIVES:
            found += collective(opcode, line)
    return found

  found = visit(entry)
  return {
    'launches': found['launches'],
    'loops': loops,
    'collectives': {
      kind: Collective(found[kind, 'calls'], found[kind, 'bytes'])
      for kind in sorted(_COLLECTIVES)
      if found[kind, 'calls']
    },
    'collectives_in_loops': found['in loops'],
  }


def _result_bytes(opcode: str, line: str) -> int:
  """Returns the size of a collective's result, on one device."""
  result = _right_side(line).partition(f' {opcode}(')[0]
  sizes = [
    math.prod(map(int, filter(None, shape.split(',')))) * _num_bytes(dtype)
    for dtype, shape in re.findall(r'([a-z]+\d*)\w*\[([\d,]*)\]', result)
  ]
  # These begin with what they were given.
  if opcode in ('all-gather-start', 'collective-permute-start'):
    sizes = sizes[len(sizes) // 2 :]
  return sum(sizes)


def _num_bytes(dtype: str) -> int:
  """Returns the size of an element, of HLO's name of its type."""
  bits = re.search(r'\d+', dtype)
  return max(1, int(bits[0]) // 8) if bits else 1  # pred


def _turns(line: str, computations: dict) -> int:
  """Returns how often a loop turns: as it says, or to where it counts."""
  known = re.search(r'"known_trip_count":\{"n":"(\d+)"', line)
  if not known:
    condition = computations.get(_called('condition', line), [])
    text = '\n'.join(line for _, line in condition)
    if re.search(r' compare\(.*direction=LT', text):
      known = re.search(r' constant\((\d+)\)', text)
  if not known:
    raise ValueError(f'a loop without a known trip count: {line[:80]}')
  return int(known[1])


def _called(attribute: str, line: str) -> str:
  return re.search(rf'{attribute}=%?([\w.\-]+)', line)[1]


def _branches(line: str) -> list[str]:
  """Returns the names of what a call or a conditional may run."""
  several = re.search(r'branch_computations=\{([^}]*)\}', line)
  if several:
    return re.findall(r'[\w.\-]+', several[1])
  return re.findall(
    r'(?:to_apply|true_computation|false_computation)=%?([\w.\-]+)', line
  )


def _computations(hlo: str) -> tuple[dict, str]:
  """Returns the (opcode, line) pairs of each computation, the entry's name."""
  computations, entry, name = {}, None, None
  for line in hlo.splitlines():
    head = re.match(r'(ENTRY )?%?([\w.\-]+) \(.*\{', line)
    if head:
      name = head[2]
      computations[name] = []
      entry = name if head[1] else entry
    elif line.startswith('}'):
      name = None
    elif name and ' = ' in line:
      # Types, which stand between '=' and the opcode, have no such word
      # before a parenthesis.
      right = _right_side(line)
      opcode = re.search(r'(?:^|[\s)}\]])([a-z][\w\-]*)\(', right)[1]
      computations[name].append((opcode, line))
  return computations, entry


def _right_side(line: str) -> str:
  """Returns what an instruction is, without comments."""
  return re.sub(r'/\*.*?\*/', '', line.split(' = ', 1)[1])
