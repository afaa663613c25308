"""What the instrument makes of whole songs that its model has not heard.

    python -m experiments.benchmarks.trial --model=MODEL --manual_dir=SONGS \
      --out=DIR

Songs of chance from the validation share of a corpus, some bars of each: each
is reconstructed, edited by a standard deviation up and down, moved to the genre
on the other side of the ring, and led to the next song; and each genre is
sampled. DIR gets all of it as .mid files, which are read again and checked, and
a picture of each song. Edits and transfers are measured against the
reconstruction, which is what they begin with.
"""

import itertools
import pathlib
import random
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from experiments.benchmarks.transfer import onsets_kept
from musae_jax import (
  arguments,
  attributes,
  files,
  metrics,
  midi,
  phrases,
  plots,
  songs,
  steering,
)
from musae_jax.commands import shared
from musae_jax.editing import MusAE
from musae_jax.errors import UserError
from musae_jax.midi import Song
from musae_jax.pianoroll import DRUMS, TRACKS
from musae_jax.progress import progress
from musae_jax.smf import TICKS_PER_QUARTER
from tfds_lakh import pipeline, sources

_STEPS = 5  # of an interpolation
_SAMPLES = 4  # of each genre
_PICTURED = 128  # timesteps
_RECONSTRUCTED = 'reconstructed'
_TRANSFERRED = 'transferred'
_SIGN = {1.0: 'more', -1.0: 'less'}

Tokens = UInt8[np.ndarray, 'n t 4']


class Made(NamedTuple):
  """What became of one song.

  Attributes:
    aim: the genre that it was moved to.
    tokens: phrases by what was done; '' is the song itself.
  """

  aim: str
  tokens: Mapping[str, Tokens]


def find(folder: str, count: int, num_bars: int, seed: int) -> dict[str, Song]:
  """Songs of the validation share by name, each `num_bars` long.

  Args:
    folder: the corpus, as the build command takes it.
    count: how many.
    num_bars: of each, those after its first eight.
    seed: of the choice.

  Raises:
    UserError: there are not so many that suit.
  """
  heldout = [
    file
    for file in sources.find(folder).files
    if pipeline.is_validation(file.song)
  ]
  random.Random(seed).shuffle(heldout)
  found = {}
  for file in heldout:
    if len(found) == count:
      return found
    try:
      song = midi.read(file.full_path)
      if song.num_bars >= 8 + num_bars:
        part = songs.excerpt(song, 8, 8 + num_bars)
        sounding = [t for t in part.tracks if len(t.notes.pitch)]
        phrases.check(part._replace(tracks=tuple(sounding)))
        found[pathlib.PurePath(file.path).stem] = part
    except UserError:
      pass  # not every file is a song that suits
  if len(found) < count:
    raise UserError(
      f'{folder}: {len(found)} songs of the validation share suit, expected '
      f'{count}: in 4/4, with drums, bass and guitar, of {8 + num_bars} bars'
    )
  return found


def kinds(model: MusAE) -> list[str]:
  """The attributes of a whole phrase that a model can change."""
  return [name for name in attributes.KINDS if name in model.directions.names]


def changed(
  model: MusAE, song: Song, aim: str, method: str
) -> Iterator[tuple[str, Song]]:
  """What is made of one song alone, with its name."""
  yield _RECONSTRUCTED, model.reconstruct(song)
  for name, change in itertools.product(kinds(model), _SIGN):
    yield (
      f'{_SIGN[change]} {name}',
      model.edit(song, {name: change}, method=method),
    )
  yield _TRANSFERRED, model.transfer(song, aim)


def opposite(model: MusAE, z: Float[np.ndarray, 'n d']) -> str:
  """The genre on the other side of the ring from most phrases."""
  petals = np.bincount(nearest_petal(model, z), minlength=len(model.genres))
  half = len(model.genres) // 2
  return model.genres[(petals.argmax() + half) % len(model.genres)]


def nearest_petal(
  model: MusAE, z: Float[np.ndarray, 'n d']
) -> Float[np.ndarray, 'n']:
  """Of each code the petal at whose angle it lies."""
  means = model.model.prior.means[: len(model.genres), :2]
  angles = [np.arctan2(x[:, 1], x[:, 0]) for x in (z, means)]
  return np.cos(angles[0][:, None] - angles[1]).argmax(1)


