"""Sixteen bars, flower prior, Lakh.

    python -m experiments.train --config=flower16 --workdir=runs/flower16

On a GPU not measured yet.
`:paper` is the literal reading. Data: `lakh_pianoroll/16bar`.
"""

from experiments.configs import base


def get_config():
  return base.flower(base.get_config())
