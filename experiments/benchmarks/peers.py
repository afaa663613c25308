"""How fast the training step is, beside flax's cells, PyTorch, Keras, cuDNN.

    pip install -c constraints.txt -e '.[peers]'
    python -m experiments.benchmarks.peers --config=gaussian2 \
      --config.model.width=256 --config.train.batch_size=64

Ours is the step that training runs. A peer is the same update, written for its
library: the same weights to begin with, and the draws that ours makes from its
key, which the peer need not make. All must print the same losses before any is
timed; then they take turns, each in a process of its own, as it would be alone:
in one, the idle threads of one library are in the way of another's, and what
training tells glibc (experiments/memory.py) would help all. Those with
`-prepared` have that help, `ours-plain` is ours without it. Each has as many
CPU threads as the process may use (`taskset` sets that). PyTorch runs eagerly,
Keras as a `tf.function`, both as users of theirs do by default.

On a GPU cuDNN joins in, through PyTorch and through `jax.experimental.rnn`.
There ours takes turns with one peer after the other, for not all would fit.
"""

import contextlib
import functools
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from typing import NamedTuple

# Before JAX starts: on a GPU it leaves the others memory.
os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')

import jax
import numpy as np

from experiments import build, config_flag, memory
from experiments.benchmarks import handover, in_cudnn, naive, side_by_side
from experiments.benchmarks.elsewhere import Elsewhere
from experiments.benchmarks.failures import Failed, Failures
from experiments.benchmarks.side_by_side import METRICS, JaxStep, Problem

OURS = 'ours'


class MissingPackage(ValueError):
  """A peer's library is not installed."""


class LeftOut(Exception):
  """A peer cannot run here; the message says why."""


class Peer(NamedTuple):
  """An implementation that is ready to run."""

  version: str
  update: side_by_side.Update


class Given(NamedTuple):
  """What a peer is made from.

  Attributes:
    problem: whose weights it takes over.
    num_updates: of which it is given the draws; they come round again.
  """

  problem: Problem
  num_updates: int

  def step(self, make, *args):
    """An update as a peer's `Step` has it, its metrics not yet numbers.

    Args:
      make: of model, settings, weights and `args`.
      *args: of the peer alone.
    """
    problem = self.problem
    model, settings, state = problem.model, problem.settings, problem.state
    weights = handover.weights(jax.tree.map(np.asarray, state.params))
    draws = handover.draws(
      model, settings, state, problem.batch, self.num_updates
    )
    step = make(model, settings, weights, *args)
    draws = [step.put(draws) for draws in draws]
    return lambda i: step(draws[i % len(draws)])


def ours(given: Given) -> Peer:
  """The step that training runs."""
  return _jax(given.problem.model, given.problem.state, given)


def ours_float32(given: Given) -> Peer:
  """Ours, computed in the precision of the peers."""
  compute = given.problem.model.decoder.compute
  if compute.dtype == 'float32':
    raise LeftOut('ours is float32 anyway')
  model = given.problem.model.with_compute(compute._replace(dtype='float32'))
  return _jax(model, given.problem.state, given)


def flax(given: Given) -> Peer:
  """Flax's own cells."""
  problem = given.problem
  state = naive.state(problem.state, problem.settings)
  return _jax(naive.model(problem.model), state, given)


def cudnn(given: Given) -> Peer:
  """`jax.experimental.rnn`."""
  problem = given.problem
  state = in_cudnn.state(problem.state, problem.settings)
  return _jax(in_cudnn.model(problem.model), state, given)


def _jax(model, state, given):
  problem = given.problem
  step = JaxStep(model, problem.settings, state, problem.batch)
  return Peer(f'jax {jax.__version__}', step)


def torch(given: Given) -> Peer:
  """`torch.nn.LSTM`: oneDNN's on a CPU, cuDNN's on a GPU."""
  return _torch(given, half=False)


def torch_float16(given: Given) -> Peer:
  """The same under autocast, which gives cuDNN's LSTM float16 only."""
  return _torch(given, half=True)


