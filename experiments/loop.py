"""The steps of a run, and what is written, validated and saved between them."""

import os
import time
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from experiments import build, feeds, heartbeat, preemption, profiling, writer
from experiments.clock import STEPS, Clock
from experiments.pending import Diverged, Pending
from experiments.resumed import RunError
from musae_jax import (
  batches,
  checkpoint,
  checksums,
  evaluation,
  flops,
  parallel,
  training,
)
from musae_jax.pianoroll import TRACKS

# What a validation's score is the mean of.
ACCURACIES = [f'accuracy/{track}' for track in TRACKS]
# Where a checkpoint's position has the metrics that are in no line yet.
_PENDING = 'pending'


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


def begin(
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


def go(
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
      checksums.of_arrays(state)
      parallel.on_all(True)  # else the first step would wait for their compiler
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
      stops = preempted.stops(step - before) and not last
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
          scores = _validate(run, state.trained)
          score = float(np.mean([scores[name] for name in ACCURACIES]))
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
    checkpoints.finish()
    saved = checkpoints.steps()
    kept = f'that of step {saved[-1]} stays' if saved else 'there is none'
    raise RunError(
      f'{error}; it gets no checkpoint ({kept}): a lower '
      'config.train.learning_rate may help, or, where it is a single step, '
      'config.train.on_nan=skip'
    ) from error


def _summary(means: dict[str, float]) -> str:
  """Returns what a line on the terminal says of the metrics."""
  accuracy = np.mean([means[name] for name in ACCURACIES])
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
