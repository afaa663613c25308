"""The paper's tables and figures, and more, of trained models.

    python -m experiments.figures all --workdir=runs/flower16

Writes each as PNG, SVG, CSV and JSON into DIR/figures, and an index.html that
shows them with their captions, beside those that were made of the same model
before. Several runs go side by side:

    python -m experiments.figures all --workdirs=runs/a,runs/b --out=comparison

table1, fig2, fig3, fig4 and fig5 are the paper's. report says whether codes
match the prior, ring how good the genres' order is; curves, reconstructions
and codes show the training.
"""

import argparse
import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from experiments import build
from experiments.artefacts import (
  artefact,
  fig2,
  fig3,
  fig4,
  fig5,
  page,
  pictures,
  report,
  ring,
  table1,
)
from experiments.artefacts.artefact import Artefact, NotApplicable
from experiments.artefacts.subject import Subject
from musae_jax import arguments

# In the order in which they are shown. The first is of all runs together.
_OF_ONE: dict[str, Callable[[Subject], Artefact]] = {
  'fig2': fig2.make,
  'fig3': fig3.make,
  'fig4': fig4.make,
  'fig5': fig5.make,
  'report': report.make,
  'ring': ring.make,
  'curves': pictures.curves,
  'reconstructions': pictures.reconstructions,
  'codes': pictures.codes,
}
NAMES = ('table1', *_OF_ONE)
_NOT_YET = 'not made yet'


def draw(
  names: Sequence[str],
  workdirs: Sequence[str | os.PathLike],
  out: str | os.PathLike | None = None,
  data_dir: str | None = None,
) -> pathlib.Path:
  """Writes artefacts of trained models; returns the page that shows them.

  Args:
    names: of NAMES.
    workdirs: the runs' folders.
    out: of several runs, where the page and what is of all of them go; of one
      run everything, DIR/figures by default.
    data_dir: the data set's folder; as in training by default.

  Raises:
    FigureError, `build.ERRORS`: of one line each.
  """
  subjects = [
    Subject.of(workdir, data_dir, name)
    for workdir, name in zip(workdirs, _names(workdirs))
  ]
  folders = {subject: subject.workdir / 'figures' for subject in subjects}
  if out and len(subjects) == 1:
    folders = {subjects[0]: pathlib.Path(out)}
  together = pathlib.Path(out) if out else folders[subjects[0]]
  for folder in {together, *folders.values()}:
    _make_folder(folder)
  sections, left_out = [], []
  for name in NAMES:
    if name == 'table1':
      places = [_Place(table1.make, subjects, together, _of(*subjects))]
    else:
      places = [
        _Place(_OF_ONE[name], subject, folder, _of(subject))
        for subject, folder in folders.items()
      ]
    reasons = [_make(name, x) if name in names else '' for x in places]
    left_out.append(name in names and all(reasons))
    cells = [
      reason or artefact.read(place.folder, name, place.of) or _NOT_YET
      for place, reason in zip(places, reasons)
    ]
    if any(cell != _NOT_YET for cell in cells):
      sections.append(page.Section(name, cells))
  if sum(left_out) == len(names):
    raise pictures.FigureError('all was left out that was asked for')
  return page.write(together, subjects, sections)


def _names(workdirs: Sequence[str | os.PathLike]) -> list[str]:
  """Each folder's name, behind as many of those above as tell them apart."""
  parts = [pathlib.Path(workdir).resolve().parts for workdir in workdirs]
  for i, one in enumerate(parts):
    if one in parts[:i]:
      raise pictures.FigureError(
        f'{workdirs[i]}: stands twice, expected different runs'
      )
  depth = 1
  while len({one[-depth:] for one in parts}) < len(parts):
    depth += 1
  return [os.sep.join(one[-depth:]) for one in parts]


class _Place(NamedTuple):
  """Where an artefact goes, and what makes it of what."""

  make: Callable
  argument: Any
  folder: pathlib.Path
  of: str


def _of(*subjects: Subject) -> str:
  return '; '.join(
    f'step {x.loaded.step:,}, parameters {x.params}, {x.loaded.dataset["name"]}'
    for x in subjects
  )


def _make_folder(folder: pathlib.Path) -> None:
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise pictures.FigureError(
      f'{folder}: {error.strerror}; expected a folder, or a place for one'
    ) from None


def _make(name: str, place: _Place) -> str:
  """Makes one artefact and writes it; says so, and returns why it cannot."""
  print(f'{place.folder / name}', flush=True)
  try:
    made = place.make(place.argument)
  except NotApplicable as reason:
    print(f'  left out: {reason}', flush=True)
    return str(reason)
  artefact.write(made, place.folder, name, place.of)
  return ''


def _name(text: str) -> str:
  """Parses an artefact's name."""
  if text not in ('all', *NAMES):
    raise argparse.ArgumentTypeError(
      f'{text!r} is none of all, {", ".join(NAMES)}'
    )
  return text


def _several(text: str) -> list[str]:
  """Parses folders with commas between them."""
  found = [arguments.path(part) for part in text.split(',') if part]
  if not found:
    raise argparse.ArgumentTypeError(f'{text!r} names no folder')
  return found


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = arguments.Parser(
    prog='python -m experiments.figures', description=__doc__
  )
  add = parser.add_argument
  add(
    'names',
    nargs='*',
    type=_name,
    metavar='NAME',
    help=f'all, or some of {", ".join(NAMES)}; all by default',
  )
  runs = parser.add_mutually_exclusive_group(required=True)
  runs.add_argument(
    '--workdir',
    '--model',
    type=arguments.path,
    help="a run's folder; or an exported file, with --out",
  )
  runs.add_argument(
    '--workdirs',
    type=_several,
    metavar='DIR,DIR',
    help='several, to be shown side by side in --out',
  )
  add(
    '--out',
    type=arguments.path,
    help="where the page goes: of several runs, or instead of a run's folder",
  )
  add(
    '--data_dir',
    type=arguments.path,
    help="the data set's folder; as in training by default",
  )
  args = parser.parse_args(argv)
  if args.workdirs and not args.out:
    parser.error('--workdirs wants --out, the folder for their page')
  if args.workdir and os.path.isfile(args.workdir) and not args.out:
    parser.error('of an exported file figures want --out, their folder')
  names = NAMES if 'all' in (args.names or ['all']) else args.names
  try:
    print(
      draw(
        [name for name in NAMES if name in names],
        args.workdirs or [args.workdir],
        args.out,
        args.data_dir,
      )
    )
  except (*build.ERRORS, pictures.FigureError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  except KeyboardInterrupt:
    print('interrupted', file=sys.stderr)
    return 130
  return 0


if __name__ == '__main__':
  sys.exit(main())
