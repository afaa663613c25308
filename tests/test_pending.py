"""Metrics between two lines: their means, kept exactly, and whether sound."""

import json
import math

import numpy as np
import pytest

from experiments.pending import Diverged, Pending


def of(step, *dispatches):
  pending = Pending(step)
  for metrics in dispatches:
    pending.add({name: np.float32(x) for name, x in metrics.items()})
  return pending


def test_means_are_over_steps_however_many_a_dispatch_makes():
  pending = of(10, {'loss': 1.0}, {'loss': [2.0, 6.0]})
  assert pending.means() == {'loss': 3.0}


def test_what_a_stop_interrupts_is_kept_exactly():
  pending = of(4, {'loss': 1 / 3}, {'loss': [0.1, 1e-30]})
  again = Pending(7, json.loads(json.dumps(pending.as_json())))
  assert again.means() == pending.means()
  again.add({'loss': np.float32(math.nan)})
  with pytest.raises(Diverged, match='loss became nan at step 8$'):
    again.means()


def test_the_first_step_that_is_not_sound_is_named():
  pending = of(
    100,
    {'loss': 1.0, 'reconstruction': 19.0, 'x_norm': 1e30},
    {
      'loss': [1.0, 1.0, math.inf],
      'reconstruction': [19.0, 1948.0, 19.0],  # 100 x 4 log 130 is 1947.1
      'x_norm': [1.0, 1.0, math.nan],
    },
  )
  with pytest.raises(Diverged, match='^reconstruction became 1948 at step 103'):
    pending.means()


def test_a_critic_that_runs_away_is_named():
  pending = of(6, {'loss': [-1e6, -18e6], 'reconstruction': [19.0, 19.0]})
  with pytest.raises(Diverged, match='^loss became -1.8e.07 at step 8$'):
    pending.means()


def test_skipped_steps_are_counted_but_not_averaged():
  pending = of(
    0,
    {'loss': [1.0, math.nan, 3.0], 'skipped': [0, 1, 0]},
    {'loss': 8.0, 'skipped': 0},
  )
  assert pending.means() == {'loss': 4.0, 'skipped': 0.25}


def test_nothing_but_skipped_steps_is_an_end():
  pending = of(4, {'loss': [math.nan, math.inf], 'skipped': [1, 1]})
  with pytest.raises(Diverged, match='^steps 5 to 6 were all skipped'):
    pending.means()
