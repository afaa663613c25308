"""Two bars, flower prior, Lakh.

    python -m experiments.train --config=flower2 --workdir=runs/flower2

One H200: 43 updates a second, which makes 43 minutes of the whole run. After
8,000 of them, with beta rising ten times as fast, a decay of 5e-4, and neither
averages nor less momentum, validation accuracy drums .869, bass .918, guitar
.909, strings .902 (docs/results.md).
`:paper` is the literal reading. Data: `lakh_pianoroll/2bar`.
"""

from experiments.configs import base


def get_config():
  return base.flower(base.two_bars(base.get_config()))
