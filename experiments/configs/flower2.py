"""Two bars, flower prior, Lakh.

    python -m experiments.train --config=flower2 --workdir=runs/flower2

One H100: hours not yet measured; validation accuracy not yet measured.
`:paper` is the literal reading. Data: `lakh_pianoroll/2bar`.
"""

from experiments.configs import base


def get_config():
  return base.flower(base.two_bars(base.get_config()))
