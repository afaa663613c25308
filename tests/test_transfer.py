"""What the benchmark of genre transfer counts."""

import jax
import numpy as np
import pytest
from test_editing import CONFIG

from experiments import build
from experiments.benchmarks import transfer
from musae_jax import assembly, checkpoint, editing
from musae_jax.pianoroll import SILENCE


def beats(n, step):
  """Drums on every `step`-th timestep."""
  tokens = np.full((n, 32, 4), SILENCE, np.uint8)
  tokens[:, ::step, 0] = 36
  return tokens


def test_onsets_that_are_kept():
  """Of 8 and 16 beats the 8 are the same; held or silent, none begin."""
  few, many = beats(1, 4), beats(1, 2)
  assert transfer.onsets_kept(few, many) == pytest.approx(2 * 8 / 24)
  assert transfer.onsets_kept(few, few) == 1
  assert transfer.onsets_kept(few, few + np.uint8(1)) == 0
  assert transfer.onsets_kept(few * 0 + SILENCE, few * 0 + SILENCE) == 0


def test_a_classifier_tells_genres_by_their_metrics():
  """Also where most metrics are undefined, as those of silent tracks."""
  phrases = np.concatenate([beats(40, 2), beats(40, 8)])
  tags = np.arange(80)[:, None] // 40 == [0, 1]
  heard = transfer.fit(phrases, tags)(phrases)
  assert (heard.argmax(-1) == np.arange(80) // 40).all()
  assert transfer.areas(heard, tags).tolist() == [1, 1]
  assert np.isnan(transfer.areas(heard[:50], tags[:50])).all()  # 10 of one


class Turned(editing.MusAE):
  """Decodes what lies up to fast beats, what lies elsewhere to slow ones."""

  def posterior(self, tokens):
    z = np.zeros((len(tokens), 6), np.float32)
    z[:, 0] = 1
    return z, z

  def decode(self, z):
    up = z[:, 1] > 0.8
    return np.where(up[:, None, None], beats(len(z), 2), beats(len(z), 8))


def test_transfer_is_seen_where_it_happens():
  """At a quarter turn the beats are those of the genre aimed at."""
  instrument = Turned(
    assembly.build_model(CONFIG), None, 32, ('slow', 'fast', 'c', 'd')
  )
  listen = lambda tokens: np.stack(  # noqa: E731
    [tokens[:, 2, 0] != 36, tokens[:, 2, 0] == 36, tokens[:, 0, 0] == 36], -1
  ).astype(float)
  tags = np.tile([True, False, False], (5, 1))
  found = transfer.moved(instrument, listen, beats(5, 8), tags, [1])
  assert [found[amount].aimed for amount in transfer.AMOUNTS] == [0, 0, 0, 1, 1]
  assert {row.others for row in found.values()} == {1}
  assert found[0].tokens == found[0].onsets == 1
  # 4 beats of 128 places became 16.
  assert found[1].tokens == pytest.approx(1 - 12 / 128)
  assert found[1].onsets == pytest.approx(2 * 4 / 20)


def test_the_command(tiny_bars, tmp_path, capsys, monkeypatch):
  config = CONFIG | {
    'prior': {'kind': 'flower', 'num_components': 32},
    'data': {
      'dir': tiny_bars,
      'name': 'lakh_pianoroll/2bar',
      'in_memory': 'true',
      'built_by': '',
    },
  }
  model = assembly.build_model(config)
  params = model.init(jax.random.key(0), 32)
  about = {'config': config, 'dataset': build.splits(config).describe()}
  with checkpoint.Checkpoints(tmp_path, keep=checkpoint.Keep(1)) as saved:
    saved.save(1, {'params': params}, {}, about)
  monkeypatch.setattr(transfer, '_LEAST', 1)
  assert transfer.main([f'--workdir={tmp_path}', '--phrases=4']) == 0
  said = capsys.readouterr().out
  assert 'The classifier tells' in said
  assert said.count('\n| ') == 1 + 4 + 1 + 5
  assert '| 0 |' in said and '| 1.000 | 1.000 |' in said
  assert transfer.main([f'--workdir={tmp_path}/none']) == 1
  assert capsys.readouterr().err.count('\n') == 1
