"""How fast the training step is, beside PyTorch, Keras and cuDNN.

    pip install -c constraints.txt -e '.[peers]'
    python -m experiments.benchmarks.peers --config=gaussian2 \
      --config.model.width=256 --config.train.batch_size=64

Ours is the step that training runs. A peer is the same update, written for its
library: the same weights to begin with, and the draws that ours makes from its
key, which the peer need not make. All must print the same losses before any is
timed; then they take turns, each in a process of its own, as it would be alone:
in one, the idle threads of one library are in the way of another's, and what
training tells glibc (experiments/memory.py) would help all. `torch-prepared` is
PyTorch with that help, `ours-plain` is ours without. Each has as many CPU
threads as the process may use (`taskset` sets that). On a GPU cuDNN joins in,
through PyTorch and through `jax.experimental.rnn`.
"""

import importlib.util
import json
import os
import sys
from typing import NamedTuple

# Before JAX starts: on a GPU it leaves the others memory.
os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')

import jax
import numpy as np

from experiments import build, config_flag, memory
from experiments.benchmarks import handover, in_cudnn, side_by_side
from experiments.benchmarks.elsewhere import Elsewhere
from experiments.benchmarks.side_by_side import (
  METRICS,
  Disagreement,
  JaxStep,
  Problem,
)

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


def ours_plain(given: Given) -> Peer:
  """The same, its memory as glibc has it by itself."""
  _need_cpu()
  return ours(given)


def ours_float32(given: Given) -> Peer:
  """Ours, computed in the precision of the peers."""
  compute = given.problem.model.decoder.compute
  if compute.dtype == 'float32':
    raise LeftOut('ours is float32 anyway')
  model = given.problem.model.with_compute(compute._replace(dtype='float32'))
  return _jax(model, given.problem.state, given)


def cudnn(given: Given) -> Peer:
  """`jax.experimental.rnn`."""
  _need_gpu()
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


def torch_prepared(given: Given) -> Peer:
  """The same, its memory prepared as our training's is."""
  _need_cpu()
  return _torch(given, half=False)


def torch_float16(given: Given) -> Peer:
  """The same under autocast, which gives cuDNN's LSTM float16 only."""
  _need_gpu()
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


def _need_cpu():
  if _on_gpu():
    raise LeftOut('of use on a CPU only')


def _need_gpu():
  if not _on_gpu():
    raise LeftOut('no GPU here')


# Set up as training sets itself up.
PREPARED = frozenset({OURS, 'ours-float32', 'torch-prepared'})
# Each with the packages that it imports.
PEERS = {
  'ours-plain': (ours_plain, ()),
  'ours-float32': (ours_float32, ()),
  'torch': (torch, ('torch',)),
  'torch-prepared': (torch_prepared, ('torch',)),
  'torch-float16': (torch_float16, ('torch',)),
  'keras': (keras, ('keras', 'tensorflow')),
  'cudnn': (cudnn, ()),
}


def check_installed(names: list[str]) -> None:
  """Checks that the libraries of these peers are there.

  Raises:
    MissingPackage: one is not.
  """
  for name in names:
    for package in PEERS[name][1]:
      if importlib.util.find_spec(package) is None:
        others = ','.join(x for x in names if package not in PEERS[x][1])
        raise MissingPackage(
          f"{package} is not installed: pip install -e '.[peers]', or leave "
          f'it out: --only={others}'
        )


def make(
  name: str, config: build.Config, timesteps: int | None, num_updates: int
) -> Peer:
  """Ours or a peer, from nothing but what a config says.

  Raises:
    LeftOut: it cannot run here.
  """
  if name in PREPARED:
    memory.prepare()
  problem = side_by_side.problem(config, timesteps)
  function = ours if name == OURS else PEERS[name][0]
  return function(Given(problem, num_updates))


def measure(
  config: build.Config,
  timesteps: int | None,
  names: list[str],
  num_updates: int,
  repeats: int,
) -> dict:
  """What ours and each peer say and take, and why some were left out.

  Args:
    config: of the problem.
    timesteps: of a phrase; None: those of the data set's phrases.
    names: of the peers.
    num_updates: first updates, whose losses must agree.
    repeats: rounds that are timed.

  Raises:
    Disagreement: two of them do not print the same losses.
  """
  updates, left_out = {}, {}
  for name in (OURS, *names):
    try:
      updates[name] = Elsewhere(make, name, config, timesteps, num_updates)
    except LeftOut as reason:
      left_out[name] = str(reason)
  metrics = side_by_side.first_updates(updates, num_updates, OURS)
  times = side_by_side.in_turns(updates, num_updates, repeats)
  steps = {
    name: {
      'version': update.about,
      'metrics': metrics[name],
      'milliseconds': times[name],
      'ratio': times[name]['median'] / times[OURS]['median'],
    }
    for name, update in updates.items()
  }
  return {'steps': steps, 'left_out': left_out}


def table(result: dict) -> str:
  """The result of `measure` as Markdown."""
  places = side_by_side.digits()
  count = len(result['steps'][OURS]['metrics'])
  heads = ' | '.join(f'loss {i + 1}' for i in range(count))
  lines = [
    f'| step | version | {heads} | median, ms | quartiles, ms '
    '| ratio to ours |',
    '|---|---|' + '---:|' * (count + 3),
  ]
  for name, row in result['steps'].items():
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
  parser = side_by_side.parser(__doc__)
  parser.add_argument(
    '--only',
    default=','.join(PEERS),
    help='peers to run, commas between; %(default)s by default',
  )
  try:
    args = parser.parse(argv)
    names = args.only.split(',') if args.only else []
    for name in names:
      if name not in PEERS:
        parser.error(f'--only: {name!r} is none of {", ".join(PEERS)}')
    check_installed(names)
    config = args.config.to_dict()
    problem = side_by_side.problem(config, args.timesteps)
    about = side_by_side.about(problem)
    del problem  # of which each process has its own
    result = measure(config, args.timesteps, names, args.updates, args.repeats)
  except (
    ChildProcessError,
    config_flag.ConfigError,
    Disagreement,
    MissingPackage,
  ) as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  if args.json:
    print(json.dumps({**about, 'repeats': args.repeats, **result}, indent=1))
  else:
    print(table(result), side_by_side.describe(about, args.repeats), sep='\n\n')
  return 0


if __name__ == '__main__':
  sys.exit(main())
