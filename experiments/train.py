"""Trains a model, or goes on where a run in the same folder stopped.

    python -m experiments.train --config=flower16 --workdir=runs/flower16

Killed at any moment and started again with the same command, a run ends in
the same parameters and the same metrics.jsonl as one that was left alone. On
SIGTERM it saves after the step that it is at and exits with status 75; it also
ends with that, without a save, where another process of the job is gone.

Processes that SLURM or a TPU started find each other. Elsewhere each is given
--coordinator, --num_processes and --process_id.

--dry_run trains nothing, and tells what the run would be: parameters, FLOPs,
whether it fits, and what its devices would send each other.
"""

import argparse
import contextlib
import logging
import os
import sys
import threading
import time
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from experiments import (
  ahead,
  build,
  config_flag,
  dry_run,
  feeds,
  heartbeat,
  memory,
  preemption,
  profiling,
  writer,
)
from experiments.clock import STEPS, Clock
from experiments.pending import Diverged, Pending
from experiments.resumed import RunError, check_same
from musae_jax import (
  arguments,
  batches,
  cache,
  checkpoint,
  evaluation,
  flops,
  parallel,
  training,
)
from musae_jax.alone import alone
from musae_jax.pianoroll import TRACKS

# Of one line each.
_ERRORS = (*build.ERRORS, RunError, parallel.ProcessError, ahead.TopologyError)
# Where a checkpoint's position has the metrics that are in no line yet.
_PENDING = 'pending'
# What a validation's score is the mean of.
_ACCURACIES = [f'accuracy/{track}' for track in TRACKS]


class Run(NamedTuple):
  """What does not change from step to step."""

  config: ConfigDict
  splits: build.Splits
  mesh: Mesh
  feed: feeds.Feed
  eval_step: object
  work: writer.Work
  clock: Clock

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
) -> int:
  """Trains up to `config.train.num_steps`, from the newest checkpoint.

  Args:
    config: what to train.
    workdir: the run's folder.
    resume: whether there may be a checkpoint.
    profile: steps to trace.

  Returns:
    The step that it reached, an earlier one where SIGTERM came.

  Raises:
    RunError, `build.ERRORS`, ProcessError: of one line each.
  """
  clock = Clock()
  mesh = parallel.make_mesh()
  build.check(config, mesh.size)
  if profile and profile[-1] > config.train.num_steps:
    raise config_flag.ConfigError(
      f'--profile ends with step {profile[-1]}, expected at most '
      f'config.train.num_steps={config.train.num_steps}'
    )
  with contextlib.ExitStack() as stack:
    preempted = stack.enter_context(preemption.Preemption())
    with parallel.jointly():
      if parallel.is_first():
        stack.enter_context(_alone(workdir))
    checkpoints = stack.enter_context(
      checkpoint.Checkpoints(workdir, _keep(config.train))
    )
    saved = None
    if checkpoints.steps():
      if not resume:
        raise RunError(
          f'{workdir}: holds a run already, and --no-resume was given; '
          'expected another --workdir'
        )
      saved = checkpoints.about()
      check_same('config', saved['config'], config.to_dict(), workdir)
    with parallel.jointly():
      splits = build.splits(config)
      if saved:
        check_same('dataset', saved['dataset'], splits.describe(), workdir)
    profiler = stack.enter_context(
      profiling.Profiler(
        workdir, profile if parallel.is_first() else None, clock
      )
    )
    run, state = _begin(config, splits, mesh, clock)
    return _loop(run, workdir, checkpoints, state, profiler, preempted)


def _begin(
  config: ConfigDict, splits: build.Splits, mesh: Mesh, clock: Clock
) -> tuple[Run, training.TrainState]:
  """Returns the run, and its state before the first step."""
  model, settings = build.model(config), build.settings(config)
  timesteps, batch_size = splits.train.timesteps, config.train.batch_size
  run = Run(
    config,
    splits,
    mesh,
    feeds.make(config, model, splits.train, mesh, clock),
    evaluation.make_eval_step(model, mesh),
    writer.Work(
      batch_size,
      flops.train_step(model, settings, timesteps, batch_size).total,
      jax.devices()[0].device_kind,
      mesh.size,
    ),
    clock,
  )
  state = training.init_state(model, settings, config.train.seed, timesteps)
  return run, parallel.replicate(state, mesh)


