"""Progress of long work: a bar on a terminal, else plain lines."""

import sys
import time
from collections.abc import Iterable, Iterator

import tqdm

_SECONDS_BETWEEN_LINES = 10


def progress(
  items: Iterable, total: int, label: str, unit: str = 'file'
) -> Iterator:
  """The items, while showing on stderr how many are done and how fast."""
  if sys.stderr.isatty():
    yield from tqdm.tqdm(
      items, desc=label, total=total, unit=f' {unit}s', dynamic_ncols=True
    )
    return
  started = said = time.monotonic()
  done = 0
  for done, item in enumerate(items, 1):
    yield item
    now = time.monotonic()
    if now - said > _SECONDS_BETWEEN_LINES:
      said = now
      rate = done / (now - started)
      left = (total - done) / rate
      print(
        f'{label}: {done} of {total} {unit}s, {rate:.3g} a second, '
        f'{left:.0f} s left',
        file=sys.stderr,
        flush=True,
      )
  seconds = time.monotonic() - started
  print(f'{label}: {done} {unit}s in {seconds:.0f} s', file=sys.stderr)
