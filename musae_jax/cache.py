"""What is kept for the next command, in the user's cache folder."""

import contextlib
import os
import pathlib
import platform
import warnings
import zlib

import jax

_CPU = pathlib.Path('/proc/cpuinfo')
_LEAST_SECONDS = 0.1


def folder(*parts: str) -> pathlib.Path:
  """The folder of such things; it need not be there."""
  home = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
  return pathlib.Path(home, 'musae_jax', *parts)


def keep_programs() -> None:
  """Has JAX keep what it compiles, so that it compiles it once.

  To be called before JAX compiles. JAX_COMPILATION_CACHE_DIR says another
  folder, JAX_ENABLE_COMPILATION_CACHE=false that there is none. Programs hold
  instructions of the processor that they were compiled on, which JAX's key does
  not say: each kind of processor has a folder, for homes that several share.
  """
  if jax.config.jax_compilation_cache_dir is None:
    kind = f'{platform.machine()}-{zlib.crc32(_processor().encode()):08x}'
    kept = folder('xla', kind)
    # What cannot be kept is no loss; JAX warns of it, program by program.
    warnings.filterwarnings('ignore', 'Error .* persistent compilation cache')
    with contextlib.suppress(OSError):
      kept.mkdir(parents=True, exist_ok=True)
      if os.access(kept, os.W_OK):
        jax.config.update('jax_compilation_cache_dir', str(kept))
  # JAX's own is a second, which none of what `musae` waits for takes.
  if 'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS' not in os.environ:
    jax.config.update(
      'jax_persistent_cache_min_compile_time_secs', _LEAST_SECONDS
    )


def _processor() -> str:
  """Returns what a processor is, and can do."""
  try:
    lines = _CPU.read_text().splitlines()
  except OSError:  # another system's
    return platform.processor()
  wanted = 'model name', 'flags', 'Features'
  return '\n'.join(sorted({line for line in lines if line.startswith(wanted)}))
