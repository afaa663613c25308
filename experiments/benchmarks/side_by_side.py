"""Implementations of one training step: the same losses, then each one's time.

From the same weights and batch all have to print the same losses for a few
updates; only then are they timed, in turns, so that whatever else the machine
does meets them alike.
"""

import dataclasses
import functools
import math
import os
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments import build, config_flag
from experiments.benchmarks.failures import Failed, Failures
from musae_jax import arguments, models, training
from musae_jax.pianoroll import NUM_TOKENS, TRACKS

METRICS = ('loss', 'reconstruction', 'critic_estimate', 'penalty')
# The i-th update: returns its metrics when all of its work is done.
Update = Callable[[int], dict[str, float]]


def seconds(function: Callable[[], object], rounds: int) -> list[float]:
  """How long something takes, over and over."""
  taken = []
  for _ in range(rounds):
    began = time.perf_counter()
    function()
    taken.append(time.perf_counter() - began)
  return taken


@dataclasses.dataclass
class Problem:
  """What all implementations are given.

  Attributes:
    model: ours.
    settings: how to train.
    state: ours, at the first update of beta's last value: the critic counts.
    batch: random tokens and genres.
  """

  model: models.Autoencoder
  settings: training.Settings
  state: training.TrainState
  batch: dict[str, np.ndarray]


def parser(module: str, description: str) -> config_flag.ConfigParser:
  """The arguments of a comparison, which is a module of this package."""
  found = config_flag.ConfigParser(
    prog=f'python -m experiments.benchmarks.{module}', description=description
  )
  for name, default, meaning in (
    ('--updates', 3, 'first updates, whose losses must agree'),
    ('--repeats', 11, 'rounds that are timed'),
    ('--timesteps', None, "of a phrase; the data set's by default"),
  ):
    found.add_argument(
      name, type=arguments.positive, default=default, help=meaning
    )
  found.add_argument('--json', action='store_true', help='print JSON')
  return found


def problem(config: build.Config, timesteps: int | None = None) -> Problem:
  """A problem that depends on nothing else.

  Args:
    config: whose seed, too, is used; its data set is not.
    timesteps: of a phrase; None: those of the data set's phrases.

  Raises:
    ConfigError: a value is out of range.
  """
  build.check(config)
  # Other libraries' steps keep no averages either.
  settings = dataclasses.replace(build.settings(config), averaging=0.0)
  model = build.model(config)
  if timesteps is None:
    timesteps = build.timesteps(config)
  seed, batch_size = (config['train'][key] for key in ('seed', 'batch_size'))
  rng = np.random.default_rng(seed)
  shape = batch_size, timesteps, len(TRACKS)
  phrases = rng.integers(NUM_TOKENS, size=shape, dtype=np.uint8)
  genres = rng.random((batch_size, model.prior.num_components)) < 0.1
  increments = settings.beta_end / (settings.beta_increment or math.inf)
  late = math.ceil(increments) * settings.beta_interval
  state = training.init_state(model, settings, seed, timesteps)
  return Problem(
    model,
    settings,
    state.replace(step=jnp.int32(late)),
    {'phrases': phrases, 'genres': genres},
  )


def about(problem: Problem) -> dict:
  """What was compared and where, as JSON."""
  batch_size, timesteps, _ = problem.batch['phrases'].shape
  encoder, decoder = problem.model.encoder, problem.model.decoder
  return {
    'device': jax.devices()[0].device_kind,
    'threads': num_threads(),
    'jax': jax.__version__,
    'batch_size': batch_size,
    'timesteps': timesteps,
    'latent_dim': encoder.latent_dim,
    'width': decoder.width,
    'depth': decoder.depth,
    'critic_steps': problem.settings.critic_steps,
    'beta': float(problem.settings.beta(problem.state.step)),
    'compute': decoder.compute._asdict(),
  }


def describe(about: dict, repeats: int) -> str:
  """A table's caption; 'memory' says how ours was set up."""
  sizes = ', '.join(
    f'{name} {about[name]:g}'
    for name in (
      *('batch_size', 'timesteps', 'latent_dim', 'width', 'depth'),
      *('critic_steps', 'beta'),
    )
  )
  return (
    f'{sizes}; jax {about["jax"]} on {about["device"]}, {about["threads"]} '
    f'CPU threads; {about["memory"]}; {repeats} rounds'
  )


def num_threads() -> int:
  """CPU threads for each implementation: as many as it may run on at once.

  XLA takes no other number; `taskset` gives a smaller one.
  """
  return len(os.sched_getaffinity(0))


