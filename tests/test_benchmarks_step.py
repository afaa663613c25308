"""What the benchmarks of the training step compare says the same."""

import importlib.util
import json
import math

import pytest
from jax.experimental import rnn

from experiments.benchmarks import in_cudnn, peers, side_by_side, step_time
from experiments.benchmarks.failures import Failures
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
  ours = for_platform('gpu', depth=3)
  found = step_time.variants(ours, 'gpu')
  assert found.pop('ours') == ours
  differing = [
    [field for field, a, b in zip(ours._fields, ours, other) if a != b]
    for other in found.values()
  ]
  assert differing == [['stacked'], ['remat'], ['unroll'], ['dtype']]
  assert len(step_time.variants(for_platform('cpu', depth=3), 'cpu')) == 4


class Here:
  """As `Elsewhere`, in this process; counts those that are open."""

  num_open = 0

  def __init__(self, make, *args):
    self.about, self._function = make(*args)
    Here.num_open += 1

  def close(self):
    Here.num_open -= 1

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
  monkeypatch.setitem(peers.KINDS, 'cudnn', peers.Kind(peers.cudnn))
  model = in_cudnn.model
  monkeypatch.setattr(in_cudnn, 'model', lambda ours: model(ours, reference))


def test_jax_peers_say_the_same(capsys, lstm_without_gpu):
  names = 'flax,cudnn,ours-float32,flax'
  result = printed(peers.main, [*TINY, f'--only={names}'], capsys)
  (steps,) = result['runs']
  assert list(steps) == ['ours', 'flax', 'cudnn']
  assert result['left_out'] == {'ours-float32': 'ours is float32 anyway'}
  assert_same_losses(steps)
  assert Here.num_open == 0


def test_torch_says_the_same(capsys, monkeypatch):
  pytest.importorskip('torch')
  monkeypatch.setattr(peers, 'Elsewhere', Here)
  names = 'torch,torch-float16'
  result = printed(peers.main, [*TINY, f'--only={names}'], capsys)
  (steps,) = result['runs']
  assert list(steps) == ['ours', 'torch']
  assert result['left_out'] == {'torch-float16': 'of use on a GPU only'}
  assert_same_losses(steps)


def test_keras_says_the_same(capsys):
  pytest.importorskip('tensorflow')
  pytest.importorskip('keras')
  result = printed(peers.main, [*TINY, '--only=keras-prepared'], capsys)
  (steps,) = result['runs']
  assert list(steps) == ['ours', 'keras-prepared']
  assert_same_losses(steps)


class Fake:
  """As `Elsewhere`, of peers that only say what they are told to."""

  def __init__(self, make, name, *args):
    Here.num_open += 1
    self.about, self._name = {'version': '1', 'memory': 'plenty'}, name
    if name == 'torch':
      self.close()
      raise RuntimeError('CUDA out of memory. Tried to allocate 20 MiB')

  def __call__(self, i):
    if self._name == 'flax' and i == UPDATES:
      raise ChildProcessError('a process ended with exit code -9')
    return metrics(i)

  def close(self):
    Here.num_open -= 1


@pytest.mark.parametrize('on_gpu', [False, True])
def test_others_outlive_a_peer_that_fails(capsys, monkeypatch, on_gpu):
  """On a GPU each is alone with ours, and those before it have ended."""

  class Alone(Fake):
    def __init__(self, *args):
      super().__init__(*args)
      assert not on_gpu or Here.num_open <= 2

  monkeypatch.setattr(peers, 'Elsewhere', Alone)
  monkeypatch.setattr(peers, '_on_gpu', lambda: on_gpu)
  monkeypatch.setattr(peers, 'check_installed', lambda names: None)
  argv = [flag for flag in TINY if flag != '--json']
  assert peers.main([*argv, '--only=flax,torch,keras']) == 1
  out, err = capsys.readouterr()
  assert Here.num_open == 0
  rows = [line.split(' | ')[0] for line in out.splitlines() if '| 1 |' in line]
  assert rows == ['| ours'] * (3 if on_gpu else 1) + ['| keras']
  why = 'ChildProcessError: a process ended with exit code -9'
  failed = {'torch': 'out of memory', 'flax': why}
  for name, reason in failed.items():
    assert f'{name} ({reason})' in out
    assert f'error: {name}: {reason}\n' in err


def test_without_ours_there_is_nothing_to_say(capsys, monkeypatch):
  def fail(*_):
    raise MemoryError

  monkeypatch.setattr(step_time, 'JaxStep', fail)
  assert step_time.main(TINY) == 1
  assert capsys.readouterr() == ('', 'error: ours: out of memory\n')
  monkeypatch.setattr(peers, 'Elsewhere', fail)
  assert peers.main([*TINY, '--only=flax,ours-plain']) == 1
  line = 'error: beside flax, ours-plain: ours: out of memory\n'
  assert capsys.readouterr() == ('', line)


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
  makers = {
    name: lambda update=update: update for name, update in updates.items()
  }
  rows = side_by_side.compare(makers, 2, 1, 'ours').rows
  assert list(rows) == ['ours', 'theirs']
  _, rows, failures = side_by_side.compare(makers, 3, 1, 'ours')
  assert list(rows) == ['ours']
  (line,) = failures.note()
  assert f'theirs (loss of update 3 is {wrong:.6f}, expected 1.000000' in line


def test_they_take_turns_and_another_begins_each_time():
  calls = []
  updates = {
    name: lambda i, name=name: calls.append((name, i)) for name in 'abc'
  }
  times = side_by_side.in_turns(updates, 3, 4, Failures())
  rounds = [
    ''.join(name for name, number in calls if number == i) for i in range(3, 7)
  ]
  assert rounds == ['cba', 'bca', 'bac', 'abc']
  assert set(times) == {'a', 'b', 'c'}
