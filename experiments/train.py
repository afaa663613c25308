"""Trains a model, or goes on where a run in the same folder stopped.

    python -m experiments.train --config=flower16 --workdir=runs/flower16

Killed at any moment and started again with the same command, a run ends in
the same parameters and the same metrics.jsonl as one that was left alone.
"""

import argparse
import math
import os
import sys
import zlib
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from experiments import build, config_flag, feeds, memory, profiling, writer
from musae_jax import (
  arguments,
  batches,
  checkpoint,
  evaluation,
  flops,
  parallel,
  training,
)
from musae_jax.alone import alone
from musae_jax.pianoroll import TRACKS

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
  }
)


class RunError(ValueError):
  """The folder holds a run that this one cannot go on with."""


class Run(NamedTuple):
  """What does not change from step to step."""

  config: ConfigDict
  splits: build.Splits
  mesh: Mesh
  feed: feeds.Feed
  eval_step: object
  work: writer.Work

  @property
  def about(self) -> dict:
    """What a checkpoint says about the run, as JSON."""
    return {
      'config': self.config.to_dict(),
      'dataset': self.splits.describe(),
    }


def train(
  config: ConfigDict,
  workdir: str | os.PathLike,
  resume: bool = True,
  profile: range | None = None,
) -> None:
  """Trains up to `config.train.num_steps`, from the newest checkpoint.

  Args:
    config: what to train.
    workdir: the run's folder.
    resume: whether there may be a checkpoint.
    profile: steps to trace.

  Raises:
    RunError, `build.ERRORS`: of one line each.
  """
  mesh = parallel.make_mesh()
  build.check(config, mesh.size)
  if profile and profile[-1] > config.train.num_steps:
    raise config_flag.ConfigError(
      f'--profile ends with step {profile[-1]}, expected at most '
      f'config.train.num_steps={config.train.num_steps}'
    )
  keep = config.train.keep
  with _alone(workdir), checkpoint.Checkpoints(workdir, keep) as checkpoints:
    saved = None
    if checkpoints.steps():
      if not resume:
        raise RunError(
          f'{workdir}: holds a run already, and --no-resume was given; '
          'expected another --workdir'
        )
      saved = checkpoints.about()
      _check_same('config', saved['config'], config.to_dict(), workdir)
    splits = build.splits(config)
    if saved:
      _check_same('dataset', saved['dataset'], splits.describe(), workdir)
    model, settings = build.model(config), build.settings(config)
    timesteps, batch_size = splits.train.timesteps, config.train.batch_size
    run = Run(
      config,
      splits,
      mesh,
      feeds.make(config, model, splits.train, mesh),
      evaluation.make_eval_step(model, mesh),
      writer.Work(
        batch_size,
        flops.train_step(model, settings, timesteps, batch_size).total,
        jax.devices()[0].device_kind,
        mesh.size,
      ),
    )
    state = training.init_state(model, settings, config.train.seed, timesteps)
    with profiling.Profiler(workdir, profile) as profiler:
      _loop(
        run, workdir, checkpoints, parallel.replicate(state, mesh), profiler
      )


def _loop(
  run: Run,
  workdir: str | os.PathLike,
  checkpoints: checkpoint.Checkpoints,
  state: training.TrainState,
  profiler: profiling.Profiler,
) -> None:
  """Updates, logs, validates and saves until the last step."""
  config, feed = run.config.train, run.feed
  start = 0
  if checkpoints.steps():
    start, state, position = checkpoints.restore(state)
    feed.set_state(position)
  if start % feed.num_updates:
    raise RunError(
      f'{workdir}: is at step {start}, no multiple of '
      f'config.train.steps_per_dispatch={feed.num_updates}'
    )
  if start >= config.num_steps:
    print(
      f'{workdir}: already at step {start} of {config.num_steps}: nothing to do'
    )
    return
  pending = []
  with writer.Writer(workdir, start, config.num_steps, run.work) as log:
    log.say(
      f'{workdir}: step {start} of {config.num_steps}, {run.mesh.size} x '
      f'{run.work.device_kind}; the first step compiles'
    )
    if profiler.is_past(start):
      log.say(f'--profile: step {start} is past these steps; none is traced')
    for before in range(start, config.num_steps, feed.num_updates):
      step = before + feed.num_updates
      profiler.before(before + 1, step, state)
      state, metrics = feed.update(state)
      profiler.after(step, metrics)
      pending.append(metrics)
      if before == start:
        jax.block_until_ready(metrics)
        log.restart(step)
      last = step == config.num_steps
      if last or step % config.log_every == 0:
        means = _means(pending, step, checkpoints.steps())
        pending = []
        log.write(step, 'train', means)
        accuracy = np.mean([means[f'accuracy/{t}'] for t in TRACKS])
        log.progress(
          step,
          f'reconstruction {means["reconstruction"]:.3f}  '
          f'accuracy {accuracy:.3f}',
        )
      if last or step % config.eval_every == 0:
        log.write(step, 'validation', _validate(run, state.params))
        log.restart(step)
      if last or step % config.checkpoint_every == 0:
        checkpoints.save(step, state, feed.get_state(), run.about)
        log.restart(step)


