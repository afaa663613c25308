"""From files to records: scan, split, extract, keep each phrase once.

The work on one file is a plain function of it, so that a pool of processes
(`lakh_pianoroll.py`) and Apache Beam (`beam_pipeline.py`) run the same code and
come to the same records.
"""

import hashlib
import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from musae_jax import midi, phrases
from musae_jax.genres import multi_hot
from tfds_lakh import sources
from tfds_lakh.bounded import Failure

NUM_BARS = {'2bar': 2, '16bar': 16}  # of the data set's configs
VALIDATION_SHARE = 0.2
_RECORD_BYTES = 16_384  # of phrases: 128 of 2 bars, 16 of 16 bars


class Scanned(NamedTuple):
  """What became of a file.

  Attributes:
    file: which one, with its tags.
    rejected: why it is not used, in the same words for all such files.
    detail: the whole message.
    tempo: in bpm.
    num_phrases: windows that pass, by their number of bars.
  """

  file: sources.File
  rejected: str = ''
  detail: str = ''
  tempo: float = 0.0
  num_phrases: dict[int, int] = {}


def scan(file: sources.File) -> Scanned:
  """Reads one file and counts its phrases; never raises on a bad file."""
  try:
    song = midi.read(file.full_path)
    phrases.check(song)
    counts = {
      num_bars: len(phrases.extract(song, num_bars).tokens)
      for num_bars in NUM_BARS.values()
    }
    file.path.encode()
    file = file._replace(tags=sources.tags_of(file), features=None)
  except midi.MidiError as error:
    return _rejected(file, error.reason, error.detail)
  except phrases.SongError as error:
    return _rejected(file, str(error))
  except sources.TagsError as error:
    return _rejected(file, 'tags cannot be read', str(error))
  except UnicodeEncodeError:
    return _rejected(file, 'file name is not UTF-8')
  except MemoryError:
    raise  # the pool says how much it was
  except Exception as error:  # unforeseen, and still no more than one file
    return _rejected(file, f'{type(error).__name__} while reading', str(error))
  return Scanned(file, tempo=song.tempo, num_phrases=counts)


def _rejected(file: sources.File, reason: str, detail: str = '') -> Scanned:
  name = os.fsencode(file.path).decode('utf-8', 'replace')
  detail = f'{name}: {reason}{detail and f" ({detail})"}'
  return Scanned(file, reason, detail)


def scan_outcome(file: sources.File, result: Scanned | Failure) -> Scanned:
  """What a bounded `scan` came to: a job cut short rejects the file."""
  if isinstance(result, Failure):
    return _rejected(file, result.reason)
  return result


def is_validation(song: str) -> bool:
  """Whether a song belongs to the validation split: a stable hash of its key.

  The key alone decides, so versions of a song stay together, and a corpus that
  grows moves no song.
  """
  digest = hashlib.blake2b(song.encode(), digest_size=8).digest()
  return int.from_bytes(digest, 'big') < VALIDATION_SHARE * 2**64


def extract(file: sources.File, num_bars: int):
  """One file's phrases, and a 16-byte digest of each."""
  found = phrases.extract(midi.read(file.full_path), num_bars)
  digests = [
    hashlib.blake2b(phrase.tobytes(), digest_size=16).digest()
    for phrase in found.tokens
  ]
  return found, digests


class BuildError(ValueError):
  """A data set that cannot be built; one line says why."""


def checked(file: sources.File, result):
  """What a bounded `extract` came to.

  Raises:
    BuildError: it failed, though the scan did not.
  """
  if isinstance(result, Failure):
    raise BuildError(f'{file.path}: {result.reason}, not so when scanned')
  return result


def unseen(found: phrases.Phrases, digests: list[bytes], seen: set[bytes]):
  """The phrases not yet seen, which become so."""
  new = [digest not in seen for digest in digests]
  seen.update(digests)
  return phrases.Phrases(*(field[np.array(new, bool)] for field in found))


def records(
  found: phrases.Phrases, file: Scanned, genres: list[str]
) -> Iterator[tuple[str, dict]]:
  """Keys and records of a file's phrases, in chunks of some 16 KiB."""
  if not len(found.tokens):
    return
  chunk = max(1, _RECORD_BYTES // found.tokens[0].nbytes)
  for start in range(0, len(found.tokens), chunk):
    rows = slice(start, start + chunk)
    yield (
      f'{file.file.path}:{start:06}',
      {
        'phrases': found.tokens[rows],
        'genres': multi_hot(file.file.tags, genres),
        'song': file.file.song,
        'file': file.file.path,
        'bar': found.bar[rows],
        'programs': found.programs[rows],
        'tempo': np.float32(file.tempo),
      },
    )
