"""What the benchmarks of the training step compare says the same."""

import importlib.util
import json
import math

import pytest
from jax.experimental import rnn

from experiments.benchmarks import in_cudnn, peers, side_by_side, step_time
from musae_jax.compute import Compute, for_platform

UPDATES = 3
TINY = [
  '--config=flower2',
  '--config.model.width=4',
  '--config.model.depth=2',
  '--config.model.latent_dim=4',
  '--config.critic.width=4',
  '--config.critic.steps=2',
  '--config.train.batch_size=4',
  # Far enough for a wrong gradient to show in the next update's losses.
  '--config.train.learning_rate=0.1',
  '--config.critic.learning_rate=0.1',
  '--timesteps=3',
  f'--updates={UPDATES}',
  '--repeats=2',
  '--json',
]


def printed(main, argv, capsys):
  """The JSON that a benchmark prints."""
  assert main(argv) == 0
  return json.loads(capsys.readouterr().out)


def assert_same_losses(steps):
  """All as ours, and different from update to update."""
  ours = steps['ours']['metrics']
  assert len({row['loss'] for row in ours}) == UPDATES
  for step in steps.values():
    for row, expected in zip(step['metrics'], ours, strict=True):
      assert row == pytest.approx(expected, abs=1e-4)


def test_flax_cells_and_ours_say_the_same(capsys, monkeypatch):
  computes = {'ours': Compute(), 'ours, other': Compute(remat=True)}
  monkeypatch.setattr(step_time, 'variants', lambda *_: computes)
  result = printed(step_time.main, TINY, capsys)
  steps = result['steps']
  assert list(steps) == ['flax cells', *computes]
  assert_same_losses(steps)
  assert result['beta'] == pytest.approx(0.3)
  for step in steps.values():
    times = step['milliseconds']
    assert 0 < times['lower'] <= times['median'] <= times['upper']
    assert step['bytes']['peak'] > step['bytes']['temporary'] > 0


def test_variants_change_one_field_each():
  ours = for_platform('gpu')
  found = step_time.variants(ours, 'gpu')
  assert found.pop('ours') == ours
  differing = [
    [field for field, a, b in zip(ours._fields, ours, other) if a != b]
    for other in found.values()
  ]
  assert differing == [['stacked'], ['remat'], ['unroll'], ['dtype']]
  assert len(step_time.variants(for_platform('cpu'), 'cpu')) == 4


class Here:
  """As `Elsewhere`, in this process."""

  def __init__(self, make, *args):
    self.about, self._function = make(*args)

  def __call__(self, *args):
    return self._function(*args)


@pytest.fixture
def lstm_without_gpu(monkeypatch):
  """JAX's reference for its `rnn.lstm`, which takes the same flat weights."""

  def reference(x, h0, c0, weights, lengths, *sizes):
    *shape, dropout, bidirectional = sizes
    unpacked = rnn.unpack_lstm_weights(weights, *shape, bidirectional)
    return rnn.lstm_ref(
      x, h0, c0, *unpacked, lengths, *shape, dropout, bidirectional
    )

  monkeypatch.setattr(peers, 'Elsewhere', Here)
  monkeypatch.setattr(peers, '_need_gpu', lambda: None)
  model = in_cudnn.model
  monkeypatch.setattr(in_cudnn, 'model', lambda ours: model(ours, reference))


def test_peers_say_the_same(capsys, lstm_without_gpu):
  pytest.importorskip('torch')
  argv = [*TINY, '--only=torch,cudnn,ours-float32']
  result = printed(peers.main, argv, capsys)
  assert list(result['steps']) == ['ours', 'torch', 'cudnn']
  assert list(result['left_out']) == ['ours-float32']
  assert_same_losses(result['steps'])


def test_keras_says_the_same(capsys):
  pytest.importorskip('tensorflow')
  pytest.importorskip('keras')
  result = printed(peers.main, [*TINY, '--only=keras'], capsys)
  assert list(result['steps']) == ['ours', 'keras']
  assert_same_losses(result['steps'])


def test_a_missing_package_is_met_with_one_line(capsys, monkeypatch):
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  assert peers.main([*TINY, '--only=torch,cudnn']) == 1
  (line,) = capsys.readouterr().err.splitlines()
  assert line == (
    "error: torch is not installed: pip install -e '.[peers]', or leave it "
    'out: --only=cudnn'
  )


def metrics(loss):
  return dict.fromkeys(side_by_side.METRICS, loss)


@pytest.mark.parametrize('wrong', [1.0001, math.nan])
def test_no_time_is_quoted_for_other_losses(wrong):
  updates = {
    'ours': lambda i: metrics(1.0),
    'theirs': lambda i: metrics(wrong if i == 2 else 1.00004),
  }
  side_by_side.first_updates(updates, 2, 'ours')
  with pytest.raises(side_by_side.Disagreement, match='theirs: loss of upd'):
    side_by_side.first_updates(updates, 3, 'ours')


def test_a_disagreement_is_met_with_one_line(capsys, monkeypatch):
  def disagree(*_):
    raise side_by_side.Disagreement('flax cells: loss of update 1 is 2')

  monkeypatch.setattr(side_by_side, 'first_updates', disagree)
  monkeypatch.setattr(step_time, 'JaxStep', lambda *_: None)
  assert step_time.main(TINY) == 1
  captured = capsys.readouterr()
  assert captured.out == ''
  assert captured.err == 'error: flax cells: loss of update 1 is 2\n'


def test_they_take_turns_in_either_order():
  calls = []
  updates = {
    name: lambda i, name=name: calls.append((name, i)) for name in 'ab'
  }
  times = side_by_side.in_turns(updates, first=3, repeats=2)
  assert calls == [('b', 3), ('a', 3), ('a', 4), ('b', 4)]
  assert set(times) == {'a', 'b'}
