"""A trained model as an instrument: songs in, songs out.

Reconstruction, for now.
"""

import dataclasses
import functools
import os

import jax
import numpy as np
from jaxtyping import Float, UInt8

from musae_jax import assembly, batches, checkpoint, phrases
from musae_jax.midi import Song
from musae_jax.models import Autoencoder
from musae_jax.pianoroll import STEPS_PER_BAR, TRACKS, canonical

_BATCH = 64  # one shape, so one compilation


@dataclasses.dataclass(frozen=True)
class MusAE:
  """A model, its parameters and the length of its phrases in timesteps."""

  model: Autoencoder
  params: dict
  num_steps: int
  genres: tuple[str, ...] = ()

  @classmethod
  def of(cls, loaded: checkpoint.Loaded) -> 'MusAE':
    """The instrument of a checkpoint."""
    return cls(
      assembly.build_model(loaded.config),
      loaded.params,
      loaded.dataset['timesteps'],
      tuple(loaded.dataset['genres']),
    )

  @property
  def num_bars(self) -> int:
    """Bars of a phrase."""
    return self.num_steps // STEPS_PER_BAR

  def encode(
    self, tokens: UInt8[np.ndarray, 'n t 4']
  ) -> Float[np.ndarray, 'n d']:
    """The code of each phrase: its posterior's mean, in the prior's axes."""
    return self.posterior(tokens)[0]

  def posterior(
    self, tokens: UInt8[np.ndarray, 'n t 4']
  ) -> tuple[Float[np.ndarray, 'n d'], Float[np.ndarray, 'n d']]:
    """Mean and scale of each phrase's posterior, in the prior's axes."""
    return _in_batches(self._encode, tokens)

  def decode(self, z: Float[np.ndarray, 'n d']) -> UInt8[np.ndarray, 'n t 4']:
    """The most likely phrase of each code, without holds of nothing."""
    tokens = _in_batches(self._decode, z)
    return canonical(tokens.swapaxes(0, 1)).swapaxes(0, 1)

  def reconstruct(self, song: Song) -> Song:
    """The song through the model, phrase by phrase.

    Of each role the track with most notes is taken; names, programs and tempo
    stay.

    Raises:
      SongError: no drums, bass or guitar, or not 4/4 throughout.
    """
    phrases.check(song)
    pieces = phrases.cut(phrases.to_tokens(song), self.num_steps)
    decoded = self.decode(self.encode(pieces.tokens))
    tracks = phrases.fullest(song)
    joined = phrases.join(pieces._replace(tokens=decoded))
    return phrases.to_song(
      joined[: song.num_bars * STEPS_PER_BAR],  # the last piece is filled up
      [track.program for track in tracks],
      song.tempo,
      [track.name or role for track, role in zip(tracks, TRACKS)],
    )

  @functools.cached_property
  def _encode(self):
    return jax.jit(lambda x: tuple(self.model.encode(self.params, x)))

  @functools.cached_property
  def _decode(self):
    def most_likely(z):
      logits = self.model.decode(self.params, z, self.num_steps)
      return logits.argmax(-1).astype(np.uint8)

    return jax.jit(most_likely)


def _in_batches(function, rows):
  parts = [
    jax.tree.map(lambda x: np.asarray(x)[mask], function(batch))  # noqa: B023
    for batch, mask in batches.padded_batches(rows, _BATCH)
  ]
  return jax.tree.map(lambda *x: np.concatenate(x), *parts)


def load(workdir: str | os.PathLike) -> MusAE:
  """The newest model of a training run.

  Raises:
    CheckpointError: the folder holds none that can be read.
  """
  return MusAE.of(checkpoint.load(workdir))
