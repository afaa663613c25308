"""What another implementation is given: our weights, and what a step draws."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from musae_jax import models, training
from musae_jax.pianoroll import TRACKS
from musae_jax.priors import draw_components

Layer = dict[str, np.ndarray]  # of an LSTM: inputs, kernel, bias; gates i f g o
Dense = dict[str, np.ndarray]  # kernel, bias


class Track(NamedTuple):
  """The weights of one track's decoder."""

  h0: Dense
  layers: list[Layer]
  logits: Dense


class Weights(NamedTuple):
  """Our parameters, layer by layer."""

  encoder: list[list[Layer]]  # of each layer, forwards and backwards
  mean: Dense
  scale: Dense
  tracks: list[Track]
  critic: list[Dense]


def weights(params: dict) -> Weights:
  """The weights in `params`, the 'encoder', 'decoder' and 'critic' of ours."""

  def rows(tree, num):
    return [jax.tree.map(lambda x: x[i], tree) for i in range(num)]  # noqa: B023

  def layers(tree, prefix):
    num = sum(name.startswith(prefix) for name in tree)
    return [tree[f'{prefix}{i}'] for i in range(num)]

  encoder, decoder, critic = (
    params[name]['params'] for name in ('encoder', 'decoder', 'critic')
  )
  return Weights(
    encoder=[rows(x['directions'], 2) for x in layers(encoder, 'BiLSTM_')],
    mean=encoder['mean'],
    scale=encoder['scale'],
    tracks=[
      Track(track['h0'], layers(track, 'layers_'), track['logits'])
      for track in rows(decoder['tracks'], len(TRACKS))
    ],
    critic=layers(critic, 'Dense_'),
  )


class Draws(NamedTuple):
  """All that one update depends on besides its parameters.

  Codes are in the networks' coordinates. `n` counts the critic's updates.
  """

  tokens: UInt8[np.ndarray, 'b t tracks']
  condition: Float[np.ndarray, 'b k']
  z_real: Float[np.ndarray, 'n b d']
  noises: Float[np.ndarray, 'n b d']  # of the codes that the critic sees
  mixes: Float[np.ndarray, 'n b 1']  # places on the segments of the penalty
  noise: Float[np.ndarray, 'b d']  # of the codes that are decoded
  beta: float
  learning_rate: float
  critic_learning_rate: float


def draws(
  model: models.Autoencoder,
  settings: training.Settings,
  state: training.TrainState,
  batch: dict,
  num_updates: int,
) -> list[Draws]:
  """What `training.make_train_step` draws for the updates from `state` on.

  The same splits of the same keys; that the losses then agree shows it.
  """

  @jax.jit
  def draw(key, step, batch):
    visit_key, critic_key, posterior_key = jax.random.split(
      jax.random.fold_in(key, step), 3
    )
    tokens, genres = training.augment(model, settings, visit_key, batch)
    shape = len(tokens), model.prior.dim

    def of_critic(key):
      petal_key, prior_key, posterior_key, key = jax.random.split(key, 4)
      petals = draw_components(petal_key, genres)
      return (
        model.prior.sample(prior_key, petals) / model.unit,
        jax.random.normal(posterior_key, shape),
        jax.random.uniform(key, (len(tokens), 1)),
      )

    keys = jax.random.split(critic_key, settings.critic_steps)
    seen = jnp.float32(genres) * (settings.condition != 'none')
    noise = jax.random.normal(posterior_key, shape)
    return tokens, seen, *jax.vmap(of_critic)(keys), noise

  def at(step):
    decay = float(settings.decay(step))
    return Draws(
      *jax.tree.map(np.asarray, draw(state.key, step, batch)),
      beta=float(settings.beta(step)),
      learning_rate=settings.learning_rate * decay,
      critic_learning_rate=settings.critic_learning_rate * decay,
    )

  return [at(int(state.step) + i) for i in range(num_updates)]
