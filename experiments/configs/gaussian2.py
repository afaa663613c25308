"""Two bars, Gaussian prior, Lakh.

    python -m experiments.train --config=gaussian2 --workdir=runs/gaussian2

One H100: hours not yet measured; validation accuracy not yet measured.
`:paper` is the literal reading. Data: `lakh_pianoroll/2bar`.
"""

from experiments.configs import base


def get_config():
  return base.gaussian(base.two_bars(base.get_config()))
