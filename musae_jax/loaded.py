"""A trained model, from wherever it was read."""

from typing import Any, NamedTuple

from musae_jax.directions import Directions


class Loaded(NamedTuple):
  """A model's description and parameters, and where they come from.

  Attributes:
    config: plain dicts, one a section.
    params: of the encoder, the decoder and the critic.
    step: updates that they took.
    dataset: 'name', 'timesteps' and 'genres', these in the ring's order; from
      a checkpoint, numbers of phrases too.
    directions: how codes move to change attributes; None: not fitted.
  """

  config: dict[str, Any]
  params: dict
  step: int
  dataset: dict[str, Any]
  directions: Directions | None = None
