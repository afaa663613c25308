"""The training step: pure, jitted, the same on any mesh.

The two phases of an update share no gradient. The critic is trained against
codes that are constants to it; then encoder and decoder minimise
reconstruction - beta * critic(codes), the critic's parameters constant. (In
the authors' released code the phases share one gradient, and the two terms
cancel in expectation.) The encoder runs once for both: the critic's updates
need its output only, and `jax.vjp` keeps what the second phase pulls back
through.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from musae_jax import losses, parallel, regularisers
from musae_jax.models import Autoencoder
from musae_jax.pianoroll import TRACKS, transpose
from musae_jax.priors import draw_components

# The factor of both learning rates at update t.
DECAYS = {
  # "An exponential decay rate of 1e-4" (section 4.1) is Keras's `decay`.
  'inverse_time': lambda rate, t: 1 / (1 + rate * t),
  'exponential': lambda rate, t: (1 - rate) ** t,
  'none': lambda rate, t: 1.0,
}
CONDITIONS = ('set', 'tag', 'none')
PHASES = ('alternating', 'joint')
ON_NAN = ('stop', 'skip')


@dataclasses.dataclass(frozen=True)
class Settings:
  """How to train. The defaults are what measured better, not the paper's.

  Attributes:
    learning_rate: of encoder and decoder.
    betas: of their Adam; paper: (.9, .999), Keras's default.
    learning_rate_decay: rate of the decay, per update.
    decay_kind: a key of DECAYS.
    warmup_steps: updates over which both learning rates rise from 0; the
      paper has none.
    beta_end: weight of the critic's score at the end; the paper's is 1.
    beta_increment: what is added to it each time, from 0.
    beta_interval: updates from one time to the next.
    critic_steps: updates of the critic for one of the encoder; paper: 1.
    critic_learning_rate: decays like the other.
    critic_betas: of its Adam; paper: as the other's.
    penalty_weight: lambda of eq. 6; 10 as in Gulrajani et al. 2017.
    condition: what the critic sees of a phrase's genres: their 'set', the
      'tag' drawn at this visit (as in the authors' code), or 'none' (as in the
      paper's text). In each case the prior's draws come from its petals.
    regulariser: what draws codes to the prior, a key of
      `regularisers.REGULARISERS`.
    phases: 'alternating': only the critic descends its loss, with codes that
      are constants to it; 'joint': the encoder descends it too, in which its
      score's two terms cancel in expectation (as in the authors' code).
    averaging: how much of the average of encoder and decoder, which is what
      was trained, an update keeps: this, or t / (t + 10) at update t if that is
      less; 0: no average, as in the paper.
    transpose: move each phrase by -5 to 6 semitones, drawn at each visit.
    on_nan: whether an update with a metric that is not finite is made, for
      whoever trains to 'stop' at, or 'skip'ped: the state stays as it was, but
      for its step, and so the next update has another batch and key.
  """

  learning_rate: float = 1e-4
  betas: tuple[float, float] = (0.9, 0.999)
  learning_rate_decay: float = 1e-4
  decay_kind: str = 'inverse_time'
  warmup_steps: int = 0
  beta_end: float = 1.0
  beta_increment: float = 0.1
  beta_interval: int = 10_000
  critic_steps: int = 5
  critic_learning_rate: float = 1e-4
  critic_betas: tuple[float, float] = (0.5, 0.9)
  penalty_weight: float = 10.0
  condition: str = 'set'
  regulariser: str = 'wgan_gp'
  phases: str = 'alternating'
  averaging: float = 0.0
  transpose: bool = True
  on_nan: str = 'stop'

  def __post_init__(self):
    for field, table in (
      ('decay_kind', DECAYS),
      ('condition', CONDITIONS),
      ('regulariser', regularisers.REGULARISERS),
      ('phases', PHASES),
      ('on_nan', ON_NAN),
    ):
      if getattr(self, field) not in table:
        expected = ', '.join(table)
        raise ValueError(
          f'{field} is {getattr(self, field)!r}, expected one of {expected}'
        )

  def decay(self, step) -> Float[Array, '']:
    """Factor of both learning rates at update `step`, counted from 0."""
    warmup = jnp.minimum(1, (step + 1) / max(self.warmup_steps, 1))
    return warmup * DECAYS[self.decay_kind](self.learning_rate_decay, step)

  def beta(self, step) -> Float[Array, '']:
    """Weight of the critic's score at update `step` (section 4.1)."""
    increments = step // self.beta_interval
    return jnp.minimum(self.beta_end, self.beta_increment * increments)

  @property
  def optimizer(self) -> optax.GradientTransformation:
    """Adam of encoder and decoder, before the learning rate."""
    return optax.scale_by_adam(*self.betas)

  @property
  def critic_optimizer(self) -> optax.GradientTransformation:
    """Adam of the critic, before the learning rate."""
    return optax.scale_by_adam(*self.critic_betas)


