"""Ways between codes: where they begin and end, and what lies between."""

import numpy as np
import pytest

from musae_jax import paths

T = np.linspace(0, 1, 5)


@pytest.mark.parametrize('name', paths.PATHS)
def test_it_leads_from_one_to_the_other(name):
  rng = np.random.default_rng(0)
  a, b = rng.normal(size=(2, 20, 6))
  path = paths.PATHS[name](a, b, T)
  assert path.shape == (5, 20, 6)
  np.testing.assert_allclose(path[0], a, atol=1e-9)
  np.testing.assert_allclose(path[-1], b, atol=1e-9)
  # And backwards it is the same way.
  np.testing.assert_allclose(path[::-1], paths.PATHS[name](b, a, T), atol=1e-9)


def test_a_sphere_keeps_the_length_and_turns_evenly():
  rng = np.random.default_rng(1)
  a, b = rng.normal(size=(2, 20, 6))
  a, b = (3 * z / np.linalg.norm(z, axis=-1, keepdims=True) for z in (a, b))
  path = paths.sphere(a, b, T)
  np.testing.assert_allclose(np.linalg.norm(path, axis=-1), 3)
  steps = np.linalg.norm(np.diff(path, axis=0), axis=-1)
  np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape))


def test_a_sphere_is_straight_between_codes_that_point_the_same_way():
  a = np.array([[1.0, 2, 2]])
  np.testing.assert_allclose(paths.sphere(a, 3 * a, T), paths.line(a, 3 * a, T))
  assert np.isfinite(paths.sphere(a, a, T)).all()
  assert np.isfinite(paths.sphere(0 * a, a, T)).all()


def test_an_arc_takes_the_shorter_way_round():
  at = np.radians([350, 20])
  a, b = np.stack([np.cos(at), np.sin(at), [0, 4]], -1)[:, None]
  path = paths.arc(a, 2 * b, T)[:, 0]
  angles = np.degrees(np.arctan2(path[:, 1], path[:, 0]))
  np.testing.assert_allclose(angles, [-10, -2.5, 5, 12.5, 20])
  np.testing.assert_allclose(np.hypot(*path[:, :2].T), [1, 1.25, 1.5, 1.75, 2])
  np.testing.assert_allclose(path[:, 2], [0, 2, 4, 6, 8])


def test_a_sphere_is_round_where_axes_have_one_scale():
  rng = np.random.default_rng(2)
  std = np.array([1, 0.03, 5])
  a, b = rng.normal(size=(2, 20, 3))
  a, b = (2 * z / np.linalg.norm(z, axis=-1, keepdims=True) for z in (a, b))
  path = paths.between('sphere', a * std, b * std, T, std)
  np.testing.assert_allclose(np.linalg.norm(path / std, axis=-1), 2)
  line = paths.between('line', a, b, T, std)
  np.testing.assert_array_equal(line, paths.line(a, b, T))


def test_turning_the_shorter_way():
  z = np.array([[2.0, 0, 5], [-1, 0, 5]], np.float32)
  found = paths.turned(
    z, np.pi / 2, 0.5
  )  # by 45 degrees, one way and the other
  np.testing.assert_allclose(
    found, [[2**0.5, 2**0.5, 5], [-(0.5**0.5), 0.5**0.5, 5]], atol=1e-6
  )
  assert found.dtype == np.float32
  np.testing.assert_array_equal(paths.turned(z, 1.0, 0), z)
