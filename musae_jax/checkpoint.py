"""Checkpoints of a run: its whole state, its config, its place in the data.

A checkpoint appears under its name when it is complete, and holds checksums
of its arrays and of what describes them. One that is cut short or altered is
passed over, with a warning, for the one before it. Of several processes each
has to make every call, as they write and read one checkpoint together.
"""

import contextlib
import os
import pathlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
from absl import logging

from musae_jax import checksums, parallel
from musae_jax.errors import UserError, first_line
from musae_jax.loaded import Loaded

FOLDER = 'checkpoints'


class CheckpointError(UserError):
  """A checkpoint is missing, unreadable or of another kind of run."""


class Restored(NamedTuple):
  """What `Checkpoints.restore` returns."""

  step: int
  state: Any  # as the template
  position: dict[str, Any]  # as saved


class Keep(NamedTuple):
  """Which checkpoints stay; the others make room for new ones.

  Attributes:
    latest: so many of the newest.
    every: those of steps that this divides; 0: none for that.
    best: so many of those with the highest scores; 0: none for that.
  """

  latest: int
  every: int = 0
  best: int = 0

  def of(self, steps: Iterable[int], scores: Mapping[int, float]) -> set[int]:
    """Returns those that stay of the checkpoints of these steps.

    Args:
      steps: of all that there are.
      scores: of some of them.
    """
    steps = sorted(steps)
    kept = set(steps[-self.latest :])
    if self.every:
      kept.update(step for step in steps if step % self.every == 0)
    if self.best:
      scored = [step for step in steps if step in scores]
      kept.update(sorted(scored, key=scores.get)[-self.best :])
    return kept


class Saved(NamedTuple):
  """A save that is complete.

  Attributes:
    step: of the checkpoint.
    held: seconds that the caller had to wait.
    seconds: from its beginning to its end.
  """

  step: int
  held: float
  seconds: float


class _Manager(ocp.CheckpointManager):
  def reached_preemption(self, step: int) -> bool:
    """Returns False: who trains asks at each step, and of that step only.

    Asked of a step long past, by a thread that ends a save, JAX's service
    would have the processes agree on one that some are past.
    """
    return False


class _Policy:
  """Asked by orbax which checkpoints to preserve."""

  def __init__(self, keep: Keep, scores: Mapping[int, float]):
    self._keep, self._scores = keep, scores

  def should_preserve(self, checkpoints, *, context) -> list[bool]:
    """Returns an answer for each."""
    del context
    steps = [checkpoint.step for checkpoint in checkpoints]
    kept = self._keep.of(steps, self._scores)
    return [step in kept for step in steps]


