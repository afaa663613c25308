"""A split that lies on the devices, whole, with the order of its batches.

Where it fits, training reads no batch from the host: a batch is a gather on
the device, and only the order of an epoch is sent, when it begins.
"""

import jax
import numpy as np
from jax.sharding import Mesh

from musae_jax import batches, data, parallel

# Share of a device's memory that a split may take beside the training step.
_SHARE = 4


def num_bytes(split: data.Split) -> int:
  """What the split takes on each device."""
  return split.phrases.nbytes + split.genres.nbytes


def is_small(split: data.Split, memory: int) -> bool:
  """Whether it takes a quarter of a device's memory, in bytes, at most."""
  return num_bytes(split) * _SHARE <= memory


def fits(split: data.Split, mesh: Mesh) -> bool:
  """Whether the split is small beside the memory of these devices.

  The same in all processes. False where the device's memory is the host's.
  """
  memory = mesh.local_devices[0].memory_stats() or {'bytes_limit': 0}
  return parallel.on_all(is_small(split, memory['bytes_limit']))


class Resident:
  """A split's arrays on every device, for `training.make_train_steps`.

  Args:
    split: the data set.
    batch_size: phrases of a global batch.
    seed: of the order.
    num_updates: how many one call of the step makes.
    mesh: the devices.

  Raises:
    DatasetError: the split has not one batch.
  """

  def __init__(
    self,
    split: data.Split,
    batch_size: int,
    seed: int,
    num_updates: int,
    mesh: Mesh,
  ):
    batches.check_size(split, batch_size)
    self._mesh = mesh
    self._order = len(split), batch_size, seed
    self._num_batches = len(split) // batch_size
    self._num_updates = num_updates
    self._epoch = None
    arrays = {'phrases': split.phrases, 'genres': split.genres}
    self._arrays = parallel.replicate(arrays, mesh)

  def at(self, step: int) -> dict[str, jax.Array]:
    """Returns what the updates from `step` on need.

    'phrases' and 'genres' of the split, and 'order', the rows int32[m, b] of
    the batches of step 'first' and those after it.
    """
    epoch = step // self._num_batches
    if epoch != self._epoch:
      # A call that begins in this epoch's last step ends so many later.
      more = -(-(self._num_updates - 1) // self._num_batches)
      order = np.concatenate(
        [batches.epoch_rows(*self._order, epoch + i) for i in range(1 + more)]
      )
      self._arrays |= parallel.replicate(
        {
          'order': order.astype(np.int32),
          'first': np.int32(epoch * self._num_batches),
        },
        self._mesh,
      )
      self._epoch = epoch
    return self._arrays
