"""A file is there whole or as it was, and an error names it."""

import os
import pathlib

import pytest

from musae_jax import files


def test_a_link_stays_one(tmp_path):
  (tmp_path / 'a').write_text('before')
  (tmp_path / 'link').symlink_to(tmp_path / 'a')
  files.write(tmp_path / 'link', 'after')
  assert (tmp_path / 'link').is_symlink()
  assert (tmp_path / 'a').read_text() == 'after'
  assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
  'name', ['pipe', 'folder', 'none/a', 'a/b', 'a\0b', 'x' * 300]
)
def test_an_error_names_the_file(tmp_path, name):
  os.mkfifo(tmp_path / 'pipe')
  (tmp_path / 'folder').mkdir()
  (tmp_path / 'a').write_text('before')
  with pytest.raises(OSError) as caught:
    files.write(tmp_path / name, 'after')
  assert caught.value.filename == str(tmp_path / name)
  assert len(list(tmp_path.iterdir())) == 3
  assert (tmp_path / 'pipe').is_fifo()


def test_where_nothing_can_be_removed_the_reason_stays(tmp_path, monkeypatch):
  def refuse(*unused, **also):
    raise PermissionError(30, 'Read-only file system', 'aside')

  monkeypatch.setattr(pathlib.Path, 'write_bytes', refuse)
  monkeypatch.setattr(pathlib.Path, 'unlink', refuse)
  with pytest.raises(OSError, match='Read-only') as caught:
    files.write(tmp_path / 'a', 'after')
  assert caught.value.filename == str(tmp_path / 'a')


def test_permissions_stay(tmp_path):
  (tmp_path / 'a').write_text('before')
  (tmp_path / 'a').chmod(0o640)
  files.write(tmp_path / 'a', 'after')
  assert (tmp_path / 'a').stat().st_mode & 0o777 == 0o640
