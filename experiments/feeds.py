"""Where a run's batches come from: the host, or the devices themselves.

Both give the same batches in the same order, and their positions are the same
number of steps, so that a run may go on with the other.
"""

import time
from typing import Any, Protocol

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from experiments import build
from experiments.clock import INPUT, Clock
from experiments.config_flag import ConfigError
from musae_jax import batches, data, models, parallel, resident, training


class Feed(Protocol):
  """Updates of a run, each call from the batches after the last call's.

  Attributes:
    num_updates: how many a call makes.
  """

  num_updates: int

  def compile(self, state: training.TrainState) -> None:
    """Compiles what `update` runs, for a state like this one."""
    ...

  def update(self, state: training.TrainState) -> tuple:
    """Returns the state after `num_updates` updates, and their metrics."""
    ...

  def get_state(self) -> dict[str, Any]:
    """Returns the position, as JSON."""
    ...

  def set_state(self, state: dict[str, Any]) -> None:
    """Goes to a position."""
    ...


def make(
  config: ConfigDict,
  model: models.Autoencoder,
  split: data.Split,
  mesh: Mesh,
  clock: Clock,
) -> Feed:
  """Returns the feed that `config.data.on_device` asks for.

  Args:
    config: of the run.
    model: to train.
    split: the training phrases.
    mesh: the devices.
    clock: which is told of waiting for a batch.

  Raises:
    ConfigError: it has no room for what other fields ask for.
    DatasetError: the split has not one batch.
  """
  on_device = config.data.on_device == 'true' or (
    config.data.on_device == 'auto' and resident.fits(split, mesh)
  )
  if not on_device and config.train.steps_per_dispatch > 1:
    raise ConfigError(
      f'config.train.steps_per_dispatch is {config.train.steps_per_dispatch}, '
      'expected 1 where the data set is not on the device: '
      'config.data.on_device=true puts it there'
    )
  if on_device:
    return _FromDevice(config, model, split, mesh)
  return _FromHost(config, model, split, mesh, clock)


class _FromHost:
  num_updates = 1

  def __init__(self, config, model, split, mesh, clock):
    train = config.train
    self._mesh, self._clock = mesh, clock
    self._last = ()  # metrics of the last update, perhaps still to come
    share = parallel.share(mesh, train.batch_size)
    self._batches = batches.make(split, train.batch_size, train.seed, share)
    self._step = training.make_train_step(model, build.settings(config), mesh)
    self._shapes = {
      name: jax.ShapeDtypeStruct((train.batch_size, *x.shape[1:]), x.dtype)
      for name, x in (('phrases', split.phrases), ('genres', split.genres))
    }

  def compile(self, state):
    self._step = self._step.lower(state, self._shapes).compile()

  def update(self, state):
    began = time.monotonic()
    batch = parallel.shard_batch(next(self._batches), self._mesh)
    # Devices that still work have not waited.
    if all(x.is_ready() for x in jax.tree.leaves(self._last)):
      self._clock.recount(time.monotonic() - began, INPUT)
    state, self._last = self._step(state, batch)
    return state, self._last

  def get_state(self):
    return self._batches.get_state()

  def set_state(self, state):
    self._batches.set_state(state)


class _FromDevice:
  def __init__(self, config, model, split, mesh):
    train = config.train
    self.num_updates = train.steps_per_dispatch
    self._next = 0
    self._split = resident.Resident(
      split, train.batch_size, train.seed, self.num_updates, mesh
    )
    self._steps = training.make_train_steps(
      model, build.settings(config), self.num_updates, mesh
    )

  def compile(self, state):
    arrays = self._split.at(self._next)
    self._steps = self._steps.lower(state, arrays).compile()

  def update(self, state):
    arrays = self._split.at(self._next)
    self._next += self.num_updates
    return self._steps(state, arrays)

  def get_state(self):
    return {'next_index': self._next}

  def set_state(self, state):
    self._next = state['next_index']
