"""Two bars, flower prior, the embedded corpus: a whole run on a laptop's CPU.

    python -m experiments.train --config=quickstart --workdir=runs/quickstart

Two CPU cores: minutes not yet measured; validation accuracy not yet measured.
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
  config.critic.width = 128
  config.train.update(
    batch_size=64,
    num_steps=2_000,
    learning_rate=2e-3,
    warmup_steps=100,
    decay_kind='none',
    beta_interval=300,
    log_every=50,
    eval_every=250,
    eval_phrases=512,
    checkpoint_every=250,
  )
  return config
