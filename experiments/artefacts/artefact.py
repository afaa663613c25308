"""What a table or figure is made of, and how it becomes files."""

import csv
import dataclasses
import io
import json
import math
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from musae_jax import files, plots

SUFFIXES = ('png', 'svg')


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


def write(
  artefact: Artefact, folder: pathlib.Path, name: str
) -> list[pathlib.Path]:
  """Writes an artefact's files; returns their paths, the pictures first.

  NAME.png and .svg, NAME.csv, NAME.json; further pictures into NAME/.
  """
  paths = []
  for part, draw in artefact.figures.items():
    stem = folder / name / part if part else folder / name
    stem.parent.mkdir(parents=True, exist_ok=True)
    figure = draw()
    for suffix in SUFFIXES:
      paths.append(stem.with_name(f'{stem.name}.{suffix}'))
      plots.save(figure, paths[-1])
  texts = {'csv': _csv(artefact.rows), 'json': _json(artefact)}
  for suffix, text in texts.items():
    paths.append(folder / f'{name}.{suffix}')
    files.write(paths[-1], text)
  return paths


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
  text = io.StringIO()
  fields = list(dict.fromkeys(field for row in rows for field in row))
  table = csv.DictWriter(text, fields, lineterminator='\n')
  table.writeheader()
  table.writerows(rows)
  return text.getvalue()


def _json(artefact: Artefact) -> str:
  about = {
    'title': artefact.title,
    'caption': artefact.caption,
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
