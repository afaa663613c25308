"""Table 1: how much of a phrase is reconstructed."""

import json
from collections.abc import Sequence

import numpy as np
from scipy import stats

from experiments import evaluate
from experiments.artefacts.artefact import Artefact, NotApplicable
from experiments.artefacts.subject import Subject
from musae_jax import charts, evaluation
from musae_jax.pianoroll import TRACKS

_COLUMNS = (*TRACKS, 'dbgs', 'dbg')
_PICTURED = {
  '': 'accuracy',
  'attack accuracy': 'attack_accuracy',
  'onset F1': 'onset_f1',
}


def make(subjects: Sequence[Subject]) -> Artefact:
  """Returns the table of all runs; those that differ by seed only as one.

  A run's evaluation is read where there is one of its newest model, and else
  made and written.
  """
  groups = {}
  for subject in subjects:
    groups.setdefault(_but_seed(subject), []).append(subject)
  several = len({str(s.loaded.dataset) for s in subjects}) > 1
  rows, others = [], {}
  for group in groups.values():
    name = ', '.join(subject.name for subject in group)
    seeds = [_seed(subject) for subject in group]
    if len(set(seeds)) < len(seeds):
      raise NotApplicable(f'{name}: the same run twice, expected other seeds')
    reports = [_evaluation(subject) for subject in group]
    for measure, found in reports[0].items():
      each = [[*report[measure]['this model'].values()] for report in reports]
      rows.append({'measure': measure, 'row': name, **_interval(each)})
      for row, values in found.items():
        if row != 'this model':
          # What knowing nothing scores is the data set's.
          of = f' ({name})' if several and 'paper' not in row else ''
          others[measure, row + of] = values
  rows += [{'measure': m, 'row': r, **v} for (m, r), v in others.items()]
  rows.sort(key=lambda row: list(evaluation.MEASURES).index(row['measure']))
  return Artefact(
    'Table 1',
    'Share of timesteps whose likeliest token is the right one, on the whole '
    'validation split, beside what knowing nothing would score, the same on '
    'attacks only, F1 of onsets and nats a token. Where several seeds were '
    'given, their mean and its 95 % interval (t distribution). The rows '
    '"paper" are of other data.',
    {
      name: lambda of=measure: charts.scores(_shown(rows, of), _COLUMNS)
      for name, measure in _PICTURED.items()
    },
    rows,
    {'runs': [[s.name for s in group] for group in groups.values()]},
  )


def _seed(subject: Subject) -> int | None:
  """A model file does not tell it."""
  return subject.loaded.config.get('train', {}).get('seed')


def _but_seed(subject: Subject) -> str:
  """What runs of one row have in common."""
  loaded = subject.loaded
  config = json.loads(json.dumps(loaded.config))
  config.get('train', {}).pop('seed', None)
  return json.dumps([config, loaded.step, loaded.dataset], sort_keys=True)


def _evaluation(subject: Subject) -> dict:
  """Figures by measure, row and column."""
  path = subject.workdir / 'evaluation.json'
  if path.exists():
    try:
      report = json.loads(path.read_text())
      if report['params'] == subject.params:
        return _columns(report)
    except (ValueError, KeyError, TypeError, AttributeError):
      pass  # of another version, or cut short: made again
  report = evaluate.of(subject.loaded, subject.splits, subject.workdir)
  if subject.workdir.is_dir():
    evaluate.write(report, subject.workdir)
  return _columns(report)


def _columns(report: dict) -> dict:
  """A report's figures; KeyError where one is missing."""
  found = {name: report['figures'][name] for name in evaluation.MEASURES}
  return {
    measure: {
      row: {column: rows[row][column] for column in _COLUMNS}
      for row in dict.fromkeys(('this model', *rows))
    }
    for measure, rows in found.items()
  }


def _interval(runs: Sequence[Sequence[float | None]]) -> dict:
  """Returns each column's mean over runs, and half its 95 % interval."""
  values = np.array(runs, float)
  result = dict(zip(_COLUMNS, values.mean(0).tolist()))
  n = len(values)
  if n > 1:
    half = stats.t.ppf(0.975, n - 1) * values.std(0, ddof=1) / n**0.5
    result |= {f'{c} +-': h for c, h in zip(_COLUMNS, half.tolist())}
  return result


def _shown(rows: Sequence[dict], measure: str) -> dict[str, dict]:
  return {row['row']: row for row in rows if row['measure'] == measure}
