"""Two bars, flower prior, the embedded corpus: a whole run on a laptop's CPU.

    python -m experiments.train --config=quickstart --workdir=runs/quickstart

Two CPU cores: 94 seconds (2,000 updates, seed 0). Validation accuracy, and the
most frequent token's: drums .859 (.531), bass .746 (.471), guitar .736 (.381),
strings .727 (.590). `:paper` keeps the sizes only: its 110,000 updates of 256
phrases, as long as the paper's schedule of beta, take hours.
"""

from experiments.configs import base


def get_config():
  config = base.flower(base.two_bars(base.get_config()))
  config.data.dir = 'data/quickstart'
  config.data.built_by = (
    'python -m tfds_lakh.embedded --out={dir}/midi && python -m '
    'tfds_lakh.build --config={config} --manual_dir={dir}/midi --data_dir={dir}'
  )
  config.model.update(latent_dim=64, width=128, depth=1)
  # A critic much slower than the encoder never catches up with its codes:
  # at 1e-4 they ran away once beta reached .2, and took accuracy with them.
  config.critic.update(width=128, learning_rate=2e-3)
  config.train.update(
    batch_size=64,
    num_steps=2_000,
    learning_rate=5e-3,
    learning_rate_decay=5e-4,  # to half at the end
    warmup_steps=100,
    beta_interval=250,
    log_every=50,
    eval_every=200,
    eval_phrases=512,
    checkpoint_every=200,
  )
  return config
