"""A trained model as an instrument: music in, music out.

Music is a song of any length, or phrases of the model's. What makes music of
music gives back what it was given, a song for a song.
"""

import functools
import os
from collections.abc import Callable, Collection, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from musae_jax import (
  data,
  genres,
  metrics,
  midi,
  neighbours,
  paths,
  phrases,
  songs,
  steering,
)
from musae_jax.coding import Coder, Codes, Tokens
from musae_jax.errors import UserError, number, whole
from musae_jax.midi import Song
from musae_jax.models import Posterior
from musae_jax.pianoroll import NUM_TOKENS, SILENCE, TRACKS
from musae_jax.priors import Flower
from musae_jax.progress import progress

Music = Song | Tokens
# What is in memory at once.
MOST_STEPS, MOST_SAMPLES = 1_000, 100_000
_TEMPI = 4, 10_000  # quarters a minute that a MIDI file can say
_BLOCK = 1_024  # phrases of a corpus, between two looks at the clock
NO_DIRECTIONS = (
  'does not know how codes change with attributes; expected a file that '
  '`musae export` wrote where its data set was'
)


class MusAE(Coder):
  """A model that makes music of music."""

  def cut(self, music: Music, fill: bool = False) -> Tokens:
    """The phrases that a song consists of; phrases as they are.

    Args:
      music: a song, or phrases.
      fill: takes silence for drums, bass or guitar where a song has none.

    Raises:
      SongError: not 4/4 throughout, a role missing, no notes.
      UserError: these are no phrases, of that length.
    """
    if isinstance(music, Song):
      return songs.windows(music, self.num_steps, fill).tokens
    try:
      tokens = np.asarray(music)
    except ValueError:  # numpy's, of rows of unequal length
      raise UserError('phrases of unequal length, expected an array') from None
    expected = self.num_steps, len(TRACKS)
    if tokens.dtype != np.uint8 or tokens.shape[1:] != expected:
      raise UserError(
        f'phrases are {tokens.dtype}{list(tokens.shape)}, expected uint8[n, '
        f'{self.num_steps}, {len(TRACKS)}]'
      )
    if tokens.max(initial=0) >= NUM_TOKENS:
      raise UserError(
        f'phrases have a token {tokens.max()}, expected less than {NUM_TOKENS}'
      )
    return tokens

  def encode(
    self, music: Music, seed: int | None = None, fill: bool = False
  ) -> Codes:
    """The code of each phrase, in the prior's axes.

    Args:
      music: a song, or phrases.
      seed: None: the posterior's mean; else a draw from it.
      fill: as in `cut`.
    """
    mean, scale = self.posterior(self.cut(music, fill))
    if seed is None:
      return mean
    key = jax.random.key(whole('seed', seed, 0))
    return np.asarray(Posterior(mean, scale).sample(key))

  def reconstruct(
    self,
    music: Music,
    seed: int | None = None,
    keep: Collection[str] = (),
    fill: bool = False,
  ) -> Music:
    """The music as the model gives it back, phrase by phrase.

    Of each role what is `phrases.heard` is taken; names, programs and tempo
    stay. A part that rests for a whole phrase rests then, too.

    Args:
      music: a song, or phrases.
      seed: of a variation: a draw from each posterior; None: its mean.
      keep: tracks that stay note for note, such as 'drums'.
      fill: as in `cut`.
    """
    change = lambda tokens: self.decode(self.encode(tokens, seed))  # noqa: E731
    return self._changed(music, change, keep, fill)

  def interpolate(
    self,
    a: Music,
    b: Music,
    steps: int = 5,
    path: str = 'line',
    keep: Collection[str] = (),
    fill: bool = False,
  ) -> list[Music]:
    """The way from one piece of music to another, both ends included.

    Phrase goes to phrase. Of two songs as many bars as the shorter one has;
    tempo, names and programs are the first one's.

    Args:
      a: a song, or phrases.
      b: a song, or as many phrases.
      steps: how many pieces of music, at least 2.
      path: a key of `paths.PATHS`; 'arc' wants a flower.
      keep: tracks that stay the first one's throughout.
      fill: as in `cut`.
    """
    if not isinstance(path, str) or path not in paths.PATHS:
      raise UserError(
        f'path {path!r}, expected one of {", ".join(paths.PATHS)}'
      )
    if path == 'arc':
      self._flower('the path arc')
    whole('steps', steps, 2, MOST_STEPS)
    if isinstance(a, Song) != isinstance(b, Song):
      raise UserError('a song and phrases, expected two of one kind')
    keep = songs.checked(keep)
    ends = [self.cut(music, fill) for music in (a, b)]
    if isinstance(a, Song):
      shorter = min(map(len, ends))
      ends = [tokens[:shorter] for tokens in ends]
    elif len(ends[0]) != len(ends[1]):
      found = ' and '.join(str(len(tokens)) for tokens in ends)
      raise UserError(f'{found} phrases, expected as many of each')
    way = paths.between(
      path,
      *map(self.encode, ends),
      np.linspace(0, 1, steps),
      self.model.prior.std,
    )
    decoded = self.decode(way.reshape(-1, way.shape[-1]))
    decoded = decoded.reshape(steps, -1, *decoded.shape[1:])
    if not isinstance(a, Song):
      return [songs.with_kept(tokens, ends[0], keep) for tokens in decoded]
    tied = songs.windows(a, self.num_steps, fill=True).tied[:shorter]
    num_bars = min(a.num_bars, b.num_bars)
    # Each end rests as its song does, and between them what rests in both.
    rests = [songs.rests(song, x) for song, x in zip((a, b), ends)]
    of_steps = [rests[0], *[rests[0] & rests[1]] * (steps - 2), rests[1]]
    decoded = np.where(of_steps, np.uint8(SILENCE), decoded)
    return [
      songs.rebuilt(a, phrases.Pieces(tokens, tied), keep, num_bars)
      for tokens in decoded
    ]

  def sample(
    self,
    genre: str | None = None,
    n: int = 1,
    seed: int = 0,
    temperature: float = 1.0,
  ) -> Tokens:
    """New phrases, of codes drawn from the prior.

    Args:
      genre: whose petal they are drawn from; None: each from any.
      n: how many.
      seed: of the draws; the same for the same phrases.
      temperature: 1 draws as the prior has it, 0 takes each petal's mean, more
        than 1 strays further.
    """
    temperature = number('temperature', temperature, 0, 100)
    n, prior = whole('n', n, 0, MOST_SAMPLES), self.model.prior
    key = jax.random.key(whole('seed', seed, 0))
    key, petal_key = jax.random.split(key)
    if genre is None:
      petals = jax.random.randint(petal_key, (n,), 0, prior.num_components)
    else:
      petals = jnp.full(n, self._petal(genre))
    mean = prior.means[np.asarray(petals)]
    drawn = np.asarray(prior.sample(key, petals))
    return self.decode(mean + temperature * (drawn - mean))

  def transfer(
    self,
    music: Music,
    genre: str,
    amount: float = 1.0,
    keep: Collection[str] = (),
    fill: bool = False,
  ) -> Music:
    """The music, turned on the ring towards a genre's petal.

    Each code turns about the flower's centre, the shorter way; its distance
    from there and all other axes, which say the rest, stay.

    Args:
      music: a song, or phrases.
      genre: where to.
      amount: from 0, which only reconstructs, to 1, which turns all the way.
      keep: as in `reconstruct`.
      fill: as in `cut`.
    """
    amount = number('amount', amount, 0, 1)
    self._flower('transfer')
    x, y = self.model.prior.means[self._petal(genre), :2]

    def change(tokens):
      z = paths.turned(self.encode(tokens), np.arctan2(y, x), amount)
      return self.decode(z)

    return self._changed(music, change, keep, fill)

  def edit(
    self,
    music: Music,
    changes: Mapping[str, float] | None = None,
    keep: Collection[str] = (),
    method: str = steering.DEFAULT,
    fill: bool = False,
    **whole_phrase: float,
  ) -> Music:
    """The music with more or less of some attributes.

    Args:
      music: a song, or phrases.
      changes: by attribute, 'density', or 'density/bass' of one track alone, in
        standard deviations of the data; `attributes.NAMES` has them.
      keep: as in `reconstruct`.
      method: one of `steering.METHODS`.
      fill: as in `cut`.
      **whole_phrase: more changes: `density=.5` is `{'density': .5}`.

    Raises:
      UserError: an unknown attribute, or a model without directions.
    """
    if not isinstance(changes, Mapping | None):
      raise UserError(f'changes {changes!r}, expected them by attribute')
    if self.directions is None:
      raise UserError(f'this model {NO_DIRECTIONS}')
    changes = {
      name: number(name, change, -100, 100)
      for name, change in {**(changes or {}), **whole_phrase}.items()
    }
    keep = songs.checked(keep)

    def change(tokens):
      z = self.encode(_some(tokens))
      edited = steering.edit(self, z, changes, self.directions, method, keep)
      return self.decode(edited)

    return self._changed(music, change, keep, fill)

  def neighbours(
    self,
    music: Music,
    k: int,
    among: Music | Codes | None = None,
    fill: bool = False,
  ) -> neighbours.Neighbours:
    """The k nearest of some phrases to each, by their codes.

    Args:
      music: a song, or phrases.
      k: how many.
      among: a song, or phrases of a library; or their codes, not to encode
        them again. None: `learnt`.
      fill: as in `cut`.
    """
    k = whole('k', k, 1)
    if among is None:
      others = self.learnt
    elif getattr(among, 'ndim', 0) == 2:
      others = self.checked(among)
    else:
      others = self.encode(among, fill=fill)
    if not len(others):
      raise UserError('nothing to look through, expected some phrases')
    codes, std = self.encode(music, fill=fill), self.model.prior.std
    return neighbours.by_code(codes, others, std, k)

  @functools.cached_property
  def training(self) -> data.Split:
    """The phrases that it was trained on.

    Raises:
      UserError: an exported file does not say where they lie.
      DatasetError: they are not there any more, or are others.
    """
    if self.corpus is None:
      raise UserError(
        'this model does not say where its training phrases lie; expected '
        'phrases to look through, or the folder of a training run'
      )
    folder, dataset = self.corpus
    split = data.load(dataset['name'].rpartition('/')[0], folder, 'train')
    data.check_same(folder, split.describe(), dataset)
    return split

  @functools.cached_property
  def learnt(self) -> Codes:
    """Codes of `training`, row for row; encoded once, which takes a while."""
    phrases = self.training.phrases
    starts = range(0, len(phrases), _BLOCK)
    label = f'encoding {_BLOCK:,} phrases a time'
    blocks = progress(starts, len(starts), label, 'block')
    return np.concatenate(
      [self.encode(phrases[at : at + _BLOCK]) for at in blocks]
    )

  def attributes(
    self, music: Music, fill: bool = False
  ) -> dict[str, Float[np.ndarray, 'n']]:
    """What each phrase is like: `metrics.columns`, such as 'note_count/bass'.

    NaN where it is undefined, as the mean pitch of a track without notes.
    """
    return metrics.columns(metrics.measure(_some(self.cut(music, fill))))

  def save_midi(
    self,
    music: Music,
    path: str | os.PathLike,
    programs: Sequence[int] = phrases.DEFAULT_PROGRAMS,
    tempo: float = 120.0,
  ) -> None:
    """Writes a song, or phrases one after another, to a MIDI file.

    Args:
      music: a song, which has programs and a tempo, or phrases.
      path: of the file, which is there whole or not at all.
      programs: General MIDI programs of the phrases' tracks, from 0.
      tempo: of the phrases, in bpm.
    """
    if not isinstance(music, Song):
      number('tempo', tempo, *_TEMPI)
      found = tuple(programs) if np.iterable(programs) else ()
      if len(found) != len(TRACKS):
        raise UserError(f'programs {programs}, expected one of each track')
      for program in found:
        whole('program', program, 0, 127)
      music = songs.of_phrases(_some(self.cut(music)), found, tempo)
    midi.write(path, music)

  def _changed(
    self, music: Music, change: Callable, keep: Collection[str], fill: bool
  ) -> Music:
    """What becomes of music whose phrases `change` takes."""
    if not isinstance(music, Song):
      tokens = self.cut(music)
      return songs.with_kept(change(tokens), tokens, keep)
    keep = songs.checked(keep)
    pieces = songs.windows(music, self.num_steps, fill)
    rests = songs.rests(music, pieces.tokens)
    tokens = np.where(rests, np.uint8(SILENCE), change(pieces.tokens))
    return songs.rebuilt(music, pieces._replace(tokens=tokens), keep)

  def _petal(self, genre: str) -> int:
    if not isinstance(genre, str):
      raise UserError(f'genre {genre!r}, expected the name of one')
    if self.model.prior.num_components == 1:
      raise UserError(
        f'genre {genre!r}: the prior of this model has no petals; expected a '
        'model with one for each genre'
      )
    return genres.petal(genre, self.genres)

  def _flower(self, what: str) -> None:
    if not isinstance(self.model.prior, Flower):
      kind = type(self.model.prior).__name__
      raise UserError(
        f'{what} wants a model whose prior is a flower; this one is a {kind}, '
        'which has no ring of petals'
      )


def _some(tokens: Tokens) -> Tokens:
  """The phrases, of which there must be one."""
  if not len(tokens):
    raise UserError('no phrases, expected some')
  return tokens