class Checkpoints:
  """The checkpoints in a run's folder.

  Use as a context manager: leaving it waits for the save that is under way.
  """

  def __init__(self, workdir: str | os.PathLike, keep: Keep | None = None):
    """Opens the folder, to write to it where `keep` is given.

    Args:
      workdir: the run's folder.
      keep: which checkpoints to keep. None: only to read; nothing is created
        and nothing tidied up, as another process may be training.

    Raises:
      CheckpointError: it is a file.
    """
    self.folder = pathlib.Path(workdir).absolute() / FOLDER
    if self.folder.exists() and not self.folder.is_dir():
      raise CheckpointError(f'{self.folder}: is a file, expected a folder')
    self._keep, self._scores = keep, {}
    # The save that is under way: its step, its beginning, what it held up for.
    self._saving = None
    self._ended = None
    self._manager = _Manager(
      self.folder,
      item_handlers={
        'state': ocp.PyTreeCheckpointHandler(),
        'run': ocp.JsonCheckpointHandler(),
      },
      options=ocp.CheckpointManagerOptions(
        create=keep is not None,
        cleanup_tmp_directories=keep is not None,
        preservation_policy=_Policy(keep, self._scores) if keep else None,
        async_options=ocp.options.AsyncOptions(
          post_finalization_callback=self._note_the_end
        ),
      ),
    )

  def __enter__(self):
    return self

  def __exit__(self, *unused):
    try:
      self.finish()
    finally:
      with contextlib.suppress(Exception):  # which `finish` has told of
        self._manager.close()

  def _note_the_end(self) -> None:
    self._ended = time.monotonic()

  def steps(self) -> list[int]:
    """Returns the steps that there are checkpoints of, in order."""
    return sorted(self._manager.all_steps())

  def save(
    self,
    step: int,
    state,
    position: dict,
    about: dict,
    score: float | None = None,
  ) -> None:
    """Starts to save; the caller may change or donate the state at once.

    One save at a time: that before is waited for.

    Args:
      step: updates done.
      state: tree of arrays; typed PRNG keys are welcome.
      position: in the data, and what else is to be known there, as JSON.
      about: what describes the run, as JSON: 'config' and 'dataset'.
      score: the higher the better; None: not known at this step.

    Raises:
      CheckpointError: this save or the one before it failed.
    """
    self.finish()
    began = time.monotonic()
    run = {
      **about,
      'step': step,
      'position': position,
      'score': score,
      'checksums': checksums.of_arrays(state),
    }
    self._note_score(run)
    run['checksum'] = checksums.of_json(run)
    self._ended = None
    with self._saves(step):
      self._manager.save(
        step,
        args=ocp.args.Composite(
          state=ocp.args.PyTreeSave(state), run=ocp.args.JsonSave(run)
        ),
      )
    self._saving = step, began, time.monotonic() - began

  def finish(self, wait: bool = True) -> Saved | None:
    """Returns what the last save took, when it has ended, and only once.

    Args:
      wait: for it to end; otherwise None is returned of one under way.

    Raises:
      CheckpointError: it failed.
    """
    if self._saving is None:
      return None
    step, began, held = self._saving
    with self._saves(step):
      self._manager.check_for_errors()
      if not wait and self._ended is None:
        return None
      self._saving = None
      self._manager.wait_until_finished()
    return Saved(step, held, (self._ended or time.monotonic()) - began)

  def _note_score(self, run: dict[str, Any]) -> None:
    if run['score'] is not None:
      self._scores[run['step']] = run['score']

  @contextlib.contextmanager
  def _saves(self, step: int) -> Iterator[None]:
    """Has what fails inside say that this step could not be saved."""
    try:
      yield
    except Exception as error:  # orbax raises whatever its parts raise
      if parallel.is_loss(error):
        raise
      raise CheckpointError(
        f'{self.folder}: cannot save step {step}: {_line(error)}'
      ) from error

  def about(self) -> dict[str, Any]:
    """Returns the newest readable description: 'config' and 'dataset'."""
    return self._newest(self._read_run)[1]

  def restore(self, template) -> Restored:
    """Returns the newest state that can be read.

    Newer ones that cannot are moved out of the way, to a folder beside.

    Args:
      template: a tree of arrays with the shapes, types and shardings wanted.

    Raises:
      CheckpointError: there is none.
    """

    def read(step):
      run = self._read_run(step)
      return self._read_arrays(step, template, run), run['position']

    step, (state, position) = self._newest(read)
    with parallel.jointly():
      if parallel.is_first():
        for newer in [s for s in self.steps() if s > step]:
          self._set_aside(newer)
    self._manager.reload()
    for older in self.steps() if self._keep and self._keep.best else ():
      with contextlib.suppress(Exception):  # then it has no score
        self._note_score(self._read_run(older))
    return Restored(step, state, position)

  def load_params(self) -> tuple[int, dict, dict]:
    """Returns the newest step, its parameters and its description.

    Shapes come from the checkpoint; the parameters go to the first device.
    """
    here = jax.sharding.SingleDeviceSharding(jax.devices()[0])

    def read(step):
      saved = self._manager.item_metadata(step)['state'].tree
      wanted = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=here),
        {x: saved[x] for x in ('params', 'average') if saved.get(x)},
      )
      run = self._read_run(step)
      arrays = self._read_arrays(step, wanted, run)
      return arrays['params'] | arrays.get('average', {}), run

    step, (params, run) = self._newest(read)
    return step, params, run

  def _newest(self, read: Callable[[int], Any]) -> tuple[int, Any]:
    """Returns the newest step that `read` does not fail on, and its result."""
    reason = 'there is none'
    for step in reversed(self.steps()):
      try:
        with parallel.jointly():
          found = read(step)
        return step, found
      except Exception as error:  # orbax raises whatever its parts raise
        if parallel.is_loss(error):
          raise
        reason = _line(error)
        logging.warning(
          '%s: checkpoint %d cannot be read: %s', self.folder, step, reason
        )
    raise CheckpointError(f'{self.folder}: no readable checkpoint: {reason}')

  def _read_run(self, step: int) -> dict[str, Any]:
    args = ocp.args.Composite(run=ocp.args.JsonRestore())
    run = self._manager.restore(step, args=args).run
    if run.pop('checksum') != checksums.of_json(run) or run['step'] != step:
      raise CheckpointError('its description does not match its checksum')
    return run

  def _read_arrays(self, step: int, template, run: dict):
    """Returns the arrays of `template`, which may leave out some."""
    wanted = ocp.args.PyTreeRestore(
      template,
      restore_args=ocp.checkpoint_utils.construct_restore_args(template),
      partial_restore=True,
    )
    tree = self._manager.restore(
      step, args=ocp.args.Composite(state=wanted)
    ).state
    for name, value in checksums.of_arrays(tree).items():
      if value != run['checksums'].get(name):
        raise CheckpointError(f'{name} does not match its checksum')
    return tree

  def _set_aside(self, step: int) -> None:
    """Moves a checkpoint that cannot be read where it is not looked for."""
    aside = self.folder.with_name(f'{FOLDER}.unreadable')
    aside.mkdir(exist_ok=True)
    target = aside / str(step)
    while target.exists():
      target = target.with_name(f'{target.name}+')
    (self.folder / str(step)).rename(target)


