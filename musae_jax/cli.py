"""A trained model on MIDI files.

  musae inspect IN.mid
  musae reconstruct IN.mid OUT.mid --model MODEL
  musae transfer IN.mid OUT.mid --genre jazz --model MODEL

MODEL is the folder of a training run, or an exported file.
`musae COMMAND --help` says more of each.
"""

import argparse
import json
import logging
import os
import signal
import sys
import types

from musae_jax import arguments
from musae_jax.commands import (
  attributes,
  edit,
  export,
  inspect,
  interpolate,
  neighbours,
  output,
  reconstruct,
  sample,
  transfer,
)
from musae_jax.errors import UserError, hush_threads

COMMANDS: dict[str, types.ModuleType] = {
  'inspect': inspect,
  'attributes': attributes,
  'reconstruct': reconstruct,
  'interpolate': interpolate,
  'sample': sample,
  'edit': edit,
  'transfer': transfer,
  'neighbours': neighbours,
  'export': export,
}


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  args = _parsed(argv)
  # A track's name may have letters that the terminal has not.
  if sys.stdout:  # which may be closed
    sys.stdout.reconfigure(errors='replace')
  try:
    if hasattr(args, 'png'):
      output.check(args)
    said = COMMANDS[args.command].run(args)
    if args.json:
      print(json.dumps(said.facts, indent=2, allow_nan=False))
    else:
      print(said.text)
  except BrokenPipeError:  # the reader of our output has seen enough
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
  except (UserError, OSError) as error:
    # A file's name may have a line's end in it.
    print(f'error: {" ".join(str(error).splitlines())}', file=sys.stderr)
    return 1
  return 0


def _parsed(argv: list[str] | None) -> argparse.Namespace:
  parser = arguments.Parser(prog='musae', description=__doc__)
  commands = parser.add_subparsers(
    required=True, metavar='COMMAND', dest='command'
  )
  for name, module in COMMANDS.items():
    summary = module.__doc__.splitlines()[0]
    command = commands.add_parser(
      name, help=summary, description=module.__doc__
    )
    module.add_arguments(command)
    command.add_argument(
      '--json', action='store_true', help='print what was found as JSON'
    )
  args, rest = parser.parse_known_args(argv)
  # argparse gives up on OUT.mid where an option stands before it.
  if len(rest) == 1 and getattr(args, 'place', '') is None:
    if not rest[0].startswith('-'):
      args.place = rest.pop()
  if rest:
    parser.error(f'unrecognized arguments: {" ".join(rest)}')
  return args


def run() -> None:
  """The program: runs the command, and ends with its status.

  It is 130 on Ctrl-C, and 143 where it is asked to end.
  """
  hush_threads()
  # What was met in reading a model, its error says in a line.
  logging.getLogger('absl').setLevel(logging.ERROR)
  received = []

  def interrupt(number, _):
    # What it breaks into may be a callback, which drops what it raises.
    received.append(number)
    signal.alarm(1)
    raise KeyboardInterrupt

  numbers = signal.SIGINT, signal.SIGTERM, signal.SIGALRM
  for number in numbers:
    signal.signal(number, interrupt)
  try:
    status = main()
  except KeyboardInterrupt:
    status = 130
  for number in numbers:
    signal.signal(number, signal.SIG_IGN)  # what was asked is done
  if received:
    print('interrupted', file=sys.stderr, flush=True)
    os._exit(128 + received[0])  # threads of JAX do not take being left well
  sys.exit(status)


if __name__ == '__main__':
  run()
