"""Data parallelism: parameters on every device, a slice of the batch on each.

The same code runs on one device and on many, of one process or of several;
XLA inserts the sums.
"""

import contextlib
import functools
import importlib.util
import inspect
import os
import re
import socket
import zlib
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

# After so long a silence a process counts as gone, and the others are ended.
HEARTBEAT_SECONDS = 30
# How long processes may come one after another.
START_SECONDS = 300
_initialize = functools.partial(
  jax.distributed.initialize,
  # Past that JAX would abort: who called has ended it before.
  initialization_timeout=2 * START_SECONDS,
  heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
)


# How errors begin that say that a process did not answer.
_LOST = re.compile(
  '(UNKNOWN|INTERNAL|UNAVAILABLE|ABORTED|CANCELLED|FAILED_PRECONDITION|'
  'DEADLINE_EXCEEDED): '
)


class ProcessError(RuntimeError):
  """The processes of a job cannot start, or another one of them failed."""


def is_loss(error: BaseException) -> bool:
  """Whether JAX raised it because another process of the job is gone."""
  # Of collectives outside of a program JAX makes a ValueError.
  kinds = ValueError, RuntimeError
  return (
    jax.process_count() > 1
    and isinstance(error, kinds)
    and bool(_LOST.match(str(error)))
  )


def start(
  coordinator: str | None = None,
  num_processes: int | None = None,
  process_id: int | None = None,
) -> None:
  """Joins the other processes of the job; nothing where there are none.

  To be called before JAX is used. Without arguments, SLURM or the TPU's own
  environment says which processes there are.

  Args:
    coordinator: HOST:PORT that process 0 listens on.
    num_processes: how many there are.
    process_id: which one this is, from 0.

  Raises:
    ProcessError: the arguments fit no job.
  """
  given = coordinator, num_processes, process_id
  if given != (None, None, None):
    _check(*given)
    _initialize(*given, cluster_detection_method='deactivate')
  elif (tasks := _slurm_tasks()) > 1:
    _check_slurm(tasks)
    _initialize(cluster_detection_method='slurm')
  elif importlib.util.find_spec('libtpu'):
    # A ValueError: no TPU is here, only its library.
    with contextlib.suppress(ValueError):
      _initialize()


def _check(coordinator, num_processes, process_id) -> None:
  """Raises a `ProcessError` where a job cannot be so."""
  if None in (coordinator, num_processes, process_id):
    raise ProcessError(
      f'coordinator is {coordinator}, num_processes {num_processes}, '
      f'process_id {process_id}; expected all three, or none'
    )
  host, _, port = coordinator.rpartition(':')
  if not (host and port.isdecimal() and 0 < int(port) < 2**16):
    raise ProcessError(
      f'coordinator is {coordinator!r}, expected HOST:PORT, a port below 65536'
    )
  if not 0 <= process_id < num_processes:
    raise ProcessError(
      f'process_id is {process_id}, expected at least 0 and less than '
      f'num_processes={num_processes}'
    )
  if process_id == 0:
    _check_free(int(port))


def _check_free(port: int) -> None:
  """Raises a `ProcessError` where somebody listens; JAX would crash."""
  with socket.socket() as found:
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
      found.bind(('', port))
    except OSError as error:
      raise ProcessError(
        f'coordinator: port {port} of this machine: {error.strerror}'
      ) from error


def _slurm_tasks() -> int:
  """How many processes `srun` started; 1 outside of it."""
  if 'SLURM_STEP_NODELIST' not in os.environ:
    return 1
  tasks = os.environ.get('SLURM_NTASKS', '1')
  if not (tasks.isascii() and tasks.isdecimal()):
    raise ProcessError(f'SLURM_NTASKS is {tasks!r}, expected a number')
  return int(tasks)


def _check_slurm(tasks: int) -> None:
  """Raises a `ProcessError` where `srun` cannot have set the environment."""
  for name in ('SLURM_JOB_ID', 'SLURM_PROCID', 'SLURM_LOCALID'):
    value = os.environ.get(name)
    if value is None:
      raise ProcessError(f'SLURM: {name} is not set; expected what srun sets')
    if not (value.isascii() and value.isdecimal()):
      raise ProcessError(f'{name} is {value!r}, expected a number')
    if name != 'SLURM_JOB_ID' and int(value) >= tasks:
      raise ProcessError(
        f'{name} is {value}, expected less than SLURM_NTASKS={tasks}'
      )


def is_first() -> bool:
  """Whether this is the process that writes what is written once."""
  return jax.process_index() == 0


def on_all(value: bool) -> bool:
  """Whether it is true in every process; all of them have to ask."""
  return bool(np.all(multihost_utils.process_allgather(np.bool_(value))))


def from_first(text: str) -> str:
  """Returns the first process's text; all of them have to ask."""
  own = np.frombuffer(text.encode(), np.uint8)
  size = multihost_utils.broadcast_one_to_all(np.int32(own.size))
  padded = np.resize(own, int(size))
  return bytes(multihost_utils.broadcast_one_to_all(padded)).decode()


def num_on_this_machine() -> int:
  """How many of the processes are on this machine; all have to ask."""
  name = np.uint32(zlib.crc32(socket.gethostname().encode()))
  return int(np.sum(multihost_utils.process_allgather(name) == name))


@contextlib.contextmanager
def jointly() -> Iterator[None]:
  """Has a block end alike in all processes: where it fails in one, in all.

  Else the others would wait forever for the one that is gone.

  Raises:
    ProcessError: it failed in another process.
  """
  failed = None
  try:
    yield
  except Exception as error:
    failed = error
  well = on_all(failed is None)
  if failed:
    raise failed
  if not well:
    raise ProcessError('another process failed; its own message says why')


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
  """The tree, the same in every process, with every array on every device."""
  if jax.process_count() == 1:
    return jax.device_put(tree, replicated(mesh))

  # `device_put` would send it all over the network, to compare it.
  def put(x):
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
      bits = put(jax.random.key_data(x))
      return jax.random.wrap_key_data(bits, impl=jax.random.key_impl(x))
    return jax.make_array_from_process_local_data(
      replicated(mesh), np.asarray(x)
    )

  return jax.tree.map(put, tree)


def share(mesh: Mesh, batch_size: int) -> np.ndarray:
  """The places int64[n] in a global batch that this process's devices take.

  In order; with one process, all. They need not be neighbours: a mesh follows
  the wires between the devices, not their processes.
  """
  places = split(mesh).addressable_devices_indices_map((batch_size,))
  every = np.arange(batch_size)
  return np.sort(np.concatenate([every[index] for index in places.values()]))


def shard_batch(batch, mesh: Mesh):
  """The global batch, its first axis spread over the devices.

  Args:
    batch: tree of numpy arrays, the rows at this process's `share` of the
      global batch, whose size must divide by the number of devices.
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
