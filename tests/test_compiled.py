"""The step that is compiled for an H100, and the counting itself."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from experiments import ahead

HLO = """\
HloModule jit_step

%fused (p: f32[4]) -> f32[4] {
  %p = f32[4]{0} parameter(0)
  ROOT %a = f32[4]{0} add(%p, %p)
}

%inner (q: (s32[], f32[4])) -> (s32[], f32[4]) {
  %q = (s32[], /*index=1*/f32[4]{0}) parameter(0)
  %x = f32[4]{0} get-tuple-element(%q), index=1
  %sum = f32[4]{0} all-reduce-start(%x), replica_groups={}, to_apply=%add
  %done = f32[4]{0} all-reduce-done(%sum)
  ROOT %t = (s32[], f32[4]{0}) tuple(%x, %done)
}

%outer (q: (s32[], f32[4])) -> (s32[], f32[4]) {
  %q = (s32[], f32[4]{0}) parameter(0)
  %y = f32[4]{0} fusion(%q), kind=kLoop, calls=%fused
  %k = f32[4]{0} call(%y), to_apply=%small
  %w = (s32[], f32[4]{0}) while(%q), condition=%c, body=%inner, \
backend_config={"known_trip_count":{"n":"3"}}
  ROOT %c = (s32[], f32[4]{0}) copy(%w)
}

%small (q: f32[4]) -> f32[4] {
  %q = f32[4]{0} parameter(0)
  ROOT %x = f32[4]{0} all-reduce(%q), to_apply=%add
}

%large (q: f32[4]) -> f32[4] {
  %q = f32[4]{0} parameter(0)
  %i = f32[4]{0} iota(), iota_dimension=0
  ROOT %x = f32[4]{0} fusion(%q, %i), kind=kLoop, calls=%fused
}

ENTRY %main (a: f32[4]) -> f32[4] {
  %a = f32[4]{0} parameter(0)
  %b = (f32[4]{0}, u8[9]{0}) custom-call(%a), custom_call_target="gemm"
  %w = (s32[], f32[4]{0}) while(%b), condition=%c, body=%outer, \
backend_config={"known_trip_count":{"n":"5"}}
  %g = f32[4]{0} all-gather(%a), dimensions={0}
  %s = f32[4]{0} conditional(%n, %g, %g), \
branch_computations={%small, %large}
  %p = f32[4]{0} conditional(%n, %g, %g), \
true_computation=%large, false_computation=%small
  %l = f32[4]{0} call(%g), to_apply=%small
  ROOT %r = f32[4]{0} bitcast(%g)
}
"""


def test_launches_are_counted_as_often_as_their_loops_turn():
  # A turn of the outer loop: its fusion, its call, its copy, three times the
  # inner's one. Then of each conditional the larger branch, though the other
  # has the collective; and a call.
  assert ahead.count(HLO) == {
    'launches': 1 + 5 * (3 + 3 * 1) + 1 + 2 + 2 + 1,
    'loops': [(3, 1), (5, 6)],
    # Of 16 bytes each; all-reduces but for the one all-gather.
    'collectives': {
      'all-gather': (1, 16),
      'all-reduce': (5 * (1 + 3) + 3, 16 * (5 * (1 + 3) + 3)),
    },
    'collectives_in_loops': 20,
  }


def test_a_loop_of_unknown_length_is_refused():
  with pytest.raises(ValueError, match='known trip count'):
    ahead.count(HLO.replace('"known_trip_count"', '"unknown"'))


def run(*flags):
  command = [sys.executable, '-m', 'experiments.benchmarks.compiled', *flags]
  env = {k: v for k, v in os.environ.items() if k != 'JAX_PLATFORMS'}
  return subprocess.run(command, capture_output=True, text=True, env=env)


@pytest.mark.skipif(
  not (
    importlib.util.find_spec('jax_plugins')
    and importlib.util.find_spec('jax_plugins.xla_cuda13')
  ),
  reason="compiles for CUDA: pip install '.[aot]'",
)
def test_flower16_on_an_h100_stays_within_its_launches_and_memory():
  result = run('--configs', 'flower16', '--variants', 'default', '--json')
  assert not result.returncode, result.stderr
  one, eight = json.loads(result.stdout)
  assert one['launches'] <= 10_000
  assert one['temporary_gib'] + one['arguments_gib'] <= 16
  assert eight['devices'] == 8
  assert eight['collectives']
  assert eight['collectives_in_loops'] == 0


def test_unknown_names_are_told_in_a_line():
  result = run('--configs', 'flour')
  assert result.returncode
  assert 'flower16' in result.stderr.splitlines()[-1]
