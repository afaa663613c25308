"""A trained model that artefacts are made of, and what several of them use."""

import dataclasses
import functools
import os
import pathlib

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from experiments import build
from musae_jax import batches, checksums, editing, latent
from musae_jax.loaded import Loaded
from musae_jax.models import Autoencoder
from musae_jax.priors import Prior

# Validation phrases that are encoded.
_NUM_CODES = 10_000


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
  """A run's newest model, and the data set that it was trained on."""

  workdir: pathlib.Path
  loaded: Loaded
  splits: build.Splits
  name: str

  @classmethod
  def of(
    cls,
    workdir: str | os.PathLike,
    data_dir: str | None = None,
    name: str | None = None,
  ) -> 'Subject':
    """The model in a run's folder, whose name it has unless another is given.

    Raises:
      `build.ERRORS`: of one line each.
    """
    folder = pathlib.Path(workdir)
    found = build.trained(workdir, data_dir)
    return cls(folder, *found, name or folder.absolute().name)

  @functools.cached_property
  def params(self) -> str:
    """What tells the parameters from others'."""
    return checksums.of_model(self.loaded.params)

  @functools.cached_property
  def instrument(self) -> editing.MusAE:
    """The model, ready to encode and decode."""
    return editing.MusAE.of(self.loaded)

  @property
  def model(self) -> Autoencoder:
    """The networks and the prior."""
    return self.instrument.model

  @property
  def prior(self) -> Prior:
    """What codes are to match."""
    return self.model.prior

  @property
  def genres(self) -> tuple[str, ...]:
    """Names of the petals, around the ring."""
    return self.instrument.genres

  @functools.cached_property
  def rows(self) -> Int[np.ndarray, 'n']:
    """The validation phrases encoded, in an order of chance."""
    order = batches.permutation(len(self.splits.validation), 1, 0)
    return order[:_NUM_CODES]

  @property
  def phrases(self) -> UInt8[np.ndarray, 'n t 4']:
    """Their tokens."""
    return self.splits.validation.phrases[self.rows]

  @property
  def tags(self) -> Bool[np.ndarray, 'n k']:
    """Their genres, a column a petal."""
    return self.splits.validation.genres[self.rows]

  @property
  def songs(self) -> Int[np.ndarray, 'n']:
    """The songs that they are of."""
    return self.splits.validation.song[self.rows]

  @functools.cached_property
  def _posterior(self):
    return self.instrument.posterior(self.phrases)

  @property
  def means(self) -> Float[np.ndarray, 'n d']:
    """Their codes, by which they are edited."""
    return self._posterior[0]

  @functools.cached_property
  def codes(self) -> Float[np.ndarray, 'n d']:
    """A draw from each one's posterior, which training has match the prior."""
    mean, scale = self._posterior
    noise = jax.random.normal(jax.random.key(2), mean.shape)
    return mean + scale * np.asarray(noise)

  @functools.cached_property
  def probe_aucs(self) -> Float[np.ndarray, 'k k']:
    """How well each two genres are told apart by codes."""
    return self.probe(self.means)

  def probe(self, codes: Float[np.ndarray, 'n d']) -> Float[np.ndarray, 'k k']:
    """`latent.probe_aucs` of codes for the phrases, such as draws."""
    return latent.probe_aucs(
      codes / self.prior.std,
      self.tags[:, : len(self.genres)],
      self.songs,
    )
