"""A model as programs for others to run: encode and decode, in StableHLO.

Each is written twice: `NAME.mlirbc`, StableHLO's portable bytecode, which
compilers of any language read, and `NAME.jax`, the same with what
`jax.export.deserialize` wants to know. Weights are in them; the number of
phrases is left open. `model.json` says what goes in and what comes out.
"""

import json
import os
import pathlib

import jax
import jax.export
import jax.numpy as jnp

from musae_jax import decoding, files
from musae_jax.models import Autoencoder
from musae_jax.pianoroll import (
  HOLD,
  NUM_PITCHES,
  NUM_TOKENS,
  SILENCE,
  STEPS_PER_QUARTER,
  TRACKS,
)

PLATFORMS = ('cpu', 'cuda', 'tpu')


def export(
  model: Autoencoder,
  params: dict,
  num_steps: int,
  folder: str | os.PathLike,
) -> None:
  """Writes both programs and their description to a folder.

  Args:
    model: networks and prior.
    params: the model's.
    num_steps: length of a phrase in timesteps.
    folder: is made if need be.

  Raises:
    ImportError: flatbuffers, with which `jax.export` writes, is not installed.
    OSError: a file cannot be written.
  """
  phrase = num_steps, len(TRACKS)
  programs = {
    'encode': (
      lambda tokens: tuple(model.encode(params, tokens)),
      {'tokens': (phrase, jnp.uint8)},
      ('mean', 'scale'),
    ),
    'decode': (
      lambda z: _decode(model, params, z, num_steps),
      {'z': ((model.prior.dim,), jnp.float32)},
      ('tokens', 'logits'),
    ),
  }
  folder = pathlib.Path(folder)
  folder.mkdir(parents=True, exist_ok=True)
  about = {'tokens': _TOKENS, 'platforms': PLATFORMS}
  for name, (function, inputs, outputs) in programs.items():
    (num_phrases,) = jax.export.symbolic_shape('n')
    args = [
      jax.ShapeDtypeStruct((num_phrases, *shape), dtype)
      for shape, dtype in inputs.values()
    ]
    program = jax.export.export(jax.jit(function), platforms=PLATFORMS)(*args)
    files.write(folder / f'{name}.jax', bytes(program.serialize()))
    files.write(folder / f'{name}.mlirbc', program.mlir_module_serialized)
    about[name] = {
      'inputs': _describe(inputs, program.in_avals),
      'outputs': _describe(outputs, program.out_avals),
    }
  files.write(folder / 'model.json', json.dumps(about, indent=2) + '\n')


def _decode(model, params, z, num_steps):
  logits = model.decode(params, z, num_steps)
  return decoding.proportionate(logits), logits


def _describe(names, arrays):
  """Name, shape and dtype of each array; n is the number of phrases."""
  return [
    {
      'name': name,
      'shape': [x if isinstance(x, int) else str(x) for x in array.shape],
      'dtype': array.dtype.name,
    }
    for name, array in zip(names, arrays)
  ]


_TOKENS = {
  'axes': 'phrase, timestep, track',
  'tracks': TRACKS,
  'timesteps_per_quarter_note': STEPS_PER_QUARTER,
  'count': NUM_TOKENS,
  'meaning': {
    f'0 to {NUM_PITCHES - 1}': 'a note of this MIDI pitch begins',
    str(HOLD): 'the note before goes on; after silence, and in drums, silence',
    str(SILENCE): 'silence',
  },
}
