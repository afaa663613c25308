"""How the recurrent core is computed, apart from what it computes."""

from typing import NamedTuple


class Compute(NamedTuple):
  """How to compute what the model says; `for_platform` knows what is fast.

  Attributes:
    dtype: of the operands of matrix products, and of what is kept for the
      gradient (gates, cells, hidden states); sums and parameters are float32
      always, and gates and cell are while they are computed.
    unroll: timesteps in one turn of the loop.
    stacked: whether layers that run beside each other (both directions, the
      four tracks) share one loop of batched products, or run one by one.
    in_place: whether the gates take the memory of what they are made of, and
      their gradient theirs. XLA's CPU backend would rather copy all of it at
      each timestep.
    remat: whether the gates are computed again for the gradient, in one
      product for all timesteps, rather than kept.
  """

  dtype: str = 'float32'
  unroll: int = 1
  stacked: bool = False
  in_place: bool = False
  remat: bool = False


def for_platform(platform: str, depth: int) -> Compute:
  """What is fastest on 'cpu', 'gpu' or 'tpu'; docs/results.md has the figures.

  An accelerator needs stacking to fill it and unrolling to be launched less
  often. On a CPU, loops that run one by one keep their states in the cache,
  which pays with several layers; with one, batched products do.

  Args:
    platform: where.
    depth: layers of encoder and decoder.
  """
  if platform == 'cpu':
    return Compute(stacked=depth == 1)
  return Compute(dtype='bfloat16', unroll=8, stacked=True, in_place=True)
