"""Products of the recurrent core: what they round and what they sum."""

import jax
import jax.numpy as jnp
import numpy as np

from musae_jax import products


def test_kernel_gradients_are_summed_in_float32():
  # 4,096 ones and a 2^-6 add up in float32; in bfloat16 they stop at 256.
  x = jnp.ones((4096, 1), jnp.bfloat16).at[0].set(2**-6)

  def total(kernel):
    return products.product(x, kernel, 'bfloat16').astype(jnp.float32).sum()

  slope = jax.grad(total)(jnp.ones((1, 1)))
  # Else Python's number would be rounded to the slope's dtype, too.
  assert slope.dtype == jnp.float32
  assert slope == 4095 + 2**-6


def test_rows_are_added_as_a_one_hot_product():
  rng = np.random.default_rng(0)
  table = rng.normal(size=(7, 4)).astype(np.float32)
  rows = np.array([[0, 3, 6], [2, 1, 5], [0, 4, 6]])
  ones = np.zeros((3, 7), np.float32)
  np.put_along_axis(ones, rows, 1, axis=1)

  def gather(table):
    return products.row_sum(rows, table, 'float32')

  np.testing.assert_allclose(gather(table), ones @ table, rtol=1e-5)
  weights = rng.normal(size=(3, 4)).astype(np.float32)
  slope = jax.grad(lambda t: (gather(t) * weights).sum())(table)
  np.testing.assert_allclose(slope, ones.T @ weights, rtol=1e-5)


def test_gradients_multiply_what_is_rounded():
  """Also where the product's result is float32, and so its gradient."""
  rng = np.random.default_rng(0)
  x = jnp.asarray(rng.normal(size=(5, 3)), jnp.bfloat16)
  kernel, weights = (
    rng.normal(size=shape).astype(np.float32) for shape in ((3, 4), (5, 4))
  )

  def loss(x, kernel):
    return (products.product(x, kernel, 'float32') * weights).sum()

  x_slope, kernel_slope = jax.grad(loss, (0, 1))(x, kernel)
  x, kernel, weights = (
    np.float32(jnp.bfloat16(y)) for y in (x, kernel, weights)
  )
  np.testing.assert_allclose(kernel_slope, x.T @ weights, rtol=1e-5)
  # Itself rounded, as x is.
  np.testing.assert_array_equal(x_slope, jnp.bfloat16(weights @ kernel.T))
