"""How long a musician waits for a model, and how fast it is in itself.

    python -m experiments.benchmarks.latency --config=quickstart

Exports a model of the config's sizes with fresh weights, which take as long as
trained ones, and composes a song of three minutes. `musae reconstruct` then
plays it from the shell, in a process of its own each time: first with nothing
compiled, then with what that left in JAX's cache. Phrases a second are those of
one process, once compiled.
"""

import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import jax
import numpy as np

from experiments import build, config_flag
from experiments.benchmarks.side_by_side import num_threads, seconds
from musae_jax import arguments, editing, exported, midi, songs
from musae_jax.loaded import Loaded
from musae_jax.pianoroll import STEPS_PER_BAR
from tfds_lakh.composer import GENRES, compose

_BARS, _TEMPO = 90, 120.0  # three minutes
_PHRASES = 1_024
_OF_PHRASES = _ENCODE, _DECODE = (
  f'encode {_PHRASES:,} phrases',
  f'decode {_PHRASES:,} phrases',
)
# What `musae reconstruct` needs of this project, and with it of others.
_IMPORTS = 'import musae_jax.cli, musae_jax.editing, musae_jax.exported'


def model_file(config: build.Config, path: pathlib.Path) -> None:
  """Writes an exported model of the config's sizes, its weights fresh."""
  num_steps = build.timesteps(config)
  names = tuple(GENRES)[: config['prior'].get('num_components', 0)]
  dataset = {
    'name': config['data']['name'] + '/0.0.0',
    'timesteps': num_steps,
    'genres': list(names),
  }
  params = jax.jit(build.model(config).init, static_argnums=1)(
    jax.random.key(config['train']['seed']), num_steps
  )
  exported.save(path, Loaded(config, params, 0, dataset))


def song() -> midi.Song:
  """A composed song that lasts three minutes."""
  found = compose(GENRES[0], 0, _BARS)
  return songs.excerpt(found, 0, _BARS)._replace(tempo=_TEMPO)


def from_the_shell(config: build.Config, rounds: int) -> dict[str, list[float]]:
  """How long commands take, each in a process of its own."""
  with tempfile.TemporaryDirectory() as folder:
    place = pathlib.Path(folder)
    model, source = place / 'a.musae', place / 'song.mid'
    model_file(config, model)
    midi.write(source, song())
    run = functools.partial(
      subprocess.run,
      check=True,
      stdout=subprocess.DEVNULL,
      env=os.environ | {'JAX_COMPILATION_CACHE_DIR': str(place / 'cache')},
    )
    python = [sys.executable]
    musae = [*python, '-m', 'musae_jax.cli', 'reconstruct', str(source)]
    musae += [str(place / 'again.mid'), f'--model={model}']
    return {
      'imports': seconds(lambda: run([*python, '-c', _IMPORTS]), rounds),
      'musae reconstruct, first': seconds(lambda: run(musae), 1),
      'musae reconstruct': seconds(lambda: run(musae), rounds),
    } | in_itself(editing.MusAE.load(model), rounds)


def in_itself(model: editing.MusAE, rounds: int) -> dict[str, list[float]]:
  """How long a compiled model takes for phrases."""
  phrases = model.sample(n=_PHRASES, seed=0)
  codes = model.encode(phrases)
  return {
    _ENCODE: seconds(lambda: model.encode(phrases), rounds),
    _DECODE: seconds(lambda: model.decode(codes), rounds),
  }


def table(found: dict[str, list[float]]) -> str:
  """The times as Markdown."""
  lines = ['| | seconds | quartiles | phrases/s |', '|---|---:|---:|---:|']
  for name, taken in found.items():
    low, median, high = np.percentile(taken, (25, 50, 75))
    quartiles = f'{low:.2f}-{high:.2f}' if len(taken) > 1 else ''
    rate = f'{_PHRASES / median:,.0f}' if name in _OF_PHRASES else ''
    lines.append(f'| {name} | {median:.2f} | {quartiles} | {rate} |')
  return '\n'.join(lines)


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = config_flag.ConfigParser(
    prog='python -m experiments.benchmarks.latency', description=__doc__
  )
  add = parser.add_argument
  add('--repeats', type=arguments.positive, default=5, help='of each')
  add('--json', action='store_true', help='print JSON')
  try:
    args = parser.parse(argv)
    config = args.config.to_dict()
    build.check(config)
  except config_flag.ConfigError as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  found = from_the_shell(config, args.repeats)
  if args.json:
    print(json.dumps(found))
    return 0
  bars = build.timesteps(config) // STEPS_PER_BAR
  print(table(found))
  print(
    f'\na song of {_BARS} bars at {_TEMPO:g} bpm; phrases of '
    f'{bars} bars; {jax.devices()[0].device_kind}, {num_threads()} CPU '
    f'threads, jax {jax.__version__}; {args.repeats} rounds'
  )
  return 0


if __name__ == '__main__':
  sys.exit(main())