def _means(
  pending: list[dict], step: int, saved: list[int]
) -> dict[str, float]:
  """Returns the mean of each metric over the steps since the last line.

  Args:
    pending: the metrics of each dispatch, scalars or [steps].
    step: the last of them.
    saved: the steps that there are checkpoints of.

  Raises:
    RunError: one is not finite, so that neither is the state.
  """
  found = jax.device_get(pending)
  means = {k: float(np.mean([m[k] for m in found])) for k in found[0]}
  for name, mean in means.items():
    if not math.isfinite(mean):
      kept = f'the last is of step {saved[-1]}' if saved else 'there is none'
      raise RunError(
        f'{name} became {mean} by step {step}, of which no checkpoint is '
        f'saved ({kept}); a lower config.train.learning_rate may help'
      )
  return means


def _validate(run: Run, params: dict) -> dict[str, float]:
  """Returns the scores on the same few phrases of the validation split."""
  phrases = run.splits.validation.phrases
  num_phrases = run.config.train.eval_phrases
  rows = batches.permutation(len(phrases), 0, 0)[:num_phrases]
  sums = evaluation.evaluate(
    run.eval_step,
    params,
    phrases,
    run.config.train.batch_size,
    rows,
    lambda batch: parallel.shard_batch(batch, run.mesh),
  )
  return {
    f'{measure}/{track}': float(values[i])
    for measure, values in evaluation.scores(sums).items()
    for i, track in enumerate(TRACKS)
  }


def _check_same(what: str, saved: dict, given: dict, workdir) -> None:
  """Raises a `RunError` that names the first field that differs."""
  saved, given = _flat(saved), _flat(given)
  for field in sorted({*saved, *given} - _MAY_CHANGE):
    was, now = (
      _short(flat[field]) if field in flat else 'not set'
      for flat in (saved, given)
    )
    if was != now:
      raise RunError(
        f'{workdir}: {what}.{field} is {now}, but the run in this folder has '
        f'{was}; expected the same, or another --workdir'
      )


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


def _alone(workdir: str | os.PathLike):
  """Holds the folder, so that no second process trains in it."""
  taken = RunError(f'{workdir}: another process trains in it')
  return alone(workdir, taken)


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = config_flag.ConfigParser(
    prog='python -m experiments.train', description=__doc__
  )
  parser.add_argument(
    '--workdir',
    type=arguments.path,
    required=True,
    help="the run's folder",
  )
  parser.add_argument(
    '--resume',
    action=argparse.BooleanOptionalAction,
    default=True,
    help='go on from the newest checkpoint; without, there may be none',
  )
  parser.add_argument(
    '--profile',
    type=profiling.steps,
    metavar='FIRST:LAST',
    help="trace these steps into the folder's profile/",
  )
  try:
    args = parser.parse(argv)
    memory.prepare()
    train(args.config, args.workdir, args.resume, args.profile)
  except (*build.ERRORS, RunError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  except KeyboardInterrupt:
    print('interrupted; the same command goes on', file=sys.stderr)
    return 130
  return 0


if __name__ == '__main__':
  sys.exit(main())