@struct.dataclass
class TrainState:
  """All that the next update depends on, besides its batch."""

  step: Int[Array, '']
  params: dict
  average: dict  # of {'encoder', 'decoder'} over the updates; or of nothing
  optimizer: optax.OptState  # of {'encoder', 'decoder'}
  critic_optimizer: optax.OptState
  key: Array  # typed PRNG key, the same throughout: folded with `step`

  @property
  def trained(self) -> dict:
    """The parameters that came of it: the averages, where there are any."""
    return self.params | self.average


def init_state(
  model: Autoencoder, settings: Settings, seed: int, num_steps: int
) -> TrainState:
  """The state before the first update, for phrases of `num_steps`."""

  @jax.jit
  def init(key):
    init_key, key = jax.random.split(key)
    params = model.init(init_key, num_steps)
    autoencoder = {name: params[name] for name in ('encoder', 'decoder')}
    return TrainState(
      step=jnp.zeros((), jnp.int32),
      params=params,
      average=autoencoder if settings.averaging else {},
      optimizer=settings.optimizer.init(autoencoder),
      critic_optimizer=settings.critic_optimizer.init(params['critic']),
      key=key,
    )

  return init(jax.random.key(seed))


def state_shapes(
  model: Autoencoder, settings: Settings, num_steps: int
) -> TrainState:
  """Shapes and types of `init_state`'s arrays, of which none is made."""
  return jax.eval_shape(lambda: init_state(model, settings, 0, num_steps))


def _descend(optimizer, learning_rate, grads, state, params):
  """Parameters and optimiser state, one step further down."""
  direction, state = optimizer.update(grads, state)
  params = jax.tree.map(lambda p, d: p - learning_rate * d, params, direction)
  return params, state


def augment(model, settings, key, batch):
  """What one visit to each phrase sees: its tokens, and its genres.

  A 'tag' is a set of one. A single component has no genre to stand for.

  Raises:
    ValueError: a mixture has not one component for each column of 'genres'.
  """
  tokens, genres = batch['phrases'], batch['genres']
  num_components = model.prior.num_components
  if num_components == 1:
    genres = jnp.zeros((len(tokens), 1), bool)
  elif genres.shape[-1] != num_components:
    raise ValueError(
      f'genres has {genres.shape[-1]} columns, expected one for each of the '
      f"prior's {num_components} components"
    )
  transpose_key, tag_key = jax.random.split(key)
  if settings.transpose:
    semitones = jax.random.randint(transpose_key, len(tokens), -5, 7)
    tokens = transpose(tokens, semitones)
  if settings.condition == 'tag':
    tag = draw_components(tag_key, genres)
    genres = genres & jax.nn.one_hot(tag, num_components, dtype=bool)
  return tokens, genres


def _train_critic(model, settings, state, posterior, genres, key):
  """`critic_steps` updates against constant codes, each with fresh draws.

  Returns:
    The critic's parameters, its optimiser's state, the last update's metrics.
  """
  condition = regularisers.condition(settings, genres)
  step, params, optimizer = state
  learning_rate = settings.critic_learning_rate * settings.decay(step)

  def update(carry, key):
    params, optimizer = carry
    petal_key, prior_key, posterior_key, key = jax.random.split(key, 4)
    petals = draw_components(petal_key, genres)
    z_real = model.prior.sample(prior_key, petals) / model.unit
    z_fake = posterior.sample(posterior_key) / model.unit

    def loss(params):
      return losses.critic_loss(
        key,
        lambda z: model.critic.apply(params, z, condition),
        z_real,
        z_fake,
        settings.penalty_weight,
      )

    grads, metrics = jax.grad(loss, has_aux=True)(params)
    metrics['critic_gradient_norm'] = optax.tree.norm(grads)
    carry = _descend(
      settings.critic_optimizer, learning_rate, grads, optimizer, params
    )
    return carry, metrics

  keys = jax.random.split(key, settings.critic_steps)
  (params, optimizer), metrics = jax.lax.scan(update, (params, optimizer), keys)
  return params, optimizer, jax.tree.map(lambda x: x[-1], metrics)


def _unless_unsound(state, found, metrics):
  """What an update found; if a metric is not finite, what was before it."""
  sound = jnp.all(jnp.isfinite(jnp.stack(list(metrics.values()))))
  kept = {
    name: jax.tree.map(
      functools.partial(jnp.where, sound), new, getattr(state, name)
    )
    for name, new in found.items()
  }
  return kept, metrics | {'skipped': jnp.float32(~sound)}