def _torch(given, half):
  import torch

  from experiments.benchmarks import in_torch

  on_gpu = _on_gpu()
  if on_gpu and not torch.cuda.is_available():
    raise LeftOut('torch finds no GPU')
  torch.set_num_threads(side_by_side.num_threads())
  torch.set_float32_matmul_precision('high')  # TF32 on a GPU, as XLA
  step = given.step(in_torch.Step, 'cuda' if on_gpu else 'cpu', half)

  def update(i):
    metrics = step(i)
    if on_gpu:
      torch.cuda.synchronize()
    return {name: float(metrics[name]) for name in METRICS}

  return Peer(f'torch {torch.__version__}', update)


def keras(given: Given) -> Peer:
  """Keras on TensorFlow."""
  from experiments.benchmarks import in_keras

  tf, gpus = in_keras.tf, in_keras.tf.config.list_physical_devices('GPU')
  if _on_gpu() and not gpus:
    raise LeftOut('TensorFlow finds no GPU')
  for gpu in gpus:
    tf.config.experimental.set_memory_growth(gpu, True)
  tf.config.threading.set_intra_op_parallelism_threads(
    side_by_side.num_threads()
  )
  tf.config.threading.set_inter_op_parallelism_threads(
    side_by_side.num_threads()
  )
  step = given.step(in_keras.Step)
  version = f'keras {in_keras.keras.__version__}, tensorflow {tf.__version__}'

  def update(i):
    metrics = step(i)
    return {name: float(metrics[name]) for name in METRICS}

  return Peer(version, update)


def _on_gpu() -> bool:
  return jax.default_backend() == 'gpu'


class Kind(NamedTuple):
  """How a row of the table comes about.

  Attributes:
    make: of what it is `Given`.
    packages: that it imports.
    prepared: whether its memory is set up as training's is.
    only_on: 'cpu' or 'gpu'; None: either.
  """

  make: Callable[[Given], Peer]
  packages: tuple[str, ...] = ()
  prepared: bool = False
  only_on: str | None = None


_TF = 'keras', 'tensorflow'
KINDS = {
  OURS: Kind(ours, prepared=True),
  'ours-plain': Kind(ours, only_on='cpu'),
  'ours-float32': Kind(ours_float32, prepared=True),
  'flax': Kind(flax),
  'flax-prepared': Kind(flax, prepared=True, only_on='cpu'),
  'torch': Kind(torch, ('torch',)),
  'torch-prepared': Kind(torch, ('torch',), prepared=True, only_on='cpu'),
  'torch-float16': Kind(torch_float16, ('torch',), only_on='gpu'),
  'keras': Kind(keras, _TF),
  'keras-prepared': Kind(keras, _TF, prepared=True, only_on='cpu'),
  'cudnn': Kind(cudnn, only_on='gpu'),
}
PEERS = tuple(name for name in KINDS if name != OURS)


def check_installed(names: list[str]) -> None:
  """Checks that the libraries of these peers are there.

  Raises:
    MissingPackage: one is not.
  """
  for name in names:
    for package in KINDS[name].packages:
      if importlib.util.find_spec(package) is None:
        others = ','.join(x for x in names if package not in KINDS[x].packages)
        raise MissingPackage(
          f"{package} is not installed: pip install -e '.[peers]', or leave "
          f'it out: --only={others}'
        )


def make(
  name: str, config: build.Config, timesteps: int | None, num_updates: int
) -> tuple[dict[str, str], side_by_side.Update]:
  """What ours or a peer is, and its update, from what a config says.

  Raises:
    LeftOut: it cannot run here.
  """
  kind = KINDS[name]
  words = memory.prepare() if kind.prepared else 'memory as it comes'
  problem = side_by_side.problem(config, timesteps)
  version, update = kind.make(Given(problem, num_updates))
  return {'version': version, 'memory': words}, update


