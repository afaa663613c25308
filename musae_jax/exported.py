"""A model file: all that an instrument needs, in one safetensors file.

The header's metadata has one entry, `musae`, a JSON object whose fields are
those of `_FIELDS`; its checksum is the SHA-256 of the others and of every
tensor. The tensors are the parameters, by their path, and the directions. A
file is data only: nothing in it is run, and its shapes are checked against
what the config says before a weight is read.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import safetensors
import safetensors.numpy

from musae_jax import described, files, packing
from musae_jax.attributes import NAMES
from musae_jax.described import DescriptionError
from musae_jax.directions import Directions
from musae_jax.errors import UserError
from musae_jax.loaded import Loaded
from musae_jax.packing import DTYPES

VERSION = 1
_FIELDS = {
  'format': int,
  'checksum': str,
  'config': dict,
  'dataset': dict,
  'directions': list,
  'dtype': str,
  'step': int,
}
_ENTRY = {'dtype', 'shape', 'data_offsets'}
_MAX_HEADER = 2**20  # bytes; a real one has some five thousand
_DIRECTIONS = 'directions'
_LEAST_DEVIATION = 1e-6  # of an attribute
_MAX_STEP = 2**53


class ModelFileError(UserError):
  """A file is no model file, or not a sound one; one line says how."""


def save(
  path: str | os.PathLike,
  loaded: Loaded,
  dtype: str = 'float32',
  directions: Directions | None = None,
) -> None:
  """Writes a model file; the same model gives the same bytes.

  It appears under its name when it is complete.

  Args:
    path: of the file.
    loaded: what to write.
    dtype: of the weights, one of DTYPES; biases stay float32. An int8 weight
      is that number times the scale of its output channel, float32.
    directions: of attributes; those of `loaded` where None.

  Raises:
    ValueError: a dtype that is none of DTYPES, a weight that is not finite, or
      a config that a model file has no room for.
    OSError: the file cannot be written.
  """
  if dtype not in DTYPES:
    raise ValueError(f'dtype is {dtype!r}, expected one of {", ".join(DTYPES)}')
  directions = directions or loaded.directions
  tensors = {}
  for name, value in _flat(loaded.params).items():
    tensors.update(packing.pack(name, np.asarray(value, np.float32), dtype))
  for name, value in _arrays(directions).items():
    tensors[name] = np.asarray(value, np.float32)
  for name, value in tensors.items():
    if not _finite(value):
      raise ValueError(f'{name} is not finite, expected a sound model')
  about = {
    'format': VERSION,
    'config': described.trim_config(loaded.config),
    'dataset': described.trim_dataset(loaded.dataset),
    'directions': list(directions.names) if directions else [],
    'dtype': dtype,
    'step': int(loaded.step),
  }
  about['checksum'] = _checksum(about, tensors)
  # One entry: safetensors writes several in an order of chance.
  text = json.dumps(about, sort_keys=True, allow_nan=False)
  content = safetensors.numpy.save(tensors, {'musae': text})
  files.write(path, content)


def load(path: str | os.PathLike) -> Loaded:
  """Returns the model of a file.

  Raises:
    ModelFileError: it is not there, or not a sound model file of this format.
  """
  if os.path.exists(path) and not os.path.isfile(path):
    raise ModelFileError(f'{path}: is no ordinary file')
  try:
    with open(path, 'rb') as file:
      return _read(file)
  except OSError as error:
    raise ModelFileError(f'{path}: {error.strerror}') from error
  except (DescriptionError, safetensors.SafetensorError) as error:
    raise ModelFileError(f'{path}: {error}') from error


def _read(file) -> Loaded:
  header, about = _read_header(file)
  described.check(about['config'], about['dataset'])
  params, layout = _layout(about)
  found = {
    name: (entry.get('dtype'), entry.get('shape'))
    for name, entry in header.items()
  }
  for name in sorted(layout.keys() | found):
    if name not in layout:
      raise DescriptionError(f'has a tensor {name!r}, which its config has not')
    expected = layout[name].code, list(layout[name].shape)
    if found.get(name) != expected:
      raise DescriptionError(
        f'tensor {name} is {_words(found.get(name))}, '
        f'expected {_words(expected)}'
      )
  size = file.tell() + sum(entry.num_bytes for entry in layout.values())
  found_size = os.fstat(file.fileno()).st_size
  if found_size != size:
    raise DescriptionError(f'has {found_size} bytes, expected {size}')
  file.seek(0)
  tensors = {
    name: np.frombuffer(entry['data'], layout[name].dtype).reshape(
      entry['shape']
    )
    for name, entry in safetensors.deserialize(file.read(size))
  }
  checksum = about.pop('checksum')
  if checksum != _checksum(about, tensors):
    raise DescriptionError(
      f'its content does not match its checksum, {checksum[:16]}...'
    )
  for name, value in tensors.items():
    if not _finite(value):
      raise DescriptionError(f'tensor {name} is not finite')
  return Loaded(
    about['config'],
    jax.device_put(_unpack(params, tensors)),
    about['step'],
    about['dataset'],
    _directions(about['directions'], tensors),
  )


def _read_header(file) -> tuple[dict, dict]:
  """The tensors that a file says it has, and its description."""
  start = file.read(8)
  length = int.from_bytes(start, 'little')
  if len(start) < 8 or not 0 < length <= _MAX_HEADER:
    raise DescriptionError(
      'is no model file, or not the beginning of one; expected what '
      '`musae export` writes'
    )
  text = file.read(length)
  if len(text) < length:
    raise DescriptionError(
      f'ends in its header, after {8 + len(text)} bytes, '
      f'expected {length} bytes of it'
    )
  header = _json(text)
  metadata = header.pop('__metadata__', None)
  if not isinstance(metadata, dict) or metadata.keys() != {'musae'}:
    raise DescriptionError(
      'has no description of a model, expected one entry, musae, in its '
      'metadata'
    )
  if not all(
    isinstance(entry, dict) and entry.keys() == _ENTRY
    for entry in header.values()
  ):
    raise DescriptionError('its header is not one of tensors')
  about = _json(metadata['musae'])
  if about.get('format') != VERSION:
    raise DescriptionError(
      f'is of format {about.get("format")!r}, expected {VERSION}'
    )
  described.check_fields('its description', about, _FIELDS)
  if not 0 <= about['step'] < _MAX_STEP:
    raise DescriptionError(f'step is {about["step"]}, expected a number of one')
  if about['dtype'] not in DTYPES:
    raise DescriptionError(
      f'dtype is {about["dtype"]!r}, expected one of {", ".join(DTYPES)}'
    )
  return header, about


def _json(text: bytes | str) -> dict:
  def refuse(constant):
    raise ValueError(f'{constant} is no number')

  try:
    found = json.loads(text, parse_constant=refuse)
  except (ValueError, TypeError, RecursionError) as error:
    raise DescriptionError(
      f'its header cannot be read, expected JSON: {error}'
    ) from error
  if not isinstance(found, dict):
    raise DescriptionError(
      f'its header has {str(found)[:40]!r}, expected an object'
    )
  return found


def _layout(about: Mapping[str, Any]) -> tuple[dict, dict[str, packing.Entry]]:
  """The shapes of the parameters, and the tensors that they are stored as."""
  model = described.model(about['config'])
  params = jax.eval_shape(lambda: model.init(jax.random.key(0), 1))
  layout = {}
  for name, value in _flat(params).items():
    layout.update(packing.entries(name, value.shape, about['dtype']))
  names = about['directions']
  if not (
    all(isinstance(name, str) for name in names)
    and len(set(names)) == len(names)
    and set(names) <= set(NAMES)
  ):
    raise DescriptionError(
      f'directions are {names!r}, expected some of {", ".join(NAMES)}'
    )
  if names:
    count, dim = len(names), model.prior.dim
    zeros = np.zeros(count), *[np.zeros((count, dim))] * 2
    for name, value in _arrays(Directions(tuple(names), *zeros)).items():
      layout[name] = packing.Entry('F32', value.shape)
  return params, layout


def _unpack(params: dict, tensors: Mapping[str, np.ndarray]) -> dict:
  """Parameters, float32, of the tree's shapes."""
  return jax.tree_util.tree_map_with_path(
    lambda path, _: packing.unpack(_name(path), tensors), params
  )


