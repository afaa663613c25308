import os
import time

import pytest

from tfds_lakh.bounded import BoundedPool, Failure, Limits


def deed(name):
  if name == 'hang':
    time.sleep(60)
  if name == 'crash':
    os.abort()
  if name == 'swell':
    return len(bytearray(4 << 30))
  if name == 'raise':
    raise ValueError('a fault of ours')
  return name.upper()


@pytest.fixture(scope='module')
def pool():
  with BoundedPool(2, Limits(seconds=2, mebibytes=512)) as pool:
    yield pool


def test_a_bad_job_costs_only_itself(pool):
  names = ['a', 'hang', 'b', 'crash', 'c', 'swell', 'd']
  found = dict(pool.map(deed, names))
  assert list(found) == names
  assert found['hang'] == Failure('took more than 2 s')
  assert found['crash'] == Failure('crashed the parser')
  assert found['swell'] == Failure('took more than 512 MiB')
  assert [found[name] for name in 'abcd'] == list('ABCD')


def test_order_is_kept_beyond_what_is_in_flight(pool):
  names = [str(i) for i in range(100)]
  assert [item for item, _ in pool.map(deed, names)] == names


def test_a_fault_of_the_function_is_raised(pool):
  with pytest.raises(ValueError, match='ours'):
    list(pool.map(deed, ['raise']))