def measure(
  config: build.Config,
  timesteps: int | None,
  names: list[str],
  num_updates: int,
  repeats: int,
) -> tuple[dict, Failures]:
  """What ours and each peer say and take, and why some were left out.

  Args:
    config: of the problem.
    timesteps: of a phrase; None: those of the data set's phrases.
    names: of the peers.
    num_updates: first updates, whose losses must agree.
    repeats: rounds that are timed.

  Returns:
    'runs', each the rows of those that took turns, 'left_out', the reasons;
    and what failed.
  """
  left_out = {
    name: f'of use on a {KINDS[name].only_on.upper()} only'
    for name in names
    if KINDS[name].only_on not in (None, jax.default_backend())
  }
  names = [name for name in names if name not in left_out]
  alone = _on_gpu() and len(names) > 1
  groups = [[name] for name in names] if alone else [names]
  runs, failures = [], Failures()
  for group in groups:
    try:
      rows, failed = _take_turns(config, timesteps, group, num_updates, repeats)
    except Failed as error:
      failures[f'beside {", ".join(group)}' if group else 'alone'] = error
    else:
      runs.append(rows)
      failures.update(failed)
  for name, error in list(failures.items()):
    if isinstance(error, LeftOut):
      left_out[name] = str(failures.pop(name))
  return {'runs': runs, 'left_out': left_out}, failures


def _take_turns(config, timesteps, names, num_updates, repeats):
  """The rows of ours and of the peers that do not fail, and the failures."""
  with contextlib.ExitStack() as stack:

    def start(name):
      found = Elsewhere(make, name, config, timesteps, num_updates)
      return stack.enter_context(contextlib.closing(found))

    updates, rows, failures = side_by_side.compare(
      {name: functools.partial(start, name) for name in (OURS, *names)},
      num_updates,
      repeats,
      OURS,
    )
    return {name: updates[name].about | rows[name] for name in rows}, failures


def table(result: dict) -> str:
  """The result of `measure` as Markdown."""
  places = side_by_side.digits()
  rows = [row for run in result['runs'] for row in run.items()]
  count = max(len(row['metrics']) for _, row in rows)
  heads = ' | '.join(f'loss {i + 1}' for i in range(count))
  lines = [
    f'| step | version | {heads} | median, ms | quartiles, ms '
    '| ratio to ours |',
    '|---|---|' + '---:|' * (count + 3),
  ]
  for name, row in rows:
    losses = ' | '.join(f'{x["loss"]:.{places}f}' for x in row['metrics'])
    ms = row['milliseconds']
    lines.append(
      f'| {name} | {row["version"]} | {losses} | {ms["median"]:.1f} '
      f'| {ms["lower"]:.1f}-{ms["upper"]:.1f} | {row["ratio"]:.2f} |'
    )
  reasons = [f'{name} ({why})' for name, why in result['left_out'].items()]
  if reasons:
    lines.append(f'\nLeft out: {", ".join(reasons)}.')
  return '\n'.join(lines)


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = side_by_side.parser('peers', __doc__)
  parser.add_argument(
    '--only',
    default=','.join(PEERS),
    help='peers to run, commas between; %(default)s by default',
  )
  try:
    args = parser.parse(argv)
    names = list(dict.fromkeys(filter(None, args.only.split(','))))
    for name in names:
      if name not in PEERS:
        parser.error(f'--only: {name!r} is none of {", ".join(PEERS)}')
    check_installed(names)
    config = args.config.to_dict()
    problem = side_by_side.problem(config, args.timesteps)
    about = side_by_side.about(problem)
    del problem  # of which each process has its own
    result, failures = measure(
      config, args.timesteps, names, args.updates, args.repeats
    )
  except (config_flag.ConfigError, MissingPackage) as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  if not result['runs']:
    return failures.report()
  about['memory'] = result['runs'][0][OURS]['memory']
  if args.json:
    result |= {'repeats': args.repeats, 'failed': failures.reasons()}
    print(json.dumps(about | result, indent=1))
  else:
    caption = side_by_side.describe(about, args.repeats)
    print(table(result), caption, *failures.note(), sep='\n\n')
  return failures.report()


if __name__ == '__main__':
  sys.exit(main())
