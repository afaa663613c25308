"""Phrases in a file: written once, whole, and by one process."""

import concurrent.futures
import errno
import mmap
import time
import types

import numpy as np
import pytest

from musae_jax import stored

NAME = 'phrases.npy'
PHRASES = np.arange(5 * 6 * 4, dtype=np.uint8).reshape(5, 6, 4)


def read():
  yield PHRASES[:2]
  yield PHRASES[2:]


def never():
  raise AssertionError('read again')


def files(folder):
  return {path.name for path in folder.iterdir()}


def test_phrases_are_written_once(tmp_path):
  for reader in (read, never):
    found = stored.phrases([tmp_path], NAME, PHRASES.shape, reader)
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable
    np.testing.assert_array_equal(found, PHRASES)
  assert files(tmp_path) == {NAME, '.lock'}


@pytest.mark.parametrize('content', ['empty', 'cut', 'other'])
def test_file_that_is_not_whole_is_written_anew(tmp_path, content):
  path = tmp_path / NAME
  np.save(path, PHRASES[:2] if content == 'other' else PHRASES)
  size = {'empty': 0, 'cut': path.stat().st_size - 1}
  with open(path, 'rb+') as file:
    file.truncate(size.get(content))
  found = stored.phrases([tmp_path], NAME, PHRASES.shape, read)
  np.testing.assert_array_equal(found, PHRASES)


def test_what_a_kill_left_is_written_over(tmp_path):
  (tmp_path / f'.{NAME}.partial').write_bytes(b'x' * 10_000)
  found = stored.phrases([tmp_path], NAME, PHRASES.shape, read)
  np.testing.assert_array_equal(found, PHRASES)
  assert files(tmp_path) == {NAME, '.lock'}


def test_one_writes_and_the_others_wait(tmp_path):
  begun = []

  def read_once():
    begun.append(1)
    time.sleep(0.05)  # for the others to come
    yield from read()

  def ask(_):
    return stored.phrases([tmp_path], NAME, PHRASES.shape, read_once)

  # Each thread opens the lock for itself, as a process would.
  with concurrent.futures.ThreadPoolExecutor(8) as pool:
    for found in pool.map(ask, range(8)):
      np.testing.assert_array_equal(found, PHRASES)
  assert begun == [1]


def test_full_disk_leaves_nothing_and_is_told(tmp_path):
  def full():
    yield PHRASES[:2]
    raise OSError(errno.ENOSPC, 'No space left on device')

  folders = tmp_path / 'data', tmp_path / 'cache'
  with pytest.raises(OSError, match=f'No space.*data/{NAME}'):
    stored.phrases(folders, NAME, PHRASES.shape, full)
  assert files(folders[0]) == {'.lock'}
  assert not folders[1].exists()


def test_read_only_folder_is_passed_over(tmp_path, monkeypatch):
  folders = tmp_path / 'data', tmp_path / 'cache'
  alone = stored.alone

  def refuse(folder):  # root, as which tests may run, may write anywhere
    if folder == folders[0]:
      raise OSError(errno.EROFS, 'Read-only file system')
    return alone(folder)

  monkeypatch.setattr(stored, 'alone', refuse)
  for reader in (read, never):
    found = stored.phrases(folders, NAME, PHRASES.shape, reader)
    np.testing.assert_array_equal(found, PHRASES)
  assert not folders[0].exists()
  with pytest.raises(OSError, match=f'Read-only.*data/{NAME}'):
    stored.phrases(folders[:1], NAME, PHRASES.shape, read)


def test_each_row_is_asked_for(tmp_path):
  shape = 64, 250, 4  # of 1,000 bytes, so that some lie in two pages
  blocks = [np.zeros(shape, np.uint8)]
  found = stored.phrases([tmp_path], NAME, shape, lambda: blocks)
  asked = []

  def madvise(advice, start, length):
    assert advice == mmap.MADV_WILLNEED
    found.base.madvise(advice, start, length)  # which checks the range
    asked.append((start, start + length))

  rows = np.array([63, 0, 4, 3, 17])
  stored.read_ahead(
    types.SimpleNamespace(
      strides=found.strides,
      offset=found.offset,
      base=types.SimpleNamespace(madvise=madvise),
    ),
    rows,
  )
  for row, (start, end) in zip(rows, asked, strict=True):
    begin = 128 + 1000 * row
    assert begin - mmap.PAGESIZE < start <= begin
    assert end == begin + 1000