def faults(path: pathlib.Path, num_bars: int) -> list[str]:
  """What is wrong with a written file; nothing, as is hoped."""
  import mido

  file, found = mido.MidiFile(path), []
  if file.type != 1 or file.ticks_per_beat != TICKS_PER_QUARTER:
    found.append('not of type 1 with 480 ticks')
  if {sum(message.time for message in track) for track in file.tracks} != {
    num_bars * 4 * TICKS_PER_QUARTER
  }:
    found.append('tracks that are not all of its bars')
  for track in file.tracks[1:]:
    now, sounding = 0, {}
    for message in track:
      now += message.time
      if message.type == 'note_on':
        if message.note in sounding:
          found.append('a note on top of another')
        sounding[message.note] = now
      elif message.type == 'note_off':
        if sounding.pop(message.note, -1) == now:
          found.append('a note without length')
    if sounding:
      found.append('a note without an end')
  return found


def try_songs(
  model: MusAE,
  found: Mapping[str, Song],
  out: pathlib.Path,
  method: str,
) -> list[Made]:
  """Writes what becomes of each song, and a picture of it."""
  made = []
  for name, song in progress(found.items(), len(found), 'songs', 'song'):
    tokens = {'': model.cut(song)}
    aim = opposite(model, model.encode(tokens['']))
    midi.write(out / f'{name}.mid', song)
    for what, after in changed(model, song, aim, method):
      midi.write(out / f'{name}-{what.replace(" ", "-")}.mid', after)
      tokens[what] = model.cut(after, fill=True)
    made.append(Made(aim, tokens))
    rolls = {
      f'{name} {what}'.strip(): np.concatenate(x)[:_PICTURED]
      for what, x in tokens.items()
    }
    plots.save(plots.piano_rolls(rolls, columns=2), out / f'{name}.png')
  return made


def try_ways(
  model: MusAE, found: Mapping[str, Song], out: pathlib.Path
) -> Float[np.ndarray, 'ways steps']:
  """Writes the way from each song to the next; how far each step has got.

  Returns:
    Of each way and step the share of tokens that are not the first one's.
  """
  path = 'arc' if model.model.prior.num_components > 1 else 'line'
  names, far = list(found), []
  for a, b in zip(names[::2], names[1::2]):
    way = model.interpolate(found[a], found[b], _STEPS, path)
    for i, song in enumerate(way, 1):
      midi.write(out / f'{a}-to-{b}-{i}.mid', song)
    first, *_ = tokens = [model.cut(song, fill=True) for song in way]
    far.append([float((first != x).mean()) for x in tokens])
  return np.array(far)


def try_genres(model: MusAE, out: pathlib.Path) -> Tokens:
  """Writes samples of each genre, one file a genre; returns all of them."""
  drawn = []
  for i, genre in enumerate(model.genres):
    drawn.append(model.sample(genre, _SAMPLES, seed=i))
    model.save_midi(drawn[-1], out / f'sample-{shared.name_of(genre)}.mid')
  return np.concatenate(drawn)


def tracks_table(made: Iterable[Made]) -> str:
  """How much of the songs comes back, as Markdown."""
  pairs = [(m.tokens[''], m.tokens[_RECONSTRUCTED]) for m in made]
  rows = {
    'timesteps right': [(a == b).mean((0, 1)) for a, b in pairs],
    'onsets, F1': [
      [onsets_kept(a[..., i], b[..., i]) for i in range(len(TRACKS))]
      for a, b in pairs
    ],
  }
  lines = [f'| {" | ".join(("", *TRACKS))} |', '|---|' + '---:|' * len(TRACKS)]
  for what, values in rows.items():
    values = np.array(values)
    for kind, row in (('mean', values.mean(0)), ('worst', values.min(0))):
      cells = ' | '.join(f'{value:.3f}' for value in row)
      lines.append(f'| {what}, {kind} of the songs | {cells} |')
  return '\n'.join(lines)


def edits_table(made: Iterable[Made], std: Mapping[str, float]) -> str:
  """What asking for more and less of an attribute did, as Markdown."""
  lines = [
    '| asked for | songs that moved so | change, deviations | onsets kept |',
    '|---|---:|---:|---:|',
  ]
  made = list(made)
  measured = [
    {what: attributes.measure(tokens) for what, tokens in of.tokens.items()}
    for of in made
  ]
  for name, (sign, word) in itertools.product(std, _SIGN.items()):
    change, kept = [], []
    ends = _RECONSTRUCTED, f'{word} {name}'
    for of, values in zip(made, measured):
      before, after = (values[what][name] for what in ends)
      change.append(float(np.nanmean(after - before)) / std[name])
      kept.append(onsets_kept(*(of.tokens[what] for what in ends)))
    so = sum(sign * x > 0 for x in change)
    lines.append(
      f'| {word} {name} | {so} of {len(made)} | {np.nanmean(change):+.2f} '
      f'| {np.mean(kept):.1%} |'
    )
  return '\n'.join(lines)