def _loop(
  run: Run,
  workdir: str | os.PathLike,
  checkpoints: checkpoint.Checkpoints,
  state: training.TrainState,
  profiler: profiling.Profiler,
  preempted: preemption.Preemption,
) -> int:
  """Updates, logs, validates and saves; returns the step it stopped at."""
  config, feed, clock = run.config.train, run.feed, run.clock
  began = time.monotonic()
  start, state, pending = _restore(run, workdir, checkpoints, state)
  restored = time.monotonic() - began
  if start >= config.num_steps:
    if parallel.is_first():
      print(
        f'{workdir}: already at step {start} of {config.num_steps}: '
        'nothing to do'
      )
    return start
  with (
    _writer(run, workdir, start) as log,
    heartbeat.Heartbeat(log.say, clock) as beating,
    clock.spending(STEPS),
  ):
    if start:
      log.say(f'restored step {start} in {restored:.2f} s')
    log.say(
      f'{workdir}: step {start} of {config.num_steps}, {run.mesh.size} x '
      f'{run.work.device_kind}; compiling'
    )
    with clock.spending('compile'):
      feed.compile(state)
    if profiler.is_past(start):
      log.say(f'--profile: step {start} is past these steps; none is traced')
    for before in range(start, config.num_steps, feed.num_updates):
      step = before + feed.num_updates
      profiler.before(before + 1, step, state)
      state, metrics = feed.update(state)
      profiler.after(step, metrics)
      pending.add(metrics)
      beating.at(step)
      last = step == config.num_steps
      stops = preempted.stops(range(before + 1, step + 1)) and not last
      score = None
      if stops:
        _means(pending, checkpoints)  # sound, or not saved
      if last or step % config.log_every == 0:
        means = _means(pending, checkpoints)
        pending = Pending(step)
        log.write(step, 'train', means)
        log.progress(step, _summary(means))
        _tell_saved(log, checkpoints, wait=False)
      if last or step % config.eval_every == 0:
        with clock.spending('validation', after=state):
          scores = _validate(run, state.params)
          score = float(np.mean([scores[name] for name in _ACCURACIES]))
          log.write(step, 'validation', scores)
      if last or stops or step % config.checkpoint_every == 0:
        with clock.spending('save', after=state):
          _tell_saved(log, checkpoints)
          position = feed.get_state() | {_PENDING: pending.as_json()}
          checkpoints.save(step, state, position, run.about, score)
      if stops:
        break
    with clock.spending('save'):
      _tell_saved(log, checkpoints)
    if stops:
      log.say(f'SIGTERM: saved step {step}; the same command goes on')
    log.say(clock.describe())
  return step


def _tell_saved(
  log: writer.Writer, checkpoints: checkpoint.Checkpoints, wait: bool = True
) -> None:
  """Says what the last save took, if it has ended and that is not yet said."""
  saved = checkpoints.finish(wait)
  if saved:
    log.say(
      f'saved step {saved.step} in {saved.seconds:.2f} s, of which training '
      f'waited {saved.held:.2f}'
    )


def _keep(config: ConfigDict) -> checkpoint.Keep:
  return checkpoint.Keep(config.keep, config.keep_every, config.keep_best)


def _restore(
  run: Run,
  workdir: str | os.PathLike,
  checkpoints: checkpoint.Checkpoints,
  state: training.TrainState,
) -> tuple[int, training.TrainState, Pending]:
  """Goes to where the newest checkpoint is; stays where there is none.

  Returns:
    Its step, its state, and the metrics since the last line.

  Raises:
    RunError: no dispatch of this config ends at its step.
  """
  if not checkpoints.steps():
    return 0, state, Pending(0)
  step, state, position = checkpoints.restore(state)
  pending = Pending(step, position.pop(_PENDING, []))
  run.feed.set_state(position)
  if step % run.feed.num_updates:
    raise RunError(
      f'{workdir}: is at step {step}, no multiple of '
      f'config.train.steps_per_dispatch={run.feed.num_updates}'
    )
  return step, state, pending


def _writer(run: Run, workdir: str | os.PathLike, start: int) -> writer.Writer:
  """Returns what records the run, in the first process only."""
  if not parallel.is_first():
    return writer.Silent()
  return writer.Writer(
    workdir, start, run.config.train.num_steps, run.work, run.clock
  )


def _means(
  pending: Pending, checkpoints: checkpoint.Checkpoints
) -> dict[str, float]:
  """Returns the mean of each metric over the steps since the last line.

  Raises:
    RunError: one is not sound, so that neither is the state.
  """
  try:
    return pending.means()
  except Diverged as error:
    saved = checkpoints.steps()
    kept = f'that of step {saved[-1]} stays' if saved else 'there is none'
    raise RunError(
      f'{error}; it gets no checkpoint ({kept}): a lower '
      'config.train.learning_rate may help, or config.train.on_nan=skip where '
      'it is a single step'
    ) from error


