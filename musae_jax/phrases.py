"""Song -> phrases and back: filters, cross product, windows, uniqueness."""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, UInt8
from numpy.lib.stride_tricks import sliding_window_view

from musae_jax.errors import UserError
from musae_jax.midi import Song, Track
from musae_jax.pianoroll import (
  HOLD,
  SILENCE,
  STEPS_PER_BAR,
  TRACKS,
  Notes,
  canonical,
  decode,
  encode,
  sounding,
)

MAX_SILENCE = 16  # timesteps: "at most 1 bar of consecutive silence"
DEFAULT_PROGRAMS = (0, 33, 0, 48)


class SongError(UserError):
  """A song that the model cannot take; the message is the kind of reason."""


class Phrases(NamedTuple):
  """Windows of one song.

  Attributes:
    tokens: the phrases.
    bar: the bar of the song at which each begins.
    programs: General MIDI programs of its four tracks.
  """

  tokens: UInt8[np.ndarray, 'n t 4']
  bar: Int[np.ndarray, 'n']
  programs: UInt8[np.ndarray, 'n 4']


def by_role(song: Song) -> dict[str, list[Track]]:
  """The tracks of each role; strings is one track, the merge of the rest."""
  roles = {role: [] for role in TRACKS}
  for track in song.tracks:
    roles[track.role].append(track)
  if len(roles['strings']) > 1:
    roles['strings'] = [_merge(roles['strings'])]
  return roles


def _merge(tracks: list[Track]) -> Track:
  """One track of all notes; named after the one that has most of them."""
  busiest = max(tracks, key=lambda track: len(track.notes.pitch))
  notes = [track.notes for track in tracks]
  notes = Notes(*map(np.concatenate, zip(*notes)))
  return busiest._replace(notes=notes, played=None, moves=None, channel=None)


def check(song: Song) -> None:
  """Passes the songs that the paper retains (section 4.1).

  Raises:
    SongError: more than one time signature, another than 4/4, a role missing.
  """
  check_metre(song)
  check_roles(song)


def check_metre(song: Song) -> None:
  """Passes songs in 4/4.

  Raises:
    SongError: more than one time signature, or another.
  """
  if len(song.time_signatures) > 1:
    raise SongError('more than one time signature')
  if any(signature != (4, 4) for signature in song.time_signatures):
    raise SongError('time signature other than 4/4')


def check_roles(song: Song) -> None:
  """Passes songs of drums, bass and guitar; there may be no strings.

  Raises:
    SongError: one of them is missing.
  """
  roles = by_role(song)
  missing = [role for role in TRACKS[:3] if not roles[role]]
  if missing:
    raise SongError(f'no {" and no ".join(missing)} track')


def extract(song: Song, num_bars: int) -> Phrases:
  """All distinct phrases of a song, in the order of first appearance.

  Every combination of a drums, a bass and a guitar track with the strings,
  every window of `num_bars` at a stride of one bar, but for those where a
  track is silent for more than `MAX_SILENCE` timesteps in a row.

  Raises:
    SongError: as `check`.
  """
  check(song)
  windows = windows_by_role(song, num_bars)
  found = [_no_phrases(num_bars)]
  for tracks in itertools.product(*windows.values()):
    bar = np.flatnonzero(np.logical_and.reduce([w.kept for w in tracks]))
    tokens = np.stack([w.tokens[bar] for w in tracks], axis=-1)
    programs = np.uint8([w.track.program for w in tracks])
    programs = np.tile(programs, (len(bar), 1))
    found.append(Phrases(tokens, bar.astype(np.int32), programs))
  return _distinct(Phrases(*map(np.concatenate, zip(*found))))


class Windows(NamedTuple):
  """A track's windows at a stride of a bar, and which of them are kept."""

  track: Track
  tokens: UInt8[np.ndarray, 'w t']
  kept: Bool[np.ndarray, 'w']


def windows_by_role(song: Song, num_bars: int) -> dict[str, list[Windows]]:
  """The windows of every track; a role that none plays is a silent track."""
  return {
    role: [
      _windows(track, song.num_bars, num_bars)
      for track in tracks or [_silent_track(role)]
    ]
    for role, tracks in by_role(song).items()
  }


