"""Weights as the tensors of a file: as they are, rounded, or in eight bits."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import ml_dtypes
import numpy as np
from jaxtyping import Float, Shaped

DTYPES = ('float32', 'bfloat16', 'int8')
_CODES = {'F32': np.dtype('<f4'), 'BF16': ml_dtypes.bfloat16, 'I8': np.int8}
_SCALE = ':scale'  # ends the name of an int8 tensor's scales


class Entry(NamedTuple):
  """A tensor as it is to be found in a file.

  Attributes:
    code: safetensors' name of its dtype.
    shape: its shape.
  """

  code: str
  shape: tuple[int, ...]

  @property
  def dtype(self) -> np.dtype:
    """Its dtype."""
    return np.dtype(_CODES[self.code])

  @property
  def num_bytes(self) -> int:
    """Its size."""
    return math.prod(self.shape) * self.dtype.itemsize


def entries(name: str, shape: tuple[int, ...], dtype: str) -> dict[str, Entry]:
  """The tensors that a parameter is stored as; biases stay float32.

  Args:
    name: its path.
    shape: its shape.
    dtype: one of DTYPES, of the file's weights.
  """
  if dtype == 'float32' or name.endswith('/bias'):
    return {name: Entry('F32', shape)}
  if dtype == 'bfloat16':
    return {name: Entry('BF16', shape)}
  scales = (*shape[:-2], 1, shape[-1])
  return {name: Entry('I8', shape), name + _SCALE: Entry('F32', scales)}


def pack(
  name: str, value: Float[np.ndarray, '*n k m'], dtype: str
) -> dict[str, Shaped[np.ndarray, '...']]:
  """A parameter's tensors; each of its m output channels has a scale."""
  layout = entries(name, value.shape, dtype)
  if len(layout) == 1:
    return {name: value.astype(layout[name].dtype)}
  scale = np.abs(value).max(-2, keepdims=True) / np.float32(127)
  scale[scale == 0] = 1
  return {name: np.rint(value / scale).astype(np.int8), name + _SCALE: scale}


def unpack(
  name: str, tensors: Mapping[str, Shaped[np.ndarray, '...']]
) -> Float[np.ndarray, '...']:
  """The parameter of that name, float32."""
  value = tensors[name].astype(np.float32)
  return value * tensors[name + _SCALE] if name + _SCALE in tensors else value
