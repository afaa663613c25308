"""Two bars, Gaussian prior, Lakh.

    python -m experiments.train --config=gaussian2 --workdir=runs/gaussian2

On a GPU not measured; flower2, of the same size, on an H200: 43 minutes.
`:paper` is the literal reading. Data: `lakh_pianoroll/2bar`.
"""

from experiments.configs import base


def get_config():
  return base.gaussian(base.two_bars(base.get_config()))
