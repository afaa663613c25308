"""Scores a trained model on the whole validation split.

    python -m experiments.evaluate --workdir=runs/flower16
    python -m experiments.evaluate --model=flower16.musae

Prints a table; that of a run is written into its folder, too, as
evaluation.json and evaluation.md. What `musae export` made smaller is scored as
it is then.
"""

import json
import math
import os
import pathlib
import sys

from experiments import build
from musae_jax import arguments, checksums, evaluation, files, parallel
from musae_jax.loaded import Loaded
from musae_jax.pianoroll import STEPS_PER_BAR

_BATCH = 256  # of a model file, which does not say how it was trained


def evaluate(
  model: str | os.PathLike,
  data_dir: str | None = None,
  batch_size: int | None = None,
) -> dict:
  """Returns the figures of a trained model, as JSON.

  Args:
    model: a run's folder, of which the newest, or an exported file.
    data_dir: where the data set lies now; where it lay in training by default.
    batch_size: phrases of a batch; the run's by default, 256 of a file.

  Raises:
    `build.ERRORS`: of one line each.
  """
  return of(*build.trained(model, data_dir), model, batch_size)


def of(
  loaded: Loaded,
  splits: build.Splits,
  model: str | os.PathLike,
  batch_size: int | None = None,
) -> dict:
  """Returns the figures of a model that is loaded already, as `evaluate`."""
  mesh = parallel.make_mesh()
  if not batch_size:
    batch_size = loaded.config.get('train', {}).get('batch_size', _BATCH)
  sums = evaluation.evaluate(
    evaluation.make_eval_step(build.model(loaded.config), mesh),
    parallel.replicate(loaded.params, mesh),
    splits.validation.phrases,
    math.ceil(batch_size / mesh.size) * mesh.size,
    shard=lambda batch: parallel.shard_batch(batch, mesh),
  )
  others = evaluation.baselines(
    *(evaluation.token_counts(split.phrases) for split in splits)
  )
  num_bars = splits.train.timesteps // STEPS_PER_BAR
  return {
    'model': str(model),
    'step': loaded.step,
    'params': checksums.of_model(loaded.params),
    'dataset': splits.describe(),
    'figures': evaluation.report(sums, others, num_bars),
  }


def text(report: dict) -> str:
  """Returns the figures as Markdown."""
  dataset = report['dataset']
  return (
    f'# {report["model"]}, step {report["step"]}\n\n'
    f'All {dataset["validation_phrases"]} phrases of the validation split of '
    f'{dataset["name"]}, from the mean of each posterior.\n\n'
    + evaluation.markdown(report['figures'])
  )


def write(report: dict, workdir: str | os.PathLike) -> None:
  """Writes evaluation.json and evaluation.md into a run's folder."""
  folder = pathlib.Path(workdir)
  files.write(folder / 'evaluation.json', json.dumps(report, indent=2) + '\n')
  files.write(folder / 'evaluation.md', text(report))


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = arguments.Parser(
    prog='python -m experiments.evaluate', description=__doc__
  )
  add = parser.add_argument
  add(
    '--workdir',
    '--model',
    dest='model',
    type=arguments.path,
    required=True,
    help="a run's folder, or an exported file",
  )
  add(
    '--data_dir',
    type=arguments.path,
    help="the data set's folder; as in training by default",
  )
  add(
    '--batch_size',
    type=arguments.positive,
    help="phrases of a batch; the run's by default, 256 of a file",
  )
  args = parser.parse_args(argv)
  try:
    report = evaluate(**vars(args))
    if os.path.isdir(args.model):
      write(report, args.model)
    print(text(report))
  except build.ERRORS as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  except MemoryError as error:
    print(f'error: out of memory: {error}', file=sys.stderr)
    return 1
  return 0


if __name__ == '__main__':
  sys.exit(main())