def _summary(means: dict[str, float]) -> str:
  """Returns what a line on the terminal says of the metrics."""
  accuracy = np.mean([means[name] for name in _ACCURACIES])
  skipped = means.get('skipped', 0)
  return (
    f'reconstruction {means["reconstruction"]:.3f}  accuracy {accuracy:.3f}'
    + (f'  {skipped:.1%} of steps skipped' if skipped else '')
  )


def _validate(run: Run, params: dict) -> dict[str, float]:
  """Returns the scores on the same few phrases of the validation split."""
  phrases = run.splits.validation.phrases
  num_phrases = run.config.train.eval_phrases
  rows = batches.permutation(len(phrases), 0, 0)[:num_phrases]
  share = parallel.share(run.mesh, run.config.train.batch_size)
  sums = evaluation.evaluate(
    run.eval_step,
    params,
    phrases,
    run.config.train.batch_size,
    rows,
    lambda batch: parallel.shard_batch(
      jax.tree.map(lambda rows: rows[share], batch), run.mesh
    ),
  )
  return {
    f'{measure}/{track}': float(values[i])
    for measure, values in evaluation.scores(sums).items()
    for i, track in enumerate(TRACKS)
  }


def _alone(workdir: str | os.PathLike):
  """Holds the folder, so that no second process trains in it."""
  taken = RunError(f'{workdir}: another process trains in it')
  return alone(workdir, taken)


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = config_flag.ConfigParser(
    prog='python -m experiments.train', description=__doc__
  )
  add = parser.add_argument
  add(
    '--workdir',
    type=arguments.path,
    help="the run's folder",
  )
  add(
    '--resume',
    action=argparse.BooleanOptionalAction,
    default=True,
    help='go on from the newest checkpoint; without, there may be none',
  )
  add(
    '--profile',
    type=profiling.steps,
    metavar='FIRST:LAST',
    help="trace these steps into the folder's profile/",
  )
  add(
    '--coordinator',
    metavar='HOST:PORT',
    help='where process 0 listens; with the next two, in each process',
  )
  add('--num_processes', type=int, help='how many train together')
  add('--process_id', type=int, help='which one this is, from 0')
  add(
    '--dry_run',
    action='store_true',
    help='tell what the run would be; wants no --workdir',
  )
  add(
    '--topology',
    metavar='h100:8|v5e:4x4',
    help='with --dry_run: devices that need not be here',
  )
  try:
    args = parser.parse(argv)
    memory.prepare()
    cache.keep_programs()
    if args.topology:
      if not args.dry_run:
        parser.error('--topology is of use with --dry_run only')
      return dry_run.run(args.config, args.topology)
    if not (args.dry_run or args.workdir):
      parser.error('the following arguments are required: --workdir')
    parallel.start(args.coordinator, args.num_processes, args.process_id)
    if args.dry_run:
      return dry_run.run(args.config)
    reached = train(args.config, args.workdir, args.resume, args.profile)
  except _ERRORS as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  except jax.errors.JaxRuntimeError as error:
    if jax.process_count() == 1:
      raise
    _end_without_the_others(error)
  except KeyboardInterrupt:
    print('interrupted; the same command goes on', file=sys.stderr)
    return 130
  stopped = reached < args.config.train.num_steps
  return preemption.EXIT_STATUS if stopped else 0


def _end_without_the_others(error: Exception) -> None:
  """Ends the process where another one of the job is gone."""
  reason, *_ = str(error).splitlines() or [type(error).__name__]
  print(
    f'error: another process of the job is gone ({reason[:200]}); started '
    'again, all go on from the last complete checkpoint',
    file=sys.stderr,
    flush=True,
  )
  sys.stdout.flush()
  # At a usual end JAX would wait for the others.
  os._exit(preemption.EXIT_STATUS)


def _hush_threads() -> None:
  """Has only the main thread report errors.

  What a thread of orbax raises, orbax raises there again, and there it becomes
  one line.
  """
  hook = sys.unraisablehook

  def report(unraisable):
    if threading.current_thread() is threading.main_thread():
      hook(unraisable)

  sys.unraisablehook = report
  logging.getLogger('absl').addFilter(
    lambda record: not (record.exc_info and 'orbax' in record.pathname)
  )


if __name__ == '__main__':
  _hush_threads()
  sys.exit(main())
