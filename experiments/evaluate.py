"""Scores a trained model on the whole validation split.

    python -m experiments.evaluate --workdir=runs/flower16

Prints a table and writes it into the folder, as evaluation.json and
evaluation.md.
"""

import json
import math
import os
import pathlib
import sys

from experiments import build
from experiments.files import write_text
from musae_jax import arguments, checkpoint, evaluation, parallel
from musae_jax.pianoroll import STEPS_PER_BAR


def evaluate(
  workdir: str | os.PathLike,
  data_dir: str | None = None,
  batch_size: int | None = None,
) -> dict:
  """Returns the figures of the newest model in a run's folder, as JSON.

  Args:
    workdir: the run's folder.
    data_dir: where the data set lies now; where it lay in training by default.
    batch_size: phrases of a batch; the run's by default.

  Raises:
    `build.ERRORS`: of one line each.
  """
  return of(*build.trained(workdir, data_dir), workdir, batch_size)


def of(
  loaded: checkpoint.Loaded,
  splits: build.Splits,
  workdir: str | os.PathLike,
  batch_size: int | None = None,
) -> dict:
  """Returns the figures of a model that is loaded already, as `evaluate`."""
  config = loaded.config
  mesh = parallel.make_mesh()
  batch_size = batch_size or config['train']['batch_size']
  sums = evaluation.evaluate(
    evaluation.make_eval_step(build.model(config), mesh),
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
    'workdir': str(workdir),
    'step': loaded.step,
    'dataset': splits.describe(),
    'figures': evaluation.report(sums, others, num_bars),
  }


def write(report: dict, workdir: str | os.PathLike) -> str:
  """Writes evaluation.json and evaluation.md; returns the latter's text."""
  dataset = report['dataset']
  text = (
    f'# {report["workdir"]}, step {report["step"]}\n\n'
    f'All {dataset["validation_phrases"]} phrases of the validation split of '
    f'{dataset["name"]}, from the mean of each posterior.\n\n'
    + evaluation.markdown(report['figures'])
  )
  files = {
    'evaluation.json': json.dumps(report, indent=2) + '\n',
    'evaluation.md': text,
  }
  for name, content in files.items():
    write_text(pathlib.Path(workdir) / name, content)
  return text


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = arguments.Parser(
    prog='python -m experiments.evaluate', description=__doc__
  )
  add = parser.add_argument
  add(
    '--workdir',
    type=arguments.path,
    required=True,
    help="the run's folder",
  )
  add(
    '--data_dir',
    type=arguments.path,
    help="the data set's folder; as in training by default",
  )
  add(
    '--batch_size',
    type=arguments.positive,
    help="phrases of a batch; the run's by default",
  )
  args = parser.parse_args(argv)
  try:
    print(write(evaluate(**vars(args)), args.workdir))
  except build.ERRORS as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  return 0


if __name__ == '__main__':
  sys.exit(main())
