"""Eight CPU devices for every test, and flags as if a program had started."""

import os

os.environ.setdefault('JAX_PLATFORMS', 'cpu')
os.environ.setdefault(
  'XLA_FLAGS', '--xla_force_host_platform_device_count=8'
)

from absl import flags  # noqa: E402

flags.FLAGS.mark_as_parsed()  # Grain reads absl flags in its threads.
