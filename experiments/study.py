"""Which choices matter: a base and its variants, trained and measured.

    python -m experiments.study ablations --workdir=runs/study --config=flower2

Trains the config given, and each variant of it, which differs in what its name
says, with each of --seeds; measures accuracy, the codes' match with the prior
and samples of the prior; and writes a table, study.md and study.json. What is
finished already is not made again: the same command goes on.
"""

import json
import pathlib
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from experiments import build, config_flag, loop, writer
from experiments.artefacts import artefact, report
from experiments.artefacts.subject import Subject
from experiments.resumed import RunError
from musae_jax import arguments, files


def _to(beta: float, regulariser: str = 'wgan_gp') -> dict[str, str]:
  """Another end of beta, which is there as soon as the base's of .3."""
  return {
    'train.regulariser': regulariser,
    'train.beta_end': f'{beta:g}',
    'train.beta_increment': f'{beta / 3:.4f}',
  }


# Fields, by the name of the variant; each has the base's other fields.
Variants = Mapping[str, Mapping[str, str]]
ABLATIONS: Variants = {
  'base': {},
  'raw coordinates': {'model.whitened': 'false'},
  'leaky ReLU critic': {'critic.activation': 'leaky_relu'},
  '1 critic step': {'critic.steps': '1'},
  '10 critic steps': {'critic.steps': '10'},
  'no averages': {'train.averaging': '0'},
  'more momentum': {'train.betas': '.9,.999'},
  'critic told one tag': {'critic.condition': 'tag'},
  'critic told nothing': {'critic.condition': 'none'},
  'beta to 1': _to(1),
  'joint phases': {'train.phases': 'joint'},
  'softplus scale': {'model.scale': 'softplus'},
  'constant learning rate': {'train.decay_kind': 'none'},
  'MMD to 10': _to(10, 'mmd'),
  'sliced Wasserstein': _to(0.3, 'sliced_wasserstein'),
  'KL': _to(1, 'kl'),
  'no regulariser': {'train.regulariser': 'none'},
}
# What may mend the match with the prior.
RECIPES: Variants = {
  **{
    name: ABLATIONS[name]
    for name in (
      'base',
      'leaky ReLU critic',
      '10 critic steps',
      'beta to 1',
      'MMD to 10',
      'sliced Wasserstein',
    )
  },
  'wide critic': {'critic.width': '512'},
  'beta to .1': _to(0.1),
  'beta to 3': _to(3),
  'sliced Wasserstein to 1': _to(1, 'sliced_wasserstein'),
  'sliced Wasserstein to 3': _to(3, 'sliced_wasserstein'),
  'MMD to 30': _to(30, 'mmd'),
}
STUDIES = {'ablations': ABLATIONS, 'recipe': RECIPES}

_COLUMNS = {
  'accuracy': 'accuracy',
  'scale': "scale of codes over the prior's",
  'sliced_wasserstein': 'sliced Wasserstein over its floor',
  'classifier': 'told from draws (.5: not)',
  'kurtosis': "kurtosis over the draws'",
  'petals': 'on own petals, above chance',
  'probe': 'probe AUC',
  'samples': "samples' distance",
  'reconstructions': "reconstructions' distance",
}


# In which a finished run is measured; what was measured otherwise is again.
_MEASURE = 'phrases as they are played'


def measure(workdir: pathlib.Path) -> dict[str, float]:
  """Returns what a finished run comes to, by the names of _COLUMNS."""
  *_, last = (
    line for line in writer.read(workdir) if 'validation/accuracy/drums' in line
  )
  facts, _ = report.measure(Subject.of(workdir))
  match, petals = facts['prior_match'], facts.get('petals')
  return {
    'accuracy': float(
      np.mean([last[f'validation/{name}'] for name in loop.ACCURACIES])
    ),
    'scale': match['scale_ratio_median'],
    'sliced_wasserstein': match['sliced_wasserstein_over_floor'],
    'classifier': match['classifier_accuracy'],
    'kurtosis': match['kurtosis'] / match['kurtosis_of_draws'],
    'petals': petals['accuracy'] - petals['chance'] if petals else None,
    'probe': facts.get('probe_auc_mean'),
    'samples': facts['metric_distance']['samples'],
    'reconstructions': facts['metric_distance']['reconstructions'],
  }


def run(
  variants: Variants,
  workdir: pathlib.Path,
  seeds: Sequence[int],
  base: Sequence[str],
) -> dict[str, list[dict[str, Any]]]:
  """Trains and measures what is not yet; returns each variant's runs.

  Args:
    variants: fields by name.
    workdir: the folder of all runs.
    seeds: of each variant.
    base: arguments of `experiments.train` that all share.

  Raises:
    RunError: a run ended, and not for having diverged.
  """
  _finished(workdir, base)  # what is there must compare with what is to come
  found = {}
  for seed in seeds:  # so that every variant has one soon
    for name, fields in variants.items():
      folder = workdir / f'{_folder(name)}-seed{seed}'
      result = folder / 'study.json'
      asked = _asked(base, fields)
      outcome = _read(result) if result.exists() else {}
      if outcome.get('measure') != _MEASURE:
        print(f'{name}, seed {seed}', flush=True)
        ended = outcome.get('ended') if outcome else _train(folder, asked, seed)
        outcome = {'ended': ended} if ended else measure(folder)
        _write(result, outcome | {'asked': asked, 'measure': _MEASURE})
      found.setdefault(name, []).append(_read(result))
      files.write(workdir / 'study.md', table(_finished(workdir, base)))
  _write(workdir / 'study.json', _finished(workdir, base))
  return found


