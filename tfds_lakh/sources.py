"""Where songs come from: a folder of MIDI files, with or without labels.

Two kinds, found by looking at the folder (links to folders are not followed):
  - Lakh as downloaded: `lmd_matched/A/B/C/TR.../<md5>.mid` and, for the tags,
    `lmd_matched_h5/A/B/C/TR....h5`. The song is the Million Song Dataset's
    track: its MIDI versions stay in one split.
  - any tree of .mid, .midi or .kar files, with an optional `labels.csv` of
    columns path, song and tags (separated by `;`). A file that it does not list
    is a song of its own without tags.
"""

import csv
import os
import pathlib
import posixpath
import unicodedata
from typing import NamedTuple

_SUFFIXES = ('.mid', '.midi', '.kar')


class SourceError(ValueError):
  """A folder that cannot be built from; one line says why."""


class TagsError(ValueError):
  """An h5 file without readable tags; one line says why."""


class File(NamedTuple):
  """One MIDI file.

  Attributes:
    root: the folder that `path` starts from.
    path: with forward slashes, unique in the source.
    song: the key of the song; versions of one song share it.
    tags: its genres, if the source lists them by file.
    features: for Lakh, the h5 file that has them.
  """

  root: str
  path: str
  song: str
  tags: tuple[str, ...] = ()
  features: str | None = None

  @property
  def full_path(self) -> str:
    """Where to open it."""
    return os.path.join(self.root, self.path)


class Source(NamedTuple):
  """MIDI files, sorted by path, and labels of files that are not there."""

  files: list[File]
  labels_without_file: list[str] = []


def find(folder) -> Source:
  """The folder's MIDI files.

  Raises:
    SourceError: no such folder, no MIDI file, a labels.csv that cannot be read.
  """
  folder = pathlib.Path(folder)
  if not folder.is_dir():
    raise SourceError(f'{folder}: no such folder')
  if folder.name == 'lmd_matched':
    folder = folder.parent
  if (folder / 'lmd_matched').is_dir():
    source = lakh(folder / 'lmd_matched', folder / 'lmd_matched_h5')
  else:
    source = tree(folder)
  if not source.files:
    raise SourceError(f'{folder}: no .mid file in it, nor below it')
  return source


def lakh(matched: pathlib.Path, features: pathlib.Path) -> Source:
  """The files of `lmd_matched`, each with its track's h5 file."""
  if not features.is_dir():
    raise SourceError(f'{features}: no such folder; it has the tags of Lakh')
  files = []
  for path in _midi_files(matched):
    track = path.rsplit('/', 2)[-2]
    h5 = features / f'{path.rsplit("/", 1)[0]}.h5'
    files.append(File(str(matched), path, track, (), str(h5)))
  return Source(files)


def tree(folder: pathlib.Path) -> Source:
  """The files below a folder, with what its labels.csv says of them."""
  labels = _read_labels(folder / 'labels.csv')
  files = [
    File(str(folder), path, *labels.pop(_key(path), (path, ())))
    for path in _midi_files(folder)
  ]
  return Source(files, sorted(labels))


def _key(path: str) -> str:
  """One spelling of a path, however a labels file or a disk spells it."""
  path = posixpath.normpath(path.strip().replace('\\', '/'))
  return unicodedata.normalize('NFC', path)


def _midi_files(folder: pathlib.Path) -> list[str]:
  return sorted(
    pathlib.Path(parent, name).relative_to(folder).as_posix()
    for parent, _, names in os.walk(folder, onerror=_cannot_look)
    for name in names
    if name.lower().endswith(_SUFFIXES)
  )


def _cannot_look(error: OSError):
  raise error


def _read_labels(path: pathlib.Path) -> dict[str, tuple[str, tuple[str, ...]]]:
  """Path -> song key and tags; empty if there is no such file."""
  if not path.exists():
    return {}
  try:
    with path.open(newline='', encoding='utf-8-sig') as file:
      reader = csv.DictReader(file)
      missing = {'path', 'tags'} - set(reader.fieldnames or ())
      if missing:
        raise SourceError(
          f'{path}: no column {" nor ".join(sorted(missing))}; '
          f'expected path, song, tags, found {reader.fieldnames}'
        )
      labels = {}
      for row in reader:
        key = _key(row['path'] or '')
        if key in labels:
          raise SourceError(
            f'{path}: line {reader.line_num}: {key} has a line already'
          )
        labels[key] = _label(row)
      return labels
  except (OSError, UnicodeDecodeError, csv.Error) as error:
    raise SourceError(f'{path}: cannot be read as CSV ({error})') from None


def _label(row: dict) -> tuple[str, tuple[str, ...]]:
  tags = (tag.strip() for tag in (row['tags'] or '').split(';'))
  return row.get('song') or _key(row['path'] or ''), tuple(filter(None, tags))


def tags_of(file: File) -> tuple[str, ...]:
  """The file's tags; for Lakh the `artist_terms` of its h5 file.

  Raises:
    TagsError: the h5 file is missing, broken, or not the MSD's.
  """
  if file.features is None:
    return file.tags
  import h5py  # only Lakh's readers need it

  try:
    with h5py.File(file.features, 'r') as h5:
      terms = h5['metadata/artist_terms'][:]
    return tuple(term.decode('utf-8', 'replace') for term in terms)
  except (OSError, KeyError, AttributeError, TypeError, ValueError) as error:
    raise TagsError(f'{file.features}: no artist_terms ({error})') from None
