"""The embedded corpus: its labels, its files, its command."""

import csv
import subprocess
import sys

import numpy as np
import pytest

from musae_jax import midi, phrases
from tfds_lakh import embedded


def test_labels_follow_the_ring():
  labels = [embedded.label(index, seed=0) for index in range(960)]
  assert len({item.song for item in labels}) == len(labels)
  together = np.zeros((32, 32), int)
  for index, item in enumerate(labels):
    first, *related = (embedded.GENRES.index(t) for t in item.tags.split(';'))
    assert first == index % 32
    assert len(related) == len(set(related)) <= 2
    together[first, related] += 1
  distance = np.abs(np.subtract.outer(np.arange(32), np.arange(32)))
  distance = np.minimum(distance, 32 - distance)
  counts = np.bincount(distance.ravel(), weights=together.ravel())
  assert counts[0] == 0 and counts[3:].sum() == 0
  assert counts[1] > 2 * counts[2] > 0


def test_corpus_round_trip(tmp_path):
  """Also in another process, where sets and dicts hash otherwise."""
  here, there = tmp_path / 'here', tmp_path / 'new' / 'there'
  embedded.write_corpus(here, 3, seed=5)
  command = [sys.executable, '-m', 'tfds_lakh.embedded', '--songs=3']
  done = subprocess.run(
    [*command, '--seed=5', f'--out={there}'],
    check=True, capture_output=True, text=True,
  )  # fmt: skip
  assert 'compose: 3 songs in' in done.stderr
  files = sorted(path.name for path in here.iterdir())
  assert files == sorted(path.name for path in there.iterdir())
  for name in files:
    assert (here / name).read_bytes() == (there / name).read_bytes()
  with open(here / 'labels.csv', newline='') as file:
    rows = list(csv.DictReader(file))
  assert list(rows[0]) == ['path', 'song', 'artist', 'title', 'tags']
  assert {row['path'] for row in rows} | {'labels.csv'} == set(files)
  for row, genre in zip(rows, embedded.GENRES):
    assert row['tags'].split(';')[0] == genre
    song = midi.read(here / row['path'])
    phrases.check(song)
    assert len(phrases.extract(song, 2).tokens) > 0


def test_corpus_appears_whole_or_not_at_all(tmp_path, monkeypatch):
  def fail(path, song):
    raise OSError('disk full')

  monkeypatch.setattr(midi, 'write', fail)
  with pytest.raises(OSError, match='disk full'):
    embedded.write_corpus(tmp_path / 'corpus', 2, seed=0)
  assert not list(tmp_path.iterdir())


def test_what_is_there_is_kept(tmp_path):
  (tmp_path / 'song.mid').touch()
  with pytest.raises(FileExistsError, match='new or an empty'):
    embedded.write_corpus(tmp_path, 1, seed=0)


@pytest.mark.parametrize(
  'argument, said',
  [
    ('--songs=0', 'not a positive whole number'),
    ('--songs=many', 'not a positive whole number'),
    ('--seed=x', 'invalid int'),
    ('--style=rock', 'unrecognized'),
  ],
)
def test_bad_arguments_get_one_line(argument, said, tmp_path, capsys):
  with pytest.raises(SystemExit) as stop:
    embedded.main([f'--out={tmp_path / "corpus"}', argument])
  assert stop.value.code == 2
  error = capsys.readouterr().err
  assert said in error and error.count('\n') == 1
