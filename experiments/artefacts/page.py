"""The page that shows artefacts: index.html, of pictures beside it."""

import html
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from experiments.artefacts.artefact import Written
from experiments.artefacts.subject import Subject
from musae_jax import files

# Rows of a table that the page shows.
_FEW = 100
_STYLE = """
body { font: 15px/1.5 sans-serif; margin: 2em auto; max-width: 90em;
  padding: 0 2em; color: #222 }
h1, h2 { font-weight: normal } h2 { margin-top: 2em }
.runs { display: grid; gap: 2em; grid-auto-flow: column;
  grid-auto-columns: minmax(0, 1fr) }
img { max-width: 100% } figcaption { max-width: 60em }
figure { margin: 0 } small { color: #666 } pre { overflow: auto }
table { border-collapse: collapse } td, th { padding: .1em .7em;
  text-align: right } td:first-child, td:nth-child(2) { text-align: left }
"""


class Section(NamedTuple):
  """The same artefact of each run, or why there is none."""

  name: str
  cells: Sequence[Written | str]


def write(
  folder: pathlib.Path, subjects: Sequence[Subject], sections: Sequence[Section]
) -> pathlib.Path:
  """Writes FOLDER/index.html; returns its path."""
  title = ', '.join(subject.name for subject in subjects)
  body = [f'<h1>{html.escape(title)}</h1>', _runs(subjects)]
  for section in sections:
    made = [cell for cell in section.cells if isinstance(cell, Written)]
    heading = made[0].title if made else section.name
    body.append(f'<h2 id="{section.name}">{html.escape(heading)}</h2>')
    cells = ''.join(
      _cell(cell, folder, opened=section.name == 'table1')
      if isinstance(cell, Written)
      else f'<p>{html.escape(cell)}</p>'
      for cell in section.cells
    )
    body.append(f'<div class="runs">{cells}</div>')
  path = folder / 'index.html'
  files.write(
    path,
    f'<!doctype html>\n<meta charset="utf-8">\n<title>{html.escape(title)}'
    f'</title>\n<style>{_STYLE}</style>\n' + '\n'.join(body) + '\n',
  )
  return path


def _runs(subjects: Sequence[Subject]) -> str:
  cells = []
  for subject in subjects:
    dataset = subject.loaded.dataset
    config = html.escape(json.dumps(subject.loaded.config, indent=1))
    cells.append(
      f'<div><b>{html.escape(subject.name)}</b>, step '
      f'{subject.loaded.step:,}<br>{html.escape(dataset["name"])}: '
      f'{len(subject.splits.train):,} training phrases, '
      f'{len(subject.splits.validation):,} for validation'
      f'<details><summary>config</summary><pre>{config}</pre></details></div>'
    )
  return f'<div class="runs">{"".join(cells)}</div>'


def _cell(cell: Written, folder: pathlib.Path, opened: bool) -> str:
  def link(path, suffix=''):
    path = os.path.relpath(f'{path}{suffix}', folder)
    return html.escape(path.replace(os.sep, '/'))

  # Those of an artefact's own name and its first few parts; the others by name.
  large, small = cell.pictures[:3], cell.pictures[3:]
  images = ''.join(
    f'<a href="{link(path, ".svg")}">'
    f'<img src="{link(path, ".png")}" alt="{html.escape(path.name)}"></a>'
    for path in large
  )
  more = ', '.join(
    f'<a href="{link(path, ".png")}">{html.escape(path.name)}</a>'
    for path in small
  )
  if more:
    more = f'<details><summary>{len(small)} more</summary>{more}</details>'
  data = ', '.join(
    f'<a href="{link(path)}">{path.name}</a>' for path in cell.texts
  )
  return (
    f'<figure>{images}<figcaption>{html.escape(cell.caption)} <small>{data}'
    f'</small>{more}{_numbers(cell.rows, opened)}</figcaption></figure>'
  )


def _numbers(rows: Sequence[Mapping[str, str]], opened: bool) -> str:
  """Returns the rows as a table, if they are few."""
  if not 0 < len(rows) <= _FEW:
    return ''
  fields = list(dict.fromkeys(field for row in rows for field in row))
  lines = [''.join(f'<th>{html.escape(field)}</th>' for field in fields)]
  for row in rows:
    texts = (html.escape(_text(row.get(field))) for field in fields)
    lines.append(''.join(f'<td>{text}</td>' for text in texts))
  table = ''.join(f'<tr>{line}</tr>' for line in lines)
  shown = ' open' if opened else ''
  return (
    f'<details{shown}><summary>numbers</summary><table>{table}</table>'
    '</details>'
  )


def _text(value: str | None) -> str:
  """Returns a number that is no whole one with three places."""
  if not value or value == 'nan':
    return '-'
  try:
    return value if value.isdecimal() else f'{float(value):.3f}'
  except ValueError:
    return value
