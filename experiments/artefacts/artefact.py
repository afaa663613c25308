"""What a table or figure is made of, and how it becomes files."""

import csv
import dataclasses
import io
import json
import math
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from musae_jax import files, plots

SUFFIXES = ('png', 'svg')
_TEXTS = ('csv', 'json')


class NotApplicable(ValueError):
  """A model has not what an artefact shows; one line says what."""


@dataclasses.dataclass(frozen=True)
class Artefact:
  """A table or a figure.

  Attributes:
    title: a few words.
    caption: what is to be seen, and from how much of what.
    figures: makes each picture, by its name beside the artefact's own; ''
      is the first one's.
    rows: the numbers behind it, as CSV has them.
    facts: what they come to, as JSON.
  """

  title: str
  caption: str
  figures: Mapping[str, Callable[[], Figure]]
  rows: Sequence[Mapping[str, Any]]
  facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Written(NamedTuple):
  """An artefact's files.

  Attributes:
    title: the artefact's.
    caption: the artefact's.
    rows: as CSV has them, texts all.
    pictures: without their endings, each there with every one of SUFFIXES.
    texts: the other files.
  """

  title: str
  caption: str
  rows: Sequence[Mapping[str, str]]
  pictures: Sequence[pathlib.Path]
  texts: Sequence[pathlib.Path]


def write(artefact: Artefact, folder: pathlib.Path, name: str, of: str) -> None:
  """Writes an artefact's files.

  NAME.png and .svg, NAME.csv, NAME.json, which is the last; further pictures
  into NAME/.

  Args:
    artefact: to be written.
    folder: where to.
    name: of the files.
    of: what it was made of, such as a run and its step.
  """
  for part, draw in artefact.figures.items():
    stem = folder / name / part if part else folder / name
    stem.parent.mkdir(parents=True, exist_ok=True)
    figure = draw()
    for suffix in SUFFIXES:
      plots.save(figure, stem.with_name(f'{stem.name}.{suffix}'))
  files.write(folder / f'{name}.csv', _csv(artefact.rows))
  files.write(folder / f'{name}.json', _json(artefact, of))


def read(folder: pathlib.Path, name: str, of: str) -> Written | None:
  """Returns what `write` wrote; None: nothing, or of something else."""
  texts = [folder / f'{name}.{suffix}' for suffix in _TEXTS]
  try:
    about = json.loads(texts[1].read_text())
    with open(texts[0], newline='') as file:
      rows = list(csv.DictReader(file))
    written = Written(
      about['title'],
      about['caption'],
      rows,
      [folder / name / x if x else folder / name for x in about['pictures']],
      texts,
    )
  except (OSError, ValueError, KeyError, TypeError):
    return None
  files_of_pictures = (
    f'{path}.{suffix}' for path in written.pictures for suffix in SUFFIXES
  )
  there = all(map(os.path.exists, files_of_pictures))
  cut = any(None in row for row in rows)  # a line of more fields than the first
  return written if about.get('of') == of and there and not cut else None


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
  text = io.StringIO()
  fields = list(dict.fromkeys(field for row in rows for field in row))
  table = csv.DictWriter(text, fields, lineterminator='\n')
  table.writeheader()
  table.writerows(rows)
  return text.getvalue()


def _json(artefact: Artefact, of: str) -> str:
  about = {
    'title': artefact.title,
    'caption': artefact.caption,
    'of': of,
    'pictures': list(artefact.figures),
    'facts': finite(artefact.facts),
  }
  return json.dumps(about, indent=2, allow_nan=False) + '\n'


def finite(value):
  """Returns JSON in which null stands for what is not finite."""
  if isinstance(value, Mapping):
    return {str(key): finite(part) for key, part in value.items()}
  if isinstance(value, (list, tuple)):
    return [finite(part) for part in value]
  if isinstance(value, float) and not math.isfinite(value):
    return None
  return value
