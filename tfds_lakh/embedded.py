"""The embedded corpus: a folder of MIDI files and labels, composed from rules.

    python -m tfds_lakh.embedded --out=corpus --songs=320 --seed=0

It stands in for Lakh wherever that is too large or not at hand. Thirty-two
genres form a ring; a song's further tags are near its own on the ring, and each
of these genres lends the song one of its parts. The same seed gives the same
bytes, and a larger corpus begins with the songs of a smaller one.
"""

import csv
import os
import pathlib
import random
import shutil
import tempfile
from collections.abc import Callable, Iterable
from typing import NamedTuple

from musae_jax import arguments, midi
from musae_jax.progress import progress
from tfds_lakh.composer import GENRES, compose

__all__ = ['GENRES', 'compose', 'label', 'write_corpus']

LABELS = 'labels.csv'
RELATED = (0.3, 0.4, 0.3)  # shares of songs with 0, 1 and 2 related genres
NEIGHBOURS = {-2: 1, -1: 3, 1: 3, 2: 1}  # odds of a distance on the ring

ARTISTS_PER_GENRE = 4
EPITHETS = (
  'Amber Blue Broken Copper Crooked Distant Electric Faded Gentle Golden Hollow'
  ' Idle Late Little Lonesome Lucky Midnight Paper Quiet Restless Silver Slow'
  ' Velvet Wild'
).split()
THINGS = (
  'Avenue Bridge Carousel Comet Corner Ember Engine Fountain Garden Harbour'
  ' Horizon Lantern Letter Mirror Mountain Orchard Parade Radio Railway River'
  ' Shadow Sparrow Station Window'
).split()
TITLES = (
  '{epithet} {thing}',
  '{thing} and {other}',
  'Another {epithet} {thing}',
  'Meet Me at the {thing}',
  'The {thing} Song',
  'Down by the {thing}',
)


class Label(NamedTuple):
  """A line of `labels.csv`; tags are `;`-separated, the main genre first."""

  path: str
  song: str
  artist: str
  title: str
  tags: str


def label(index: int, seed: int) -> Label:
  """The label of a corpus's song number `index`."""
  rng = random.Random(f'label/{seed}/{index}')
  place = index % len(GENRES)
  genre = GENRES[place]
  (count,) = rng.choices(range(len(RELATED)), RELATED)
  tags = [genre]
  while len(tags) <= count:
    (distance,) = rng.choices(list(NEIGHBOURS), NEIGHBOURS.values())
    neighbour = GENRES[(place + distance) % len(GENRES)]
    tags += [neighbour] if neighbour not in tags else []
  song = f'{genre.replace("&", "n").replace(" ", "-")}-{index:05d}'
  thing, other = rng.sample(THINGS, 2)
  title = rng.choice(TITLES).format(
    epithet=rng.choice(EPITHETS), thing=thing, other=other
  )
  artist = _artist(genre, rng.randrange(ARTISTS_PER_GENRE))
  return Label(f'{song}.mid', song, artist, title, ';'.join(tags))


def _artist(genre: str, number: int) -> str:
  rng = random.Random(f'artist/{genre}/{number}')
  return f'The {rng.choice(EPITHETS)} {rng.choice(THINGS)}s'


def write_corpus(
  out_dir: str | os.PathLike,
  num_songs: int,
  seed: int,
  shown: Callable[[list[Label]], Iterable[Label]] = iter,
) -> None:
  """Writes MIDI files and `labels.csv`, the genres spread evenly.

  All is written beside `out_dir` and renamed at the end.

  Args:
    out_dir: a new or empty folder.
    num_songs: at least 1.
    seed: any integer.
    shown: wraps the labels as their songs are written, such as `tqdm`.

  Raises:
    FileExistsError: `out_dir` is a file or holds something.
    ValueError: `num_songs` is not positive.
  """
  out_dir = pathlib.Path(out_dir).absolute()
  if num_songs < 1:
    raise ValueError(f'num_songs {num_songs}: expected at least 1')
  if out_dir.exists() and not (out_dir.is_dir() and not any(out_dir.iterdir())):
    raise FileExistsError(f'{out_dir}: expected a new or an empty folder')
  out_dir.parent.mkdir(parents=True, exist_ok=True)
  labels = [label(index, seed) for index in range(num_songs)]
  aside = pathlib.Path(
    tempfile.mkdtemp(dir=out_dir.parent, prefix=f'.{out_dir.name}-')
  )
  try:
    aside.chmod(0o755)
    for index, item in enumerate(shown(labels)):
      genre, *influences = item.tags.split(';')
      song_seed = random.Random(f'song/{seed}/{index}').getrandbits(32)
      song = compose(genre, song_seed, influences=influences)
      midi.write(aside / item.path, song)
    with open(aside / LABELS, 'w', newline='', encoding='utf-8') as file:
      csv.writer(file, lineterminator='\n').writerows([Label._fields, *labels])
    aside.replace(out_dir)
  except BaseException:
    shutil.rmtree(aside)
    raise


def main(argv: list[str] | None = None) -> None:
  """The command line; see the module's docstring."""
  parser = arguments.Parser(
    prog='python -m tfds_lakh.embedded', description='Writes a small corpus.'
  )
  parser.add_argument('--out', required=True, help='a new or empty folder')
  parser.add_argument('--songs', type=arguments.positive, default=320)
  parser.add_argument('--seed', type=int, default=0)
  args = parser.parse_args(argv)

  def shown(labels):
    return progress(labels, len(labels), 'compose', 'song')

  try:
    write_corpus(args.out, args.songs, args.seed, shown)
  except OSError as error:
    parser.error(str(error))


if __name__ == '__main__':
  main()
