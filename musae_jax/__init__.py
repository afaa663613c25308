"""MusAE, the Music Adversarial Autoencoder (Valenti et al. 2020), in JAX."""

__all__ = ['MusAE']


def __getattr__(name: str):
  # Imported when asked for: JAX takes a second, which `musae --help` need not
  # wait for.
  if name == 'MusAE':
    from musae_jax.editing import MusAE

    return MusAE
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
