"""Matrix products whose operands are rounded and whose sums are float32.

So are those of their gradients, where autodiff would multiply in float32 or
sum in bfloat16.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


def matmul(x, y):
  """`x @ y`, summed in float32."""
  return jnp.matmul(x, y, preferred_element_type=jnp.float32)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def product(
  x: Float[Array, '*n k'], kernel: Float[Array, 'k m'], dtype: str
) -> Float[Array, '*n m']:
  """`x @ kernel` with the kernel rounded to x's dtype, summed in float32.

  The gradient's products take the same operands, so that the kernel's too is
  a float32 sum; autodiff would multiply in float32, or sum in bfloat16.

  Args:
    x: in the dtype to multiply in.
    kernel: float32.
    dtype: of the result.
  """
  return matmul(x, kernel.astype(x.dtype)).astype(dtype)


def _product_forward(x, kernel, dtype):
  return product(x, kernel, dtype), (x, kernel)


def _product_backward(dtype, kept, slope):
  x, kernel = kept
  slope = slope.astype(x.dtype)
  x_slope = product(slope, kernel.T, x.dtype.name)
  return x_slope, weight_slope(x, slope)


product.defvjp(_product_forward, _product_backward)


def weight_slope(x, slope):
  """The gradient of W, given x and the gradient of x @ W: sum of x^T slope."""
  axes = tuple(range(x.ndim - 1))
  return jnp.tensordot(
    x, slope, (axes, axes), preferred_element_type=jnp.float32
  )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def row_sum(
  rows: Int[Array, '*n parts'], table: Float[Array, 'rows m'], dtype: str
) -> Float[Array, '*n m']:
  """The sum of some rows of a table: its product with a vector of ones.

  Forwards a gather; the table's gradient as the matrix product that it is,
  which is as fast as adding row by row on a CPU, has no order of additions to
  depend on, and is what an accelerator is made for.

  Args:
    rows: which ones; none twice.
    table: float32.
    dtype: of the result, and of the gradient's operands.
  """
  parts = [table[rows[..., i]] for i in range(rows.shape[-1])]
  return sum(parts).astype(dtype)


def _row_sum_forward(rows, table, dtype):
  return row_sum(rows, table, dtype), (rows, table)


def _row_sum_backward(dtype, kept, slope):
  rows, table = kept
  ones = (rows[..., None] == np.arange(len(table))).any(-2)
  return None, weight_slope(ones.astype(dtype), slope.astype(dtype))


row_sum.defvjp(_row_sum_forward, _row_sum_backward)
