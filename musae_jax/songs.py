"""Songs in windows of a model's length, and back."""

from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Bool, UInt8

from musae_jax import phrases, smf
from musae_jax.errors import UserError
from musae_jax.midi import Moves, Played, Song, Track
from musae_jax.phrases import Pieces, SongError
from musae_jax.pianoroll import (
  SILENCE,
  STEPS_PER_BAR,
  STEPS_PER_QUARTER,
  TRACKS,
  Notes,
)

# Controllers of MIDI's registered and other parameters.
_PARAMETERS = 6, 38, 96, 97, 98, 99, 100, 101
_TICKS_PER_STEP = smf.TICKS_PER_QUARTER // STEPS_PER_QUARTER


def windows(song: Song, num_steps: int, fill: bool = False) -> Pieces:
  """The phrases that a song consists of.

  Of each role what is `phrases.heard`. The last phrase is filled up with
  silence.

  Args:
    song: of any length.
    num_steps: of a phrase.
    fill: takes silence for drums, bass or guitar where the song has none.

  Raises:
    SongError: not 4/4 throughout, a role missing, no notes.
    UserError: `fill` is neither True nor False.
  """
  if not isinstance(fill, bool | np.bool_):
    raise UserError(f'fill {fill!r}, expected True or False')
  if not any(len(track.notes.pitch) for track in song.tracks):
    raise SongError('no notes in it, expected some')
  # Stated again it is the same; the data set takes such songs for changing.
  if any(signature != (4, 4) for signature in song.time_signatures):
    found = ', '.join(f'{n}/{d}' for n, d in song.time_signatures[:8])
    raise SongError(
      f'time signature other than 4/4: found {found}, expected 4/4 throughout'
    )
  if not fill:
    try:
      phrases.check_roles(song)
    except SongError as error:
      raise SongError(
        f'{error}; expected drums (channel 10), a bass (programs 33-40) and a '
        'guitar or keyboard (1-32), or fill, which takes silence for what is '
        'missing'
      ) from None
  return phrases.cut(phrases.to_tokens(song), num_steps)


def rests(
  song: Song, tokens: UInt8[np.ndarray, 'n t 4']
) -> Bool[np.ndarray, 'n 1 4']:
  """Where a part of a song is silent for a whole phrase, and is to stay so.

  No phrase that a model learns from is like that: it would invent something. A
  part that the song has nowhere is to be invented, but where all others rest.
  """
  silent = (tokens == SILENCE).all(1, keepdims=True)
  has = np.isin(TRACKS, [track.role for track in song.tracks])
  return silent & (has | silent.all(-1, keepdims=True))


def rebuilt(
  song: Song,
  pieces: Pieces,
  keep: Collection[str] = (),
  num_bars: int | None = None,
) -> Song:
  """The song, its tracks replaced by what became of its phrases.

  Tempo, names and programs stay. A role that is replaced is one track; one that
  is kept has all of its tracks, note for note.

  Args:
    song: that `pieces` were cut from.
    pieces: of which only the tokens have changed since.
    keep: the roles that stay as they are.
    num_bars: how many of its bars there are to be; all of them by default.
  """
  keep = checked(keep)
  num_bars = num_bars or song.num_bars
  # The last phrase was filled up.
  joined = phrases.join(pieces)[: num_bars * STEPS_PER_BAR]
  sources = phrases.heard(song)
  new = phrases.to_song(
    joined,
    [track.program for track in sources],
    song.tempo,
    [track.name or role for track, role in zip(sources, TRACKS)],
  )
  source = excerpt(song, 0, num_bars).tracks
  kept = [track for track in source if track.role in keep]
  made = [t for role, t in zip(TRACKS, new.tracks) if role not in keep]
  tracks = sorted(made + kept, key=lambda track: TRACKS.index(track.role))
  return new._replace(tracks=tuple(tracks))


def with_kept(
  tokens: UInt8[np.ndarray, 'n t 4'],
  before: UInt8[np.ndarray, 'n t 4'],
  keep: Collection[str],
) -> UInt8[np.ndarray, 'n t 4']:
  """The phrases, but some of their tracks as they were before."""
  kept = np.isin(TRACKS, list(checked(keep)))
  return np.where(kept, before, tokens)


def checked(roles: Collection[str] | str) -> tuple[str, ...]:
  """The roles themselves; of one its name will do.

  Raises:
    UserError: one of them is none.
  """
  if isinstance(roles, str):
    roles = [roles]
  try:
    roles = tuple(() if roles is None else roles)
  except TypeError:
    raise UserError(f'tracks {roles!r}, expected names of some') from None
  for role in roles:
    if not isinstance(role, str) or role not in TRACKS:
      raise UserError(f'track {role!r}, expected one of {", ".join(TRACKS)}')
  return roles


