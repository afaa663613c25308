"""Data parallelism: parameters on every device, a slice of the batch on each.

The same code runs on one device and on many; XLA inserts the sums.
"""

import inspect

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec


def make_mesh(num_devices: int | None = None) -> Mesh:
  """A mesh of one axis, 'data', over the first devices, or over all."""
  devices = jax.devices()[:num_devices]
  # Explicit axes, jax's new default, have no gather along a sharded batch.
  return jax.make_mesh(
    (len(devices),), ('data',), axis_types=(AxisType.Auto,), devices=devices
  )


def replicated(mesh: Mesh) -> NamedSharding:
  """The whole array on every device."""
  return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh) -> NamedSharding:
  """The first axis cut into one slice a device."""
  return NamedSharding(mesh, PartitionSpec('data'))


def replicate(tree, mesh: Mesh):
  """The tree with every array on every device."""
  return jax.device_put(tree, replicated(mesh))


def shard_batch(batch, mesh: Mesh):
  """The global batch, its first axis spread over the devices.

  Args:
    batch: tree of numpy arrays, this process's share of the global batch; with
      one process, all of it. The axis must divide by the number of devices.
    mesh: from `make_mesh`.
  """
  return jax.tree.map(
    lambda x: jax.make_array_from_process_local_data(split(mesh), x), batch
  )


def spread(batch, mesh: Mesh | None):
  """Inside a jitted function, the batch with a slice on each device."""
  if mesh is None:
    return batch
  return jax.lax.with_sharding_constraint(batch, split(mesh))


def everywhere(function, mesh: Mesh | None):
  """`function` of arrays, run whole by every device instead of in shares.

  For what is smaller than the sums that sharing it would take.
  """
  if mesh is None:
    return function
  whole = PartitionSpec()
  return jax.shard_map(
    function, mesh=mesh, in_specs=whole, out_specs=whole, check_vma=False
  )


def jit(
  function,
  mesh: Mesh | None,
  sharded: tuple[int, ...],
  donate: tuple[int, ...] = (),
):
  """`jax.jit` for a mesh: some arguments are batches, all else is replicated.

  Args:
    function: of positional arguments.
    mesh: None: wherever the arguments are.
    sharded: which arguments are split over the mesh.
    donate: which arguments' memory the result may take.
  """
  if mesh is None:
    return jax.jit(function, donate_argnums=donate)
  num_arguments = len(inspect.signature(function).parameters)
  return jax.jit(
    function,
    donate_argnums=donate,
    in_shardings=tuple(
      split(mesh) if i in sharded else replicated(mesh)
      for i in range(num_arguments)
    ),
    out_shardings=replicated(mesh),
  )
