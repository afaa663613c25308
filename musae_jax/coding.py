"""A trained model on phrases: tokens to codes, and back."""

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping
from typing import Any, Self

import jax
import numpy as np
from jaxtyping import Float, UInt8

from musae_jax import assembly, decoding
from musae_jax.directions import Directions
from musae_jax.errors import UserError
from musae_jax.loaded import Loaded
from musae_jax.models import Autoencoder
from musae_jax.pianoroll import STEPS_PER_BAR, canonical

# Rows of a batch: few shapes, so few compilations.
_LEAST, _MOST = 8, 64

Tokens = UInt8[np.ndarray, 'n t 4']
Codes = Float[np.ndarray, 'n d']


@dataclasses.dataclass(frozen=True)
class Coder:
  """A model, its parameters and the length of its phrases in timesteps.

  Attributes:
    model: the networks and the prior.
    params: their parameters.
    num_steps: timesteps of a phrase.
    genres: names of the petals, around the ring.
    directions: how codes change with attributes, which `edit` has to know.
    corpus: folder of the data set that it learnt from, and what tells it from
      another; None: not told.
  """

  model: Autoencoder
  params: dict
  num_steps: int
  genres: tuple[str, ...] = ()
  directions: Directions | None = None
  corpus: tuple[str, Mapping[str, Any]] | None = None

  @classmethod
  def load(cls, path: str | os.PathLike) -> Self:
    """The newest model of a training run's folder, or an exported file's.

    Raises:
      UserError: there is none that can be read.
    """
    return cls.of(load(path))

  @classmethod
  def of(cls, found: Loaded) -> Self:
    """That of a model which is loaded already."""
    folder = found.config.get('data', {}).get('dir')
    return cls(
      assembly.build_model(found.config),
      found.params,
      found.dataset['timesteps'],
      tuple(found.dataset['genres']),
      found.directions,
      (folder, found.dataset) if folder else None,
    )

  @property
  def num_bars(self) -> int:
    """Bars of a phrase."""
    return self.num_steps // STEPS_PER_BAR

  def posterior(self, tokens: Tokens) -> tuple[Codes, Codes]:
    """Mean and scale of each phrase's posterior, in the prior's axes."""
    return in_batches(self._encode, tokens)

  def decode(self, z: Codes) -> Tokens:
    """The phrase of each code, with as many notes as the decoder expects.

    By `decoding.proportionate`; without holds of nothing.

    Raises:
      UserError: these are no codes of this model.
    """
    return self._read(self._proportionate, z)

  def likeliest(self, z: Codes) -> Tokens:
    """The phrase of each code as the paper has it, token by token.

    By `decoding.likeliest`; without holds of nothing.

    Raises:
      UserError: these are no codes of this model.
    """
    return self._read(self._likeliest, z)

  def _read(self, decode, z):
    tokens = in_batches(decode, self.checked(z))
    return canonical(tokens.swapaxes(0, 1)).swapaxes(0, 1)

  def checked(self, z: Codes) -> Codes:
    """The codes themselves.

    Raises:
      UserError: these are no codes of this model.
    """
    dim = self.model.prior.dim
    try:
      with np.errstate(over='ignore'):  # which is not finite then
        codes = np.asarray(z).astype(np.float32, casting='same_kind')
    except (ValueError, TypeError):
      raise UserError(
        f'codes are {type(z).__name__}, expected [n, {dim}] finite numbers'
      ) from None
    if codes.shape[1:] != (dim,) or not np.isfinite(codes).all():
      raise UserError(
        f'codes are float32{list(codes.shape)}, expected [n, {dim}] finite '
        'numbers'
      )
    return codes

  @functools.cached_property
  def _encode(self):
    run = jax.jit(lambda params, x: tuple(self.model.encode(params, x)))
    # As an argument: parameters would be copied into the program as constants.
    return functools.partial(run, self.params)

  @functools.cached_property
  def _proportionate(self):
    return self._decoder(decoding.proportionate)

  @functools.cached_property
  def _likeliest(self):
    return self._decoder(decoding.likeliest)

  def _decoder(self, reading):
    def decode(params, z):
      return reading(self.model.decode(params, z, self.num_steps))

    return functools.partial(jax.jit(decode), self.params)


def load(path: str | os.PathLike) -> Loaded:
  """The newest model of a training run's folder, or an exported file's.

  Raises:
    UserError: there is none that can be read.
  """
  expected = 'the folder of a training run, or a file that `musae export` wrote'
  if not isinstance(path, str | os.PathLike):
    raise UserError(f'path is a {type(path).__name__}, expected {expected}')
  if not os.path.exists(path):
    raise UserError(f'{path}: is not there; expected {expected}')
  if os.path.isfile(path):
    from musae_jax import exported

    return exported.load(path)
  # orbax takes half a second, and a model's file has no need of it.
  from musae_jax import checkpoint

  return checkpoint.load(path)


def in_batches(function: Callable, rows: np.ndarray):
  """What `function` makes of all rows, of which it sees some at once."""
  parts = []
  size = int(np.clip(1 << (len(rows) - 1).bit_length(), _LEAST, _MOST))
  for start in range(0, max(len(rows), 1), size):
    some = rows[start : start + size]
    batch = np.zeros((size, *rows.shape[1:]), rows.dtype)
    batch[: len(some)] = some
    found = jax.tree.map(np.asarray, function(batch))
    parts.append(jax.tree.map(lambda x, n=some.shape[0]: x[:n], found))
  return jax.tree.map(lambda *x: np.concatenate(x), *parts)
