"""How fast the training step is, beside flax's own cells and our variants.

    python -m experiments.benchmarks.step_time --config=gaussian2 \
      --config.model.width=256 --config.train.batch_size=64

The whole update, from random tokens: the model in flax's cells (`naive.py`),
ours as the config computes it, and ours with one field of `Compute`
changed at a time. All start from the same weights and must print the same
losses before any is timed; then they take turns in one process, set up as
training's is. Needs no data set. Memory is that of the compiled program, not of
the process.
"""

import functools
import json
import sys

import jax

from experiments import config_flag, memory
from experiments.benchmarks import naive, side_by_side
from experiments.benchmarks.failures import Failed, Failures
from experiments.benchmarks.side_by_side import JaxStep, Problem
from musae_jax.compute import Compute

OURS = 'ours'


def variants(compute: Compute, platform: str) -> dict[str, Compute]:
  """Ours, and ours with one field changed at a time.

  Args:
    compute: as the config has it.
    platform: 'cpu', 'gpu' or 'tpu'.
  """
  other = {'float32': 'bfloat16', 'bfloat16': 'float32'}[compute.dtype]
  fields = {
    'one by one' if compute.stacked else 'stacked': {
      'stacked': not compute.stacked
    },
    'gates kept' if compute.remat else 'remat': {'remat': not compute.remat},
    f'unroll {1 if compute.unroll == 4 else 4}': {
      'unroll': 1 if compute.unroll == 4 else 4
    },
  }
  if platform != 'cpu':
    fields[other] = {'dtype': other}
  changed = {
    f'{OURS}, {name}': compute._replace(**values)
    for name, values in fields.items()
  }
  return {OURS: compute, **changed}


def measure(
  problem: Problem, num_updates: int, repeats: int
) -> tuple[dict, Failures]:
  """What each implementation says, needs and takes; and which failed.

  Raises:
    Failed: ours fails.
  """
  settings, state, batch = problem.settings, problem.state, problem.batch
  makers = {
    'flax cells': lambda: JaxStep(
      naive.model(problem.model), settings, naive.state(state, settings), batch
    )
  }
  platform = jax.default_backend()
  for name, compute in variants(
    problem.model.decoder.compute, platform
  ).items():
    model = problem.model.with_compute(compute)
    makers[name] = functools.partial(JaxStep, model, settings, state, batch)
  updates, rows, failures = side_by_side.compare(
    makers, num_updates, repeats, OURS
  )
  steps = {
    name: {
      **row,
      'compile_seconds': updates[name].compile_seconds,
      'bytes': updates[name].memory,
    }
    for name, row in rows.items()
  }
  return steps, failures


def table(steps: dict) -> str:
  """The result of `measure` as Markdown."""
  places = side_by_side.digits()
  lines = [
    '| step | loss | critic estimate | compiled, s | temporary, MiB '
    '| peak, MiB | median, ms | quartiles, ms | ratio to ours |',
    '|---|---:|---:|---:|---:|---:|---:|---:|---:|',
  ]
  for name, row in steps.items():
    last, ms = row['metrics'][-1], row['milliseconds']
    temporary, peak = (row['bytes'][k] / 2**20 for k in ('temporary', 'peak'))
    lines.append(
      f'| {name} | {last["loss"]:.{places}f} '
      f'| {last["critic_estimate"]:.{places}f} '
      f'| {row["compile_seconds"]:.1f} | {temporary:,.0f} | {peak:,.0f} '
      f'| {ms["median"]:.1f} | {ms["lower"]:.1f}-{ms["upper"]:.1f} '
      f'| {row["ratio"]:.2f} |'
    )
  return '\n'.join(lines)


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = side_by_side.parser('step_time', __doc__)
  try:
    args = parser.parse(argv)
    words = memory.prepare()
    problem = side_by_side.problem(args.config, args.timesteps)
    steps, failures = measure(problem, args.updates, args.repeats)
  except (config_flag.ConfigError, Failed) as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  about = side_by_side.about(problem) | {'memory': words}
  if args.json:
    result = {'repeats': args.repeats, 'steps': steps}
    failed = {'failed': failures.reasons()}
    print(json.dumps(about | result | failed, indent=1))
  else:
    caption = side_by_side.describe(about, args.repeats)
    print(table(steps), caption, *failures.note(), sep='\n\n')
  return failures.report()


if __name__ == '__main__':
  sys.exit(main())