class JaxStep:
  """`training.make_train_step`, compiled, with a state of its own.

  Attributes:
    compile_seconds: tracing included.
    memory: bytes of the compiled program.
  """

  def __init__(
    self, model: models.Autoencoder, settings: training.Settings, state, batch
  ):
    self._state, self._batch = jax.tree.map(jnp.copy, (state, batch))
    step = training.make_train_step(model, settings)
    start = time.perf_counter()
    self._step = step.lower(self._state, self._batch).compile()
    self.compile_seconds = time.perf_counter() - start
    found = self._step.memory_analysis()
    kept = found.argument_size_in_bytes + found.output_size_in_bytes
    kept -= found.alias_size_in_bytes
    temporary = found.temp_size_in_bytes
    self.memory = {'temporary': temporary, 'peak': kept + temporary}

  def __call__(self, i: int) -> dict[str, float]:
    """Updates the state; returns the metrics."""
    del i  # the state knows its step
    state_and_metrics = self._step(self._state, self._batch)
    self._state, metrics = jax.block_until_ready(state_and_metrics)
    return {name: float(metrics[name]) for name in METRICS}


def digits() -> int:
  """Decimals that losses are printed with, and must agree to.

  An accelerator rounds the operands of products, to TF32 or bfloat16.
  """
  return 4 if jax.default_backend() == 'cpu' else 2


class Comparison(NamedTuple):
  """What came of a comparison, by implementation.

  Attributes:
    updates: those that did not fail.
    rows: of these, 'metrics' of the first updates, 'milliseconds' of an update
      (median and quartiles), and 'ratio' of its median to the reference's.
    failures: the others.
  """

  updates: dict[str, Update]
  rows: dict[str, dict]
  failures: Failures


def compare(
  makers: Mapping[str, Callable[[], Update]],
  count: int,
  repeats: int,
  reference: str,
) -> Comparison:
  """Makes all, compares the losses of their first updates, and times them.

  One with other losses than the reference has failed: it is not timed.

  Args:
    makers: of each implementation.
    count: of first updates.
    repeats: rounds that are timed.
    reference: the one to agree with, and to relate times to.

  Raises:
    Failed: it is the reference that fails.
  """
  failures = Failures()
  updates = failures.outlive(makers)
  metrics = first_updates(updates, count, reference, failures)
  times = in_turns(updates, count, repeats, failures)
  failures.check(reference)
  rows = {
    name: {
      'metrics': metrics[name],
      'milliseconds': times[name],
      'ratio': times[name]['median'] / times[reference]['median'],
    }
    for name in times
  }
  return Comparison(updates, rows, failures)


def first_updates(
  updates: Mapping[str, Update],
  count: int,
  reference: str,
  failures: Failures,
) -> dict[str, list[dict[str, float]]]:
  """The metrics of the first `count` updates of those that do not fail.

  Those fail, too, that differ from the reference's by more than half a unit of
  the last printed digit.

  Raises:
    Failed: the reference fails.
  """

  def first(update):
    return [update(i) for i in range(count)]

  metrics = failures.outlive(
    {name: functools.partial(first, update) for name, update in updates.items()}
  )
  failures.check(reference)
  return failures.outlive(
    {
      name: functools.partial(_agreeing, found, metrics[reference], reference)
      for name, found in metrics.items()
    }
  )


def _agreeing(found, reference, name):
  """Metrics of updates; raises a `Failed` if they are not the reference's."""
  for i, rows in enumerate(zip(found, reference)):
    for metric in METRICS:
      value, expected = (row[metric] for row in rows)
      # Not `>`: NaN agrees with nothing.
      if not abs(value - expected) <= 0.5 * 10 ** -digits():
        raise Failed(
          f'{metric} of update {i + 1} is {value:.6f}, expected '
          f'{expected:.6f} as of {name}'
        )
  return found


def in_turns(
  updates: Mapping[str, Update], first: int, repeats: int, failures: Failures
) -> dict[str, dict[str, float]]:
  """Milliseconds of an update: median and quartiles over the rounds.

  Args:
    updates: what to time, warm already.
    first: number of the first update.
    repeats: number of rounds, in each of which every one updates once; another
      one begins each time, and every other round goes backwards.
    failures: which are left out, and to which those are added that fail now.
  """

  def seconds(update, i):
    start = time.perf_counter()
    update(i)
    return time.perf_counter() - start

  names, rounds = list(updates), []
  for i in range(first, first + repeats):
    start = i % len(names)
    order = (names[start:] + names[:start])[:: (-1) ** i]
    rounds.append(
      failures.outlive(
        {name: functools.partial(seconds, updates[name], i) for name in order}
      )
    )
  quartiles = {
    name: 1e3
    * np.quantile([found[name] for found in rounds], [0.5, 0.25, 0.75])
    for name in names
    if name not in failures
  }
  kinds = 'median', 'lower', 'upper'
  return {
    name: dict(zip(kinds, map(float, found)))
    for name, found in quartiles.items()
  }