def transferred(model: MusAE, made: Iterable[Made]) -> str:
  """Where transferred songs have got to, and what stays of them."""
  kept, near = [], []
  for of in made:
    after = of.tokens[_TRANSFERRED]
    petals = nearest_petal(model, model.encode(after))
    off = np.abs(petals - model.genres.index(of.aim))
    off = np.minimum(off, len(model.genres) - off)
    near.append(off <= len(model.genres) // 8)
    kept.append(onsets_kept(of.tokens[_RECONSTRUCTED], after))
  return (
    'Moved to the other side of the ring, '
    f'{np.concatenate(near).mean():.1%} of the '
    "phrases, heard again, lie in the target's quarter of it (25% by chance); "
    f'{np.mean(kept):.1%} of the onsets stay.'
  )


def sampled(tokens: Tokens) -> str:
  """What samples are like."""
  flat = tokens.reshape(len(tokens), -1)
  found = metrics.measure(tokens)
  count = found['note_count']
  silent = ', '.join(
    f'{share:.1%} ({track})'
    for track, share in zip(TRACKS, (count == 0).mean(0))
  )
  consistency = np.delete(found['scale_consistency'], DRUMS, axis=1)
  return (
    f'{len(tokens)} samples of the genres, {len(np.unique(flat, axis=0))} of '
    f'them different; silent in {silent}; scale consistency '
    f'{np.nanmean(consistency):.3f} in the mean of the pitched tracks.'
  )


def report(
  model: MusAE, found: Mapping[str, Song], out: pathlib.Path, method: str
) -> str:
  """Tries everything; returns what came of it, as Markdown."""
  num_bars = next(iter(found.values())).num_bars
  made = try_songs(model, found, out, method)
  far = try_ways(model, found, out)
  drawn = try_genres(model, out)
  written = sorted(out.glob('*.mid'))
  bad = {}
  for path in written:
    is_sample = path.name.startswith('sample-')
    wrong = faults(path, _SAMPLES * model.num_bars if is_sample else num_bars)
    if wrong:
      bad[path.name] = ', '.join(sorted(set(wrong)))
  std = dict(zip(model.directions.names, model.directions.std))
  std = {name: std[name] for name in kinds(model)}
  steps = ', '.join(f'{share:.1%}' for share in far.mean(0))
  parts = [
    f'{len(found)} songs, {num_bars} bars of each; edits by {method}.',
    tracks_table(made),
    edits_table(made, std),
    transferred(model, made),
    f'On the way to another song, tokens that differ from the first: {steps}; '
    f'{(np.diff(far) >= 0).mean():.1%} of the steps lead on.',
    sampled(drawn),
    f'{len(written)} files, {len(bad)} with faults.',
    *(f'{name}: {wrong}' for name, wrong in bad.items()),
  ]
  return '\n\n'.join(parts) + '\n'


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = arguments.Parser(
    prog='python -m experiments.benchmarks.trial', description=__doc__
  )
  add = parser.add_argument
  add('--model', type=arguments.path, required=True, help='an exported file')
  add('--manual_dir', required=True, help='the corpus, as the build takes it')
  add('--out', type=arguments.path, required=True, help='the folder to fill')
  add('--songs', type=arguments.positive, default=20, help='how many')
  add('--bars', type=arguments.positive, default=32, help='of each song')
  add('--seed', type=int, default=0, help='of the choice of songs')
  add('--method', choices=steering.METHODS, default=steering.DEFAULT)
  args = parser.parse_args(argv)
  try:
    model = shared.load(args.model)
    if model.directions is None or not model.genres:
      raise UserError(
        f'{args.model}: expected a file that `musae export` wrote where its '
        'data set was, of a model with genres'
      )
    found = find(args.manual_dir, args.songs, args.bars, args.seed)
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    text = report(model, found, out, args.method)
    files.write(out / 'trial.md', text)
  except (UserError, sources.SourceError, OSError) as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  print(text)
  return 0


if __name__ == '__main__':
  sys.exit(main())