def _windows(track: Track, bars: int, num_bars: int) -> Windows:
  length = num_bars * STEPS_PER_BAR
  padded = max(bars * STEPS_PER_BAR, length)
  tokens = encode(track.notes, padded, one_shot=track.is_drum)
  silences = np.append(0, np.cumsum(tokens == SILENCE))
  run = MAX_SILENCE + 1
  too_long = silences[run:] - silences[:-run] == run
  kept = ~sliding_window_view(too_long, length - MAX_SILENCE).any(axis=-1)
  windows = sliding_window_view(tokens, length)[::STEPS_PER_BAR].copy()
  # What sounds across a window's start is attacked there.
  windows[:, 0] = sounding(tokens)[::STEPS_PER_BAR][: len(windows)]
  in_song = bars >= num_bars
  return Windows(track, windows, kept[::STEPS_PER_BAR] & in_song)


def _distinct(phrases: Phrases) -> Phrases:
  size = int(np.prod(phrases.tokens.shape[1:]))
  rows = phrases.tokens.reshape(-1, size).view(np.dtype((np.void, size)))
  _, first = np.unique(rows.ravel(), return_index=True)
  return Phrases(*(field[np.sort(first)] for field in phrases))


def _no_phrases(num_bars: int) -> Phrases:
  return Phrases(
    np.empty((0, num_bars * STEPS_PER_BAR, len(TRACKS)), np.uint8),
    np.empty(0, np.int32),
    np.empty((0, len(TRACKS)), np.uint8),
  )


def _silent_track(role: str) -> Track:
  nothing = np.empty(0, np.int64)
  program = DEFAULT_PROGRAMS[TRACKS.index(role)]
  notes = Notes(nothing, nothing, nothing)
  return Track(role, program, role == 'drums', notes)


def heard(song: Song) -> tuple[Track, Track, Track, Track]:
  """What of a song is one phrase after another: a track of each role.

  That with most notes of bass and of guitar; all drums and all strings, merged,
  for many a file has a track for each drum. Silence where none plays.
  """
  roles = by_role(song)
  if len(roles['drums']) > 1:
    roles['drums'] = [_merge(roles['drums'])]
  return tuple(
    max(tracks, key=lambda track: len(track.notes.pitch))
    if tracks
    else _silent_track(role)
    for role, tracks in roles.items()
  )


def to_tokens(song: Song, num_steps: int | None = None):
  """uint8[T, 4] of what is `heard` of it; whole bars by default."""
  if num_steps is None:
    num_steps = song.num_bars * STEPS_PER_BAR
  return np.stack(
    [encode(t.notes, num_steps, t.is_drum) for t in heard(song)], axis=-1
  )


def to_song(
  tokens: UInt8[np.ndarray, 't 4'],
  programs=DEFAULT_PROGRAMS,
  tempo: float = 120.0,
  names=TRACKS,
) -> Song:
  """Four tracks, named and in 4/4, as long as the tokens in whole bars.

  Holds of nothing are silence.
  """
  tokens = canonical(np.asarray(tokens))
  return Song(
    tuple(
      Track(str(name), int(program), role == 'drums', decode(column))
      for name, program, role, column in zip(names, programs, TRACKS, tokens.T)
    ),
    float(tempo),
    least_bars=-(-len(tokens) // STEPS_PER_BAR),
  )


class Pieces(NamedTuple):
  """A song cut into phrases that do not overlap.

  Attributes:
    tokens: the phrases, the last one filled up with silence.
    tied: where a note goes on into the phrase from the one before.
  """

  tokens: UInt8[np.ndarray, 'n t 4']
  tied: Bool[np.ndarray, 'n 4']


def cut(tokens: UInt8[np.ndarray, 't 4'], num_steps: int) -> Pieces:
  """The phrases of `num_steps` that a song consists of."""
  missing = -len(tokens) % num_steps
  tokens = np.pad(tokens, ((0, missing), (0, 0)), constant_values=SILENCE)
  pieces = tokens.reshape(-1, num_steps, len(TRACKS)).copy()
  tied = pieces[:, 0] == HOLD
  pieces[:, 0] = sounding(tokens)[::num_steps]
  return Pieces(pieces, tied)


def join(pieces: Pieces) -> UInt8[np.ndarray, 't 4']:
  """The song of some phrases, which may have changed since they were cut.

  A tied note goes on where the phrase before ends with the same pitch.
  """
  tokens = np.concatenate(pieces.tokens).copy()
  num_steps = pieces.tokens.shape[1]
  first = np.arange(num_steps, len(tokens), num_steps)
  same = tokens[first] == sounding(tokens)[first - 1]
  tokens[first] = np.where(pieces.tied[1:] & same, HOLD, tokens[first])
  return canonical(tokens)