def load(workdir: str | os.PathLike) -> Loaded:
  """Returns the newest trained model in a run's folder.

  Raises:
    CheckpointError: the folder holds no checkpoint that can be read, or the
      newest one's parameters are not finite.
  """
  if not os.path.isdir(workdir):
    found = 'is no folder' if os.path.exists(workdir) else 'is not there'
    raise CheckpointError(
      f'{workdir}: {found}; expected the --workdir of a training run'
    )
  if not (pathlib.Path(workdir) / FOLDER).is_dir():
    raise CheckpointError(
      f'{workdir}: no {FOLDER} in it; expected the --workdir of a training run'
    )
  with Checkpoints(workdir) as checkpoints:
    step, params, run = checkpoints.load_params()
  if not all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(params)):
    raise CheckpointError(
      f'{workdir}: step {step} has parameters that are not finite; expected '
      'those of a run that did not diverge'
    )
  config = _located(run['config'], workdir)
  return Loaded(config, params, step, run['dataset'])


def _located(config: dict[str, Any], workdir: str | os.PathLike) -> dict:
  """The config, its data set's folder being there from here, too.

  It is relative to where the training began: as a rule a folder that the run
  lies in.
  """
  about = config.get('data', {})
  folder = about.get('dir')
  if folder and not os.path.isdir(folder):
    for parent in pathlib.Path(workdir).resolve().parents:
      if (parent / folder).is_dir():
        return config | {'data': {**about, 'dir': str(parent / folder)}}
  return config


def _line(error: Exception) -> str:
  """Returns the first line of an error's message, cut to a line's length."""
  # Where the system refused, TensorStore says so at the end of a long line.
  refused = re.search(r"os_error_code='(\d+)'", str(error))
  if refused:
    return os.strerror(int(refused[1]))
  return first_line(error).partition('See full TensorStore')[0][:200]