def _arrays(directions: Directions | None) -> dict[str, np.ndarray]:
  """The directions' tensors."""
  if directions is None:
    return {}
  fields = directions._asdict()
  del fields['names']
  return {f'{_DIRECTIONS}/{name}': value for name, value in fields.items()}


def _directions(names, tensors) -> Directions | None:
  if not names:
    return None
  arrays = {
    field: tensors[f'{_DIRECTIONS}/{field}'] for field in Directions._fields[1:]
  }
  if not (arrays['std'] >= _LEAST_DEVIATION).all():
    raise DescriptionError(
      f'tensor {_DIRECTIONS}/std goes down to {arrays["std"].min()}, expected '
      f'{_LEAST_DEVIATION} or more'
    )
  return Directions(tuple(names), **arrays)


def _flat(tree) -> dict:
  return {_name(p): x for p, x in jax.tree_util.tree_leaves_with_path(tree)}


def _name(path) -> str:
  return jax.tree_util.keystr(path, simple=True, separator='/')


def _finite(value) -> bool:
  return bool(np.isfinite(value.astype(np.float32)).all())


def _words(tensor) -> str:
  return 'missing' if tensor is None else f'{tensor[0]}{tensor[1]}'


def _checksum(about: Mapping[str, Any], tensors) -> str:
  """SHA-256 of a description without its checksum, and of every tensor."""
  digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
  for name, value in sorted(tensors.items()):
    digest.update(f'\n{name} {value.dtype.name} {value.shape}\n'.encode())
    digest.update(np.ascontiguousarray(value).view(np.uint8).data)
  return digest.hexdigest()