def of_phrases(
  tokens: UInt8[np.ndarray, 'n t 4'],
  programs=phrases.DEFAULT_PROGRAMS,
  tempo: float = 120.0,
) -> Song:
  """The phrases one after another, none held over into the next."""
  free = np.zeros((len(tokens), len(TRACKS)), bool)
  return phrases.to_song(phrases.join(Pieces(tokens, free)), programs, tempo)


def excerpt(song: Song, first: int, last: int) -> Song:
  """The bars `first` to `last` of a song, counted from 0, `last` left out.

  What sounds across the first bar line is struck there; a drum is not. A track
  stays though it rests in them.
  """
  low, high = first * STEPS_PER_BAR, last * STEPS_PER_BAR
  set_last = _set_last(song.tracks, low * _TICKS_PER_STEP)
  tracks = tuple(
    _between(track, low, high, which)
    for track, which in zip(song.tracks, set_last)
  )
  return song._replace(tracks=tracks, least_bars=last - first)


def _set_last(tracks: Sequence[Track], before: int) -> list[set[int]]:
  """The controllers that each track, as the last of its channel, had set."""
  setters: dict[tuple[int, int], tuple[int, int]] = {}
  for i, track in enumerate(tracks):
    channel = -1 - i if track.channel is None else track.channel
    for time, number in zip(*(x.tolist() for x in (track.moves or ())[:2])):
      if time < before:
        key = channel, number
        setters[key] = max(setters.get(key, (0, 0)), (time, i))
  found = [set() for _ in tracks]
  for (_, number), (_, i) in setters.items():
    found[i].add(number)
  return found


def _between(
  track: Track, low: int, high: int, set_last: Collection[int]
) -> Track:
  pitch, start, end = track.notes
  inside = (start < high) & ((start if track.is_drum else end - 1) >= low)

  def moved(start, end, scale=1):
    start = np.maximum(start[inside] - low * scale, 0)
    return start, np.minimum(end[inside], high * scale) - low * scale

  played = track.played and Played(
    *moved(*track.played[:2], _TICKS_PER_STEP), track.played.velocity[inside]
  )
  notes = Notes(pitch[inside], *moved(start, end))
  moves = track.moves and _moves_between(
    track.moves, low * _TICKS_PER_STEP, high * _TICKS_PER_STEP, set_last
  )
  return track._replace(notes=notes, played=played, moves=moves)


def _moves_between(
  moves: Moves, low: int, high: int, set_last: Collection[int]
) -> Moves:
  """Those of some ticks; what was set before is set at the beginning.

  Of that only `set_last`: the rest has another track of the channel set since.
  """
  before = moves.time < low
  _, last = np.unique(moves.number[before][::-1], return_index=True)
  last = np.flatnonzero(before)[::-1][last]
  last = last[np.isin(moves.number[last], list(set_last))]
  # Parameters are set by several in a row, of which no last one says all.
  sequences = np.flatnonzero(before & np.isin(moves.number, _PARAMETERS))
  set_before = np.union1d(last, sequences)
  kept = np.append(set_before, np.flatnonzero(~before & (moves.time < high)))
  time, number, value = (column[kept] for column in moves)
  return Moves(np.maximum(time - low, 0), number, value)


def one_after_another(found: list[Song], num_bars: int) -> Song:
  """One song of several with the same tracks; tempo and names of the first.

  Args:
    found: songs of at most `num_bars`.
    num_bars: from the beginning of one to that of the next.
  """
  later = [
    [_later(track, i * num_bars * STEPS_PER_BAR) for track in song.tracks]
    for i, song in enumerate(found)
  ]
  tracks = tuple(_strung(parts) for parts in zip(*later, strict=True))
  return found[0]._replace(tracks=tracks, least_bars=num_bars * len(found))


def _later(track: Track, steps: int) -> Track:
  def moved(start, end, by):
    return start + by, end + by

  played = track.played and Played(
    *moved(*track.played[:2], steps * _TICKS_PER_STEP), track.played.velocity
  )
  notes = Notes(track.notes.pitch, *moved(*track.notes[1:], steps))
  moves = track.moves and track.moves._replace(
    time=track.moves.time + steps * _TICKS_PER_STEP
  )
  return track._replace(notes=notes, played=played, moves=moves)


def _strung(parts: tuple[Track, ...]) -> Track:
  def joined(rows):
    return map(np.concatenate, zip(*rows))

  notes = Notes(*joined(track.notes for track in parts))
  played = moves = None
  if all(track.played for track in parts):
    played = Played(*joined(track.played for track in parts))
  if all(track.moves for track in parts):
    moves = Moves(*joined(track.moves for track in parts))
  return parts[0]._replace(notes=notes, played=played, moves=moves)
