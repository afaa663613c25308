"""Thirty-two genres as a musician would jot them down, in the ring's order.

Each genre is related to its neighbours, and the last to the first.
"""

from tfds_lakh.songbook import (
  calypso_to_rock_and_roll,
  country_to_grunge,
  funk_to_ska,
  punk_to_disco,
)

STYLES = {
  style.name: style
  for arc in (
    country_to_grunge,
    punk_to_disco,
    funk_to_ska,
    calypso_to_rock_and_roll,
  )
  for style in arc.STYLES
}
