"""Songs from rules: harmony, the lead sheet, the players, the song."""

from tfds_lakh.composer.song import GENRES, compose

__all__ = ['GENRES', 'compose']
