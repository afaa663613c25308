"""What phrases tell of their genres."""

import re

import numpy as np
import pytest

from experiments.benchmarks import ceiling
from musae_jax import data, pianoroll


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
  monkeypatch.setattr(ceiling, '_BATCH', 32)


def test_all_is_known_where_all_is_told():
  tags = np.eye(4, dtype=bool)
  found = ceiling.ceiling(np.float32(tags), tags)
  assert found == pytest.approx((1, 1 / 4, np.log(4)))


def test_nothing_is_known_where_nothing_is_told():
  tags = np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]], bool)  # one without
  share = np.array([1 / 4, 3 / 4, 0])
  found = ceiling.ceiling(np.tile(share, (3, 1)), tags)
  assert found == pytest.approx((7 / 8, 7 / 8, 0))


def test_a_listener_learns_what_phrases_tell():
  """Those without drums have the first tag, the others the second."""
  silent = np.arange(64) % 2 == 0
  phrases = np.full((64, 32, 4), pianoroll.SILENCE, np.uint8)
  phrases[~silent, ::4, 0] = 36
  genres = np.stack([silent, ~silent], -1)
  split = data.Split('', phrases, genres, *7 * [np.zeros(64)])
  listen = ceiling.fit(split, width=16, num_steps=100)
  assert ceiling.ceiling(np.asarray(listen(phrases)), genres).drawn > 0.9


def test_the_command_tells_what_it_found(tiny_bars, capsys):
  assert ceiling.main([f'--data_dir={tiny_bars}', '--steps=3']) == 0
  drawn, unheard, nats = map(
    float, re.findall(r'[-\d.]+(?=%| nats)', capsys.readouterr().out)
  )
  assert 0 < unheard <= 100
  assert 0 < drawn <= 100
  assert np.isfinite(nats)  # below 0: of songs unheard it guesses worse


def test_no_data_is_one_line(tmp_path, capsys):
  assert ceiling.main([f'--data_dir={tmp_path}']) == 1
  (line,) = capsys.readouterr().err.splitlines()
  assert 'no data set' in line
