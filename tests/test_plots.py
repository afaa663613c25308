import numpy as np
import pytest

from musae_jax import plots
from musae_jax.pianoroll import HOLD, SILENCE, TRACKS


def phrase():
  tokens = np.full((32, 4), SILENCE, np.uint8)
  tokens[4, 1], tokens[5:8, 1] = 40, HOLD
  tokens[0, 0] = 36
  return tokens


def test_a_note_is_drawn_where_it_sounds():
  figure = plots.piano_rolls({'one': phrase()})
  (axes,) = figure.axes
  by_track = {c.get_label(): c.get_paths() for c in axes.collections}
  assert {track: len(paths) for track, paths in by_track.items()} == {
    'drums': 1, 'bass': 1, 'guitar': 0, 'strings': 0,
  }  # fmt: skip
  box = by_track['bass'][0].get_extents()
  assert (box.x0, box.x1) == (4, pytest.approx(7.85))
  assert box.y0 < 40 < box.y1


def test_a_title_may_be_any_file_name(tmp_path):
  names = ('a$\\x$.mid', 'caf\udce9.mid')
  figure = plots.piano_rolls(dict.fromkeys(names, phrase()))
  plots.save(figure, tmp_path / 'a.png')
  assert figure.axes[0].get_title('left') == names[0]


def test_long_rolls_are_drawn_in_lines():
  rolls = {'before': np.tile(phrase(), (20, 1)), 'after': phrase()}
  figure = plots.piano_rolls(rolls)
  assert [axes.get_title('left') for axes in figure.axes] == [
    'before', 'after', 'before',
  ]  # fmt: skip


def test_curves_show_every_track_and_its_baselines():
  lines = [{'step': 1, 'train/loss': 2.0}] + [
    {'step': step, f'validation/{measure}/{track}': step / 10}
    for step in (1, 2)
    for measure in ('accuracy', 'attack_accuracy')
    for track in TRACKS
  ]
  baselines = {'always hold': dict.fromkeys(TRACKS, 0.25)}
  accuracy, _ = plots.curves(lines, baselines).axes
  drawn = [line.get_xydata().tolist() for line in accuracy.get_lines()]
  assert drawn.count([[1, 0.1], [2, 0.2]]) == 4
  assert sum(points[0][1] == 0.25 for points in drawn) == 4


def test_codes_name_the_genres():
  z = np.zeros((3, 5))
  figure = plots.codes(z, z, petals=[0, 1, 1], genres=('rock', 'pop'))
  assert [text.get_text() for text in figure.axes[0].texts] == ['rock', 'pop']


def test_save_leaves_only_the_picture(tmp_path):
  plots.save(plots.piano_rolls({'one': phrase()}), tmp_path / 'a.svg')
  plots.save(plots.piano_rolls({'one': phrase()}), tmp_path / 'a.png')
  assert sorted(p.name for p in tmp_path.iterdir()) == ['a.png', 'a.svg']


@pytest.mark.parametrize('kind', ['png', 'svg', 'pdf'])
def test_the_same_picture_has_the_same_bytes(tmp_path, monkeypatch, kind):
  path = tmp_path / f'a.{kind}'
  plots.save(plots.piano_rolls({'one': phrase()}), path)
  before = path.read_bytes()
  with monkeypatch.context() as later:
    later.setenv('SOURCE_DATE_EPOCH', '1000000000')
    plots.save(plots.piano_rolls({'one': phrase()}), path)
  assert path.read_bytes() == before
