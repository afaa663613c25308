"""Checksums of what a checkpoint holds: orbax has none of an array's data."""

import json
import zlib
from typing import Any

import jax
import jax.numpy as jnp


def of_json(value: Any) -> int:
  """Returns a 32-bit checksum of what can be written as JSON."""
  return zlib.crc32(json.dumps(value, sort_keys=True).encode())


def of_arrays(tree) -> dict[str, int]:
  """Returns a 32-bit checksum of each array, keyed by its path in the tree.

  The sum of the elements' bits, weighted by odd numbers: whatever its order,
  so the same on any mesh, and any single flipped bit changes it.
  """
  paths, leaves = zip(*jax.tree_util.tree_leaves_with_path(tree))
  names = (jax.tree_util.keystr(p, simple=True, separator='/') for p in paths)
  return dict(zip(names, map(int, jax.device_get(_of_leaves(leaves)))))


def of_model(params: dict) -> str:
  """Returns what tells a model's parameters from others', in eight letters."""
  return f'{of_json(of_arrays(params)):08x}'


@jax.jit
def _of_leaves(leaves):
  def one(x):
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
      x = jax.random.key_data(x)
    bits = x.ravel().view(f'uint{8 * x.dtype.itemsize}').astype(jnp.uint32)
    weights = 2 * jnp.arange(bits.size, dtype=jnp.uint32) + 1
    return jnp.sum(bits * weights, dtype=jnp.uint32)

  return [one(x) for x in leaves]
