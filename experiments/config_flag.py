"""`--config=NAME[:paper]` and `--config.section.field=value` on a command line.

A name is a module of `experiments.configs` with a `get_config()`; `:paper`
gives its literal reading of the paper. A value is read as the type that the
field has already.
"""

import argparse
import importlib
import math
import pkgutil

from ml_collections import ConfigDict

from experiments import configs
from experiments.configs import base
from musae_jax import arguments

VARIANTS = ('paper',)
_PREFIX = '--config.'


class ConfigError(ValueError):
  """A name, field or value of a config is wrong; one line says which."""


class ConfigParser(arguments.Parser):
  """A parser with `--config` and `--config.section.field`."""

  def __init__(self, **kwargs):
    super().__init__(**kwargs)
    self.add_argument(
      '--config',
      metavar='NAME[:paper]',
      required=True,
      help=f'one of {", ".join(names())}; then --config.section.field=value',
    )

  def parse(self, argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the arguments, `config` being the locked `ConfigDict`.

    Raises:
      ConfigError: a name or field is unknown, or a value is of another type.
    """
    args, rest = self.parse_known_args(argv)
    args.config = load(args.config)
    rest = list(rest)
    overrides = []
    while rest:
      argument = rest.pop(0)
      if not argument.startswith(_PREFIX):
        self.error(f'unknown argument {argument!r}; --help lists them')
      field, equals, value = argument.removeprefix(_PREFIX).partition('=')
      if not equals:
        if not rest:
          self.error(f'{argument} wants a value: {argument}=...')
        value = rest.pop(0)
      overrides.append((field, value))
    # The prior's kind first: it decides which fields there are.
    overrides.sort(key=lambda override: override[0] != 'prior.kind')
    for field, value in overrides:
      override(args.config, field, value)
    return args


def names() -> list[str]:
  """Returns the configs there are, in alphabetical order."""
  modules = pkgutil.iter_modules(configs.__path__)
  return sorted(m.name for m in modules if m.name != 'base')


def load(name: str) -> ConfigDict:
  """Returns the locked config called `name`, which may end in `:paper`."""
  name, colon, variant = name.partition(':')
  if name not in names():
    raise ConfigError(f'--config={name}: expected one of {", ".join(names())}')
  if colon and variant not in VARIANTS:
    raise ConfigError(
      f'--config={name}:{variant}: expected {name} or '
      + ' or '.join(f'{name}:{v}' for v in VARIANTS)
    )
  config = importlib.import_module(f'experiments.configs.{name}').get_config()
  return (base.paper(config) if colon else config).lock()


def override(config: ConfigDict, field: str, text: str) -> None:
  """Sets `field` ('section.name') to what `text` says, as the field's type.

  Another 'prior.kind' comes with its own fields instead of the old one's.

  Raises:
    ConfigError: there is no such field, or `text` is not of its type.
  """
  *sections, name = field.split('.')
  node = config
  for depth, section in enumerate(sections):
    node = node.get(section) if section in node else None
    if not isinstance(node, ConfigDict):
      raise _unknown(config, '.'.join(sections[: depth + 1]), field)
  if name not in node or isinstance(node[name], ConfigDict):
    raise _unknown(config, field, field)
  try:
    node[name] = _parse(text, node[name])
  except ValueError as error:
    raise ConfigError(
      f'--config.{field}={text}: expected {error}, such as {_show(node[name])}'
    ) from None
  if field == 'prior.kind':
    base.fit_prior(config)


def _unknown(config: ConfigDict, wrong: str, field: str) -> ConfigError:
  """Returns the error that lists the fields at the level that went wrong."""
  parent, _, _ = wrong.rpartition('.')
  node = config[parent] if parent else config
  prefix = f'{parent}.' if parent else ''
  known = ', '.join(
    f'{prefix}{key}' + ('.*' if isinstance(node[key], ConfigDict) else '')
    for key in sorted(node)
  )
  return ConfigError(f'--config.{field}: no such field, only {known}')


def _parse(text: str, old):
  """Returns `text` as a value of the type of `old`.

  Raises:
    ValueError: it is none; the message says what was expected.
  """
  if isinstance(old, bool):
    if text.lower() not in ('true', 'false'):
      raise ValueError('true or false')
    return text.lower() == 'true'
  if isinstance(old, tuple):
    parts = text.strip('()[]').split(',')
    if len(parts) != len(old):
      raise ValueError(f'{len(old)} values with commas between')
    return tuple(_parse(part.strip(), o) for part, o in zip(parts, old))
  if isinstance(old, int):
    try:
      return int(text)
    except ValueError:
      raise ValueError('a whole number') from None
  if isinstance(old, float):
    try:
      value = float(text)
    except ValueError:
      value = math.nan
    if not math.isfinite(value):
      raise ValueError('a number')
    return value
  return text


def _show(value) -> str:
  """Returns a value as one would write it on the command line."""
  if isinstance(value, tuple):
    return ','.join(map(_show, value))
  return str(value).lower() if isinstance(value, bool) else str(value)
