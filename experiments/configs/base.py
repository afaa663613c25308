"""What every config has: each field with its meaning, and the paper's sizes.

The plain names hold what `docs/method.md` argues for; `paper` sets every
setting that the paper words as it words it.
"""

import dataclasses

from ml_collections import ConfigDict

from musae_jax import assembly


def get_config() -> ConfigDict:
  """Returns the shared config: sixteen bars, no prior chosen yet."""
  config = ConfigDict()
  config.data = dict(
    name='lakh_pianoroll/16bar',
    dir='data/lakh',
    # 'auto': loaded whole if it fits in a third of the memory, else streamed;
    # 'true' and 'false' decide it by hand. The batches are the same.
    in_memory='auto',
    # 'auto': on an accelerator, where it takes a quarter of the memory at most.
    on_device='auto',
    # The command that a missing data set is reported with.
    built_by='python -m tfds_lakh.build --config={config} --data_dir={dir}',
  )
  config.model = dict(
    latent_dim=512,
    width=1024,  # the encoder's is both directions together
    depth=3,
    # Networks and penalty in coordinates where the prior has unit scale.
    whitened=True,
    scale='exp2',  # of the posterior: 'exp2' (eq. 10) or 'softplus'
  )
  config.compute = dict(
    # Of the operands of products and of what is kept for the gradient; all
    # else is float32. 'auto': float32 on a CPU, else bfloat16.
    dtype='auto',
    unroll=0,  # timesteps in a turn of the LSTMs' loops; 0: 1 on a CPU, else 8
    # Tracks in one loop; 'auto': one by one on a CPU where depth is above 1.
    stacked='auto',
    # Whether gates are computed again: saves memory on a GPU, none on a CPU.
    remat=False,
  )
  config.critic = dict(
    width=1024,
    # As the paper's. Leaky ReLU leaves codes with heavier tails, by which they
    # are told from draws, at 64 dimensions and at 512 (docs/results.md).
    activation='tanh',
    condition='set',  # what the critic is told: 'set', 'tag' or 'none'
    steps=5,  # updates of the critic for each of the autoencoder
    learning_rate=1e-3,  # of a critic that is slower codes run away
    betas=(0.5, 0.9),
    penalty_weight=10.0,
  )
  config.train = dict(
    batch_size=256,
    # The paper names no length. Its beta is 1 from update 100,000 on: this
    # gives its last value the 10,000 updates that each of the others has.
    num_steps=110_000,
    seed=0,
    # What draws codes to the prior: 'wgan_gp', 'mmd', 'sliced_wasserstein',
    # 'kl' or 'none'.
    regulariser='wgan_gp',
    # 'alternating': the critic's loss trains the critic only; 'joint': the
    # encoder too, as in the authors' code.
    phases='alternating',
    # The paper's 1e-4 takes twice as long to learn attacks (docs/results.md).
    learning_rate=1e-3,
    betas=(0.5, 0.999),  # of Adam; less momentum than the paper's .9
    decay_kind='inverse_time',  # 'inverse_time', 'exponential' or 'none'
    learning_rate_decay=1e-4,  # for each update
    warmup_steps=500,
    # At 512 dimensions the paper's 1 collapsed the posterior, and of three ends
    # this trades least of one thing for another (docs/results.md).
    beta_end=0.3,
    beta_increment=0.1,
    beta_interval=10_000,  # updates from one increment to the next
    # Of encoder and decoder an average over the last tenth of the updates, at
    # most over some thousand, is what was trained: each lies to one side of the
    # prior, and later ones to the other (docs/results.md). 0: the last one, as
    # in the paper.
    averaging=0.999,
    transpose=True,  # by -5 to 6 semitones, drawn at each visit
    steps_per_dispatch=1,  # updates in one call; more need the data on device
    log_every=100,  # must divide checkpoint_every, so that a resumed log is
    eval_every=2_000,  # the same log
    eval_phrases=4_096,  # of the validation split, the same ones every time
    checkpoint_every=2_000,
    on_nan='stop',  # 'stop' there, or 'skip' an update that is not finite
    # Which checkpoints stay: so many of the newest, beside them those of each
    # step that keep_every divides, and so many of those with the best accuracy
    # in validation, which is known where eval_every divides the step (0: none).
    keep=3,
    keep_every=0,
    keep_best=0,
  )
  return config


def two_bars(config: ConfigDict) -> ConfigDict:
  """Returns `config` on phrases of two bars."""
  config.data.name = 'lakh_pianoroll/2bar'
  return config


def flower(config: ConfigDict) -> ConfigDict:
  """Returns `config` with the paper's prior: 32 Gaussians on a circle."""
  config.prior = dict(
    kind='flower',
    num_components=32,
    radial_variance=0.1,  # a1 of eq. 18
    variance=0.001,  # a2
  )
  return config


def gaussian(config: ConfigDict) -> ConfigDict:
  """Returns `config` with the standard Gaussian prior.

  It has one component, so whatever the condition, the critic is told nothing.
  """
  config.prior = dict(kind='gaussian')
  return config


def paper(config: ConfigDict) -> ConfigDict:
  """Returns `config` with every setting as the paper words it.

  Where it names none, those of what it names: of Keras's Adam, and of Gulrajani
  et al. 2017. What stays is the config's own: the sizes (latent_dim, width,
  depth), the data set with its phrases' length, the prior, the seed, and what
  is written when. A run is as long as beta's schedule takes, the paper naming
  no length: `quickstart:paper` is a small model, not a short run.
  """
  config.model.update(whitened=False, scale='exp2')
  config.critic.update(
    activation='tanh',
    condition='tag',
    steps=1,
    learning_rate=1e-4,
    betas=(0.9, 0.999),
    penalty_weight=10.0,
  )
  config.train.update(
    batch_size=256,
    num_steps=110_000,
    regulariser='wgan_gp',
    phases='alternating',
    learning_rate=1e-4,
    betas=(0.9, 0.999),
    decay_kind='inverse_time',
    learning_rate_decay=1e-4,
    warmup_steps=0,
    beta_end=1.0,
    beta_increment=0.1,
    beta_interval=10_000,
    averaging=0.0,
    transpose=True,
  )
  return config


def fit_prior(config: ConfigDict) -> None:
  """Gives `config.prior` its kind's fields: as they were, or by default.

  An unknown kind is left as it is, for `build.check` to refuse.
  """
  kind = config.prior.kind
  if kind not in assembly.PRIORS:
    return
  fields = dataclasses.fields(assembly.PRIORS[kind])
  with config.unlocked():
    config.prior = {
      'kind': kind,
      **{
        field.name: config.prior.get(field.name, field.default)
        for field in fields
        if field.name != 'dim'
      },
    }
