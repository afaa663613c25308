"""MusAE, the Music Adversarial Autoencoder (Valenti et al. 2020), in JAX."""
