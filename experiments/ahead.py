"""A training step compiled ahead, also for devices that are not there.

XLA compiles for a GPU that it is only told of. Read off the program are kernel
launches (those in a loop as often as it turns), the memory that XLA plans
besides parameters and batch, and collectives. On a device XLA also times
kernels against each other and may choose others, cuBLAS among them; the count
then differs by few, for a kernel is exchanged for another.
"""

import pathlib
import re
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import topologies
from jax.sharding import AxisType, Mesh
from ml_collections import ConfigDict

from experiments import build
from musae_jax import models, training
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


class MissingPlugin(RuntimeError):
  """The wheels that compile for CUDA are not installed."""


class Program(NamedTuple):
  """A compiled step, in numbers.

  Attributes:
    launches: of kernels, in one step.
    loops: (turns, launches in a turn) of each loop.
    collectives: run in a step by all loops and outside of them.
    collectives_in_loops: those of them that are in a loop.
    temporary_gib: memory besides arguments, on each device.
    arguments_gib: of parameters, optimisers' state and batch, on each device.
    compile_s: seconds that compiling took.
  """

  launches: int
  loops: list[tuple[int, int]]
  collectives: int
  collectives_in_loops: int
  temporary_gib: float
  arguments_gib: float
  compile_s: float


def h100s(num_devices: int) -> Mesh:
  """Returns a mesh of H100s that are not there.

  Raises:
    MissingPlugin: there is no compiler for them.
  """
  try:
    topology = topologies.get_topology_desc(
      platform='cuda',
      target_config=_H100.read_text(),
      topology=f'1x1x{num_devices}',
    )
  except NotImplementedError as error:
    raise MissingPlugin(
      'no compiler for CUDA here; expected jax-cuda13-plugin and '
      "jax-cuda13-pjrt of jaxlib's version: pip install '.[aot]'"
    ) from error
  return Mesh(
    np.array(topology.devices), ('data',), axis_types=(AxisType.Auto,)
  )


def compile_step(
  model: models.MusAE,
  settings: training.Settings,
  config: ConfigDict,
  mesh: Mesh,
) -> Program:
  """Returns the numbers of a whole training step on these devices.

  Args:
    model: computed as it is to be there.
    settings: how to train.
    config: of batch and data set, which need not be there.
    mesh: of devices that need not be there either.
  """
  num_steps = build.timesteps(config)
  batch_size = config.train.batch_size
  state = jax.eval_shape(
    lambda: training.init_state(model, settings, 0, num_steps)
  )
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
  compiled = lowered.compile()
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
  loops = []

  def visit(name):
    launches = collectives = inside = 0
    for opcode, line in computations[name]:
      if opcode == 'while':
        known = re.search(r'"known_trip_count":\{"n":"(\d+)"', line)
        if not known:
          raise ValueError(f'a loop without a known trip count: {line[:80]}')
        turns = int(known[1])
        in_a_turn, collectives_in_a_turn, _ = visit(_called('body', line))
        loops.append((turns, in_a_turn))
        launches += turns * in_a_turn
        collectives += turns * collectives_in_a_turn
        inside += turns * collectives_in_a_turn
      elif opcode in ('call', 'conditional'):
        # Of a conditional's branches, the most that any one costs.
        found = map(max, zip(*map(visit, _branches(line))))
        launches, collectives, inside = (
          a + b for a, b in zip((launches, collectives, inside), found)
        )
      elif opcode not in _FREE and not opcode.endswith('-done'):
        launches += 1
        collectives += opcode.removesuffix('-start') in _COLLECTIVES
    return launches, collectives, inside

  launches, collectives, inside = visit(entry)
  return {
    'launches': launches,
    'loops': loops,
    'collectives': collectives,
    'collectives_in_loops': inside,
  }


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
      right = re.sub(r'/\*.*?\*/', '', line.split(' = ', 1)[1])
      opcode = re.search(r'(?:^|[\s)}\]])([a-z][\w\-]*)\(', right)[1]
      computations[name].append((opcode, line))
  return computations, entry
