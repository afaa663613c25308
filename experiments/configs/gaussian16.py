"""Sixteen bars, Gaussian prior, Lakh.

    python -m experiments.train --config=gaussian16 --workdir=runs/gaussian16

On a GPU not measured yet.
`:paper` is the literal reading. Data: `lakh_pianoroll/16bar`.
"""

from experiments.configs import base


def get_config():
  return base.gaussian(base.get_config())
