"""What the training step costs an H100, read off its compiled program.

    pip install -c constraints.txt '.[aot]'
    python -m experiments.benchmarks.compiled [--configs flower16] [--json]

No GPU is needed. What is counted, and how far to trust it, `ahead` says.
"""

import json
import sys

from experiments import ahead, build, config_flag
from experiments.benchmarks import naive
from musae_jax import arguments

FLAX_CELLS = 'flax cells'
# Fields of `compute.Compute` that are set; None: another model.
VARIANTS = {
  FLAX_CELLS: None,
  'default': {},
  'unroll 1': {'unroll': 1},
  'unroll 4': {'unroll': 4},
  'remat': {'remat': True},
  'one by one': {'stacked': False},
  'float32': {'dtype': 'float32'},
}


def _variant(model, name):
  if name == FLAX_CELLS:
    return naive.model(model)
  compute = model.encoder.compute._replace(**VARIANTS[name])
  return model.with_compute(compute)


def table(rows: list[dict]) -> str:
  """Returns the rows as Markdown."""
  lines = [
    '| config | variant | devices | launches | in the loops, a turn '
    '| temporary | arguments | collectives, in loops | compile |',
    '|---|---|---:|---:|---|---:|---:|---:|---:|',
  ]
  for row in rows:
    calls = sum(calls for calls, _ in row['collectives'].values())
    turns = sorted({f'{t} x {n}' for t, n in row['loops']})
    lines.append(
      f'| {row["config"]} | {row["variant"]} | {row["devices"]} '
      f'| {row["launches"]:,} | {", ".join(turns)} '
      f'| {row["temporary_gib"]:.1f} GiB | {row["arguments_gib"]:.1f} GiB '
      f'| {calls}, {row["collectives_in_loops"]} '
      f'| {row["compile_s"]:.0f} s |'
    )
  return '\n'.join(lines)


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = arguments.Parser(
    prog='python -m experiments.benchmarks.compiled', description=__doc__
  )
  parser.add_argument(
    '--configs', nargs='+', default=['gaussian2', 'flower16'], metavar='NAME'
  )
  parser.add_argument(
    '--variants',
    nargs='+',
    choices=VARIANTS,
    default=list(VARIANTS),
    help='what is compiled on one device',
  )
  parser.add_argument(
    '--devices',
    type=arguments.positive,
    default=8,
    help='compile the default for as many, too; 1: do not',
  )
  parser.add_argument('--json', action='store_true', help='print JSON')
  args = parser.parse_args(argv)
  rows = []
  try:
    for name in args.configs:
      config = config_flag.load(name)
      build.check(config, args.devices)
      settings = build.settings(config)
      model = build.model(config, 'gpu')
      cases = [(variant, 1) for variant in args.variants]
      if args.devices > 1:
        cases.append(('default', args.devices))
      for variant, num_devices in cases:
        print(f'{name}, {variant}, {num_devices} devices', file=sys.stderr)
        changed = _variant(model, variant)
        program = ahead.compile_step(
          changed, settings, config, ahead.make_mesh(f'h100:{num_devices}')
        )
        rows.append(
          {'config': name, 'variant': variant, 'devices': num_devices}
          | program._asdict()
        )
  except (*build.ERRORS, ahead.TopologyError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  print(json.dumps(rows, indent=1) if args.json else table(rows))
  return 0


if __name__ == '__main__':
  sys.exit(main())
