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
import os
import signal
import sys

import jax
from ml_collections import ConfigDict

from experiments import (
  ahead,
  build,
  config_flag,
  dry_run,
  ending,
  loop,
  memory,
  preemption,
  profiling,
)
from experiments.clock import Clock
from experiments.resumed import (
  RunError,
  check_alike,
  check_same,
  check_shared,
)
from musae_jax import arguments, cache, checkpoint, machine, parallel
from musae_jax.alone import alone
from musae_jax.errors import first_line, hush_threads

# Of one line each.
_ERRORS = (*build.ERRORS, RunError, parallel.ProcessError, ahead.TopologyError)
# What all processes are to be given alike, beside the config.
_ALIKE = 'num_processes', 'resume', 'dry_run'
_NOT_ALL_CAME = (
  f'error: after {parallel.START_SECONDS} s not all processes of the job have '
  'come; expected as many as --num_processes says, or the scheduler, and a '
  '--coordinator that all of them can reach'
)
_GOES_ON = 'started again, all go on from the last complete checkpoint'
_ABORTED = ending.Ending(
  preemption.EXIT_STATUS,
  'error: aborted, as JAX does where another process of the job is gone, or '
  'two have one --process_id, and says so above (if not, it is this one that '
  f'crashed); {_GOES_ON}',
)
_INTERRUPTED = ending.Ending(130, 'interrupted; the same command goes on')
_PREEMPTED = ending.Ending(
  preemption.EXIT_STATUS,
  'SIGTERM: nothing to save yet; the same command goes on',
)


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
  memory_of_each = machine.memory() // parallel.num_on_this_machine()
  with parallel.jointly():
    check_alike('config', config.to_dict())
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
    check_shared(workdir)
    checkpoints = stack.enter_context(
      checkpoint.Checkpoints(workdir, _keep(config.train))
    )
    with parallel.jointly():
      steps = checkpoints.steps()
      check_alike('checkpoints', {'steps': steps})
      if steps and not resume:
        raise RunError(
          f'{workdir}: holds a run already, and --no-resume was given; '
          'expected another --workdir'
        )
    saved = checkpoints.about() if steps else None
    with parallel.jointly():
      if saved:
        check_same('config', saved['config'], config.to_dict(), workdir)
      splits = build.splits(config, memory_of_each)
    with parallel.jointly():
      check_alike('dataset', splits.describe())
      if saved:
        check_same('dataset', saved['dataset'], splits.describe(), workdir)
    profiler = stack.enter_context(
      profiling.Profiler(
        workdir, profile if parallel.is_first() else None, clock
      )
    )
    stack.enter_context(ending.beside_others(_explain))
    run, state = loop.begin(config, splits, mesh, clock)
    return loop.go(run, workdir, checkpoints, state, profiler, preempted)


def _start(*job) -> None:
  """Joins the job's other processes, where there are any; they may be late.

  Signals that come meanwhile end this one. From then on they are those of
  JAX, which listens in several processes, and of `preemption`.
  """
  ending.at_signal(signal.SIGABRT, _ABORTED)
  ending.at_signal(signal.SIGTERM, _PREEMPTED)
  if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    ending.at_signal(signal.SIGINT, _INTERRUPTED)
  try:
    with ending.unless_within(parallel.START_SECONDS, _NOT_ALL_CAME):
      parallel.start(*job)
  finally:
    ending.at_signal(signal.SIGINT, None)
    if not jax.distributed.is_initialized():
      ending.at_signal(signal.SIGABRT, None)
      ending.at_signal(signal.SIGTERM, None)


def _keep(config: ConfigDict) -> checkpoint.Keep:
  return checkpoint.Keep(config.keep, config.keep_every, config.keep_best)


def _alone(workdir: str | os.PathLike):
  """Holds the folder, so that no second process trains in it."""
  taken = RunError(f'{workdir}: another process trains in it')
  return alone(workdir, taken)


def _parser() -> config_flag.ConfigParser:
  """Returns what reads the command's arguments."""
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
  return parser


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = _parser()
  try:
    args = parser.parse(argv)
    memory.prepare()
    if args.topology is not None:
      if not args.dry_run:
        parser.error('--topology is of use with --dry_run only')
      return dry_run.run(args.config, args.topology)
    cache.keep_programs()
    if not (args.dry_run or args.workdir):
      parser.error('the following arguments are required: --workdir')
    _start(args.coordinator, args.num_processes, args.process_id)
    with ending.beside_others(_explain):
      with parallel.jointly():
        check_alike('arguments', {name: vars(args)[name] for name in _ALIKE})
      if args.dry_run:
        return dry_run.run(args.config)
      reached = train(args.config, args.workdir, args.resume, args.profile)
  except (Exception, KeyboardInterrupt) as error:
    last = _explain(error)
    if last is None:
      raise
    print(last.line, file=sys.stderr)
    return last.status
  stopped = reached < args.config.train.num_steps
  return preemption.EXIT_STATUS if stopped else 0


def _explain(error: BaseException) -> ending.Ending | None:
  """Returns how to end for an error; None: it has no line of its own."""
  reason = first_line(error)[:200]
  if parallel.is_loss(error):
    return ending.Ending(
      preemption.EXIT_STATUS,
      f'error: another process of the job is gone ({reason}); {_GOES_ON}',
      alone=True,
    )
  if isinstance(error, _ERRORS):
    return ending.Ending(1, f'error: {error}')
  if isinstance(error, KeyboardInterrupt):
    return _INTERRUPTED
  if isinstance(error, jax.errors.JaxRuntimeError) and (
    'RESOURCE_EXHAUSTED' in reason
  ):
    return ending.Ending(
      1,
      f'error: no room on the device ({reason}); a lower '
      'config.train.batch_size or more devices may help',
    )
  return None


if __name__ == '__main__':
  hush_threads()
  sys.exit(main())