def _update(model, settings, mesh, state, batch):
  """The state after one update, and its metrics."""
  key = jax.random.fold_in(state.key, state.step)
  visit_key, critic_key, posterior_key = jax.random.split(key, 3)
  tokens, genres = augment(model, settings, visit_key, batch)
  autoencoder = {name: state.params[name] for name in ('encoder', 'decoder')}

  posterior, pull_back = jax.vjp(
    lambda encoder: model.encode({'encoder': encoder}, tokens),
    autoencoder['encoder'],
  )
  critic, critic_optimizer = state.params['critic'], state.critic_optimizer
  metrics = {}
  if settings.regulariser == 'wgan_gp':
    # The codes are gathered once, where the gradients of each device's share
    # would have to be added up at each of the critic's updates.
    train_critic = parallel.everywhere(
      functools.partial(_train_critic, model, settings), mesh
    )
    critic, critic_optimizer, metrics = train_critic(
      (state.step, critic, critic_optimizer), posterior, genres, critic_key
    )
  beta = settings.beta(state.step)

  def loss(decoder, posterior):
    z = posterior.sample(posterior_key)
    nats, predicted = model.compare({'decoder': decoder}, z, tokens)
    codes = regularisers.Codes(
      model, settings, critic, posterior, z, genres, tokens.shape[1]
    )
    regularise = regularisers.REGULARISERS[settings.regulariser]
    pull_key = jax.random.fold_in(critic_key, settings.critic_steps)
    terms = {
      'reconstruction': nats.sum(-1).mean(),
      'regulariser': regularise(codes, pull_key),
    }
    total = terms['reconstruction'] + beta * terms['regulariser']
    return total, (terms, (predicted == tokens).mean((0, 1)))

  (total, (terms, correct)), (decoder_grads, posterior_grads) = (
    jax.value_and_grad(loss, (0, 1), has_aux=True)(
      autoencoder['decoder'], posterior
    )
  )
  grads = {
    'encoder': pull_back(posterior_grads)[0],
    'decoder': decoder_grads,
  }
  learning_rate = settings.learning_rate * settings.decay(state.step)
  autoencoder, optimizer = _descend(
    settings.optimizer, learning_rate, grads, state.optimizer, autoencoder
  )
  metrics |= {
    'loss': total,
    **terms,
    'beta': beta,
    'learning_rate': learning_rate,
    'encoder_gradient_norm': optax.tree.norm(grads['encoder']),
    'decoder_gradient_norm': optax.tree.norm(grads['decoder']),
  }
  metrics |= {f'accuracy/{t}': correct[i] for i, t in enumerate(TRACKS)}
  params = {**autoencoder, 'critic': critic}
  average = state.average
  if settings.averaging:
    # From the first update on it is one of updates, not of where they began.
    kept = jnp.minimum(settings.averaging, state.step / (state.step + 10))
    average = jax.tree.map(
      lambda old, new: new + kept * (old - new), average, autoencoder
    )
  # Of what the update leaves: the loss is of what it found.
  metrics['parameter_norm'] = optax.tree.norm(params)
  found = {
    'params': params,
    'average': average,
    'optimizer': optimizer,
    'critic_optimizer': critic_optimizer,
  }
  if settings.on_nan == 'skip':
    found, metrics = _unless_unsound(state, found, metrics)
  return state.replace(step=state.step + 1, **found), metrics


def make_train_step(
  model: Autoencoder, settings: Settings, mesh: Mesh | None = None
):
  """The update: `step(state, batch) -> (state, metrics)`.

  The state given is donated: it must not be used again. All randomness comes
  from its key and step, so that the same state and batch give the same result.

  Args:
    model: networks and prior.
    settings: how to train.
    mesh: where the state is replicated and the batch split; None: one device.

  Returns:
    A jitted function. Its batch is a dict of 'phrases', uint8[b, T, 4], and
    'genres', bool[b, k] (only a mixture looks at them, and k is its number of
    components). Its metrics are scalars, those of the critic, if it is trained,
    from the last of its updates; 'skipped' is among them where updates may be.
  """

  def step(state, batch):
    return _update(model, settings, mesh, state, batch)

  return parallel.jit(step, mesh, sharded=(1,), donate=(0,))


def make_train_steps(
  model: Autoencoder,
  settings: Settings,
  num_updates: int,
  mesh: Mesh | None = None,
):
  """Several updates: `steps(state, split) -> (state, metrics)`.

  As many calls of `make_train_step`'s would give the same, each with a batch
  from the host.

  Args:
    model: networks and prior.
    settings: how to train.
    num_updates: made by one call.
    mesh: where state and split are replicated; None: one device.

  Returns:
    A jitted function that takes the state's memory. Its split is the dict of
    `resident.Resident.at`; its metrics are arrays [num_updates].
  """

  def steps(state, split):
    def step(state, _):
      rows = split['order'][state.step - split['first']]
      batch = {name: split[name][rows] for name in ('phrases', 'genres')}
      batch = parallel.spread(batch, mesh)
      return _update(model, settings, mesh, state, batch)

    return jax.lax.scan(step, state, length=num_updates)

  return parallel.jit(steps, mesh, sharded=(), donate=(0,))