def _train(folder: pathlib.Path, asked: Sequence[str], seed: int) -> str | None:
  """Trains a run to its end; returns how it diverged, if it did.

  Raises:
    RunError: it ended otherwise.
  """
  command = [sys.executable, '-m', 'experiments.train', *asked]
  command += [f'--config.train.seed={seed}', f'--workdir={folder}']
  folder.mkdir(parents=True, exist_ok=True)
  with open(folder / 'train.log', 'a') as log:
    status = subprocess.run(command, stdout=log, stderr=log).returncode
  if not status:
    return None
  if status < 0:
    name = signal.Signals(-status).name
    raise RunError(f'{folder}: {name} ended it; the same command goes on')
  *_, last = ['', *(folder / 'train.log').read_text().strip().splitlines()]
  if ' became ' in last:  # divergence is a result, too
    print(f'  {last}', flush=True)
    return last
  raise RunError(f'{folder}: {last.removeprefix("error: ")}')


def _read(path: pathlib.Path) -> dict[str, Any]:
  """A run's result.

  Raises:
    RunError: it is damaged.
  """
  try:
    return dict(json.loads(path.read_text()))
  except (ValueError, TypeError):
    raise RunError(
      f'{path}: not as this command writes it; expected it whole, or not at all'
    ) from None


def _finished(
  workdir: pathlib.Path, base: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
  """The results in a folder, by variant: those of earlier calls too.

  Raises:
    RunError: one was made of another base, with which no row compares.
  """
  found = {}
  for name, fields in (ABLATIONS | RECIPES).items():
    asked = _asked(base, fields)
    for path in sorted(workdir.glob(f'{_folder(name)}-seed*/study.json')):
      outcome = _read(path)
      if outcome.get('asked', asked) != asked:
        raise RunError(
          f'{path.parent}: was made with {" ".join(outcome["asked"])}; '
          f'expected another --workdir for {" ".join(asked)}'
        )
      if outcome.get('measure') == _MEASURE:
        found.setdefault(name, []).append(outcome)
  return found


def _asked(base: Sequence[str], fields: Mapping[str, str]) -> list[str]:
  return [*base, *(f'--config.{f}={v}' for f, v in fields.items())]


def _folder(name: str) -> str:
  return name.replace(' ', '-')


def _write(path: pathlib.Path, value) -> None:
  text = json.dumps(artefact.finite(value), indent=2, allow_nan=False)
  files.write(path, text + '\n')


def table(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
  """Returns means over seeds, and half their range, as Markdown."""
  lines = [
    '| | seeds | ' + ' | '.join(_COLUMNS.values()) + ' |',
    '|---|---:|' + '---:|' * len(_COLUMNS),
  ]
  for name, runs in found.items():
    ended = [of for of in runs if 'ended' not in of]
    cells = []
    for column in _COLUMNS:
      values = [r[column] for r in ended if r.get(column) is not None]
      if not values:
        cells.append('-')
        continue
      half = (max(values) - min(values)) / 2
      spread = f' ± {half:.3g}' if len(values) > 1 else ''
      cells.append(f'{np.mean(values):.3g}{spread}')
    lost = len(runs) - len(ended)
    seeds = f'{len(ended)}' + (f', {lost} diverged' if lost else '')
    lines.append(f'| {name} | {seeds} | ' + ' | '.join(cells) + ' |')
  return '\n'.join(lines) + '\n'


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = config_flag.ConfigParser(
    prog='python -m experiments.study', description=__doc__
  )
  add = parser.add_argument
  add('study', choices=STUDIES, help='what is varied')
  add('--workdir', type=arguments.path, required=True, help='the folder of all')
  add('--seeds', type=arguments.positive, default=1, help='so many of each')
  add('--only', default='', metavar='NAME,NAME', help='these variants only')
  try:
    args = parser.parse(argv)
    build.check(args.config)
  except config_flag.ConfigError as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  variants = STUDIES[args.study]
  only = [name for name in args.only.split(',') if name]
  unknown = [name for name in only if name not in variants]
  if unknown:
    parser.error(f'--only: {unknown[0]!r} is none of {", ".join(variants)}')
  given, rest = parser.parse_known_args(argv)
  if any(flag.startswith('--config.train.seed') for flag in rest):
    parser.error('--config.train.seed: seeds are 0 and on, by --seeds')
  base = [f'--config={given.config}', *rest]
  try:
    found = run(
      {name: variants[name] for name in only or variants},
      pathlib.Path(args.workdir),
      range(args.seeds),
      base,
    )
  except (*build.ERRORS, RunError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  except KeyboardInterrupt:
    print('interrupted; the same command goes on', file=sys.stderr)
    return 130
  print(table(found))
  return 0


if __name__ == '__main__':
  sys.exit(main())
