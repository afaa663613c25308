"""Pictures: piano rolls, training curves, codes on the flower.

Functions draw on axes that they are given, or make a figure and return it;
`save` writes it. Tracks have one colour each everywhere, told apart by the
colour-blind too (Okabe and Ito 2008).
"""

import io
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from musae_jax import files
from musae_jax.pianoroll import (
  NUM_PITCHES,
  STEPS_PER_BAR,
  STEPS_PER_QUARTER,
  TRACKS,
  decode,
)

COLOURS = {
  'drums': '#000000',
  'bass': '#0072B2',
  'guitar': '#D55E00',
  'strings': '#009E73',
}


def piano_roll(
  axes: Axes, tokens: UInt8[np.ndarray, 't 4'], first_bar: int = 1
) -> None:
  """Draws four tracks over each other: pitch against bars, beats ruled."""
  num_steps = len(tokens)
  for beat in range(0, num_steps + 1, STEPS_PER_QUARTER):
    width = 0.9 if beat % STEPS_PER_BAR == 0 else 0.25
    axes.axvline(beat, color='#999999', linewidth=width, zorder=0)
  for track, column in zip(TRACKS, tokens.T):
    pitch, start, end = decode(column)
    # A gap tells a note struck again from one that is held.
    end = end - 0.15
    low, high = pitch - 0.45, pitch + 0.45
    corners = [(start, low), (start, high), (end, high), (end, low)]
    axes.add_collection(
      PolyCollection(
        np.array(corners).transpose(2, 0, 1),
        facecolor=COLOURS[track],
        label=track,
      )
    )
  bars = np.arange(0, num_steps + 1, STEPS_PER_BAR)
  axes.set_xticks(bars, bars // STEPS_PER_BAR + first_bar)
  axes.set_xlim(0, num_steps)
  axes.set_ylabel('MIDI pitch')


def piano_rolls(
  rolls: Mapping[str, UInt8[np.ndarray, 't 4']],
  columns: int = 1,
  least_width: float = 6,
) -> Figure:
  """Rolls under their names, in lines of 32 bars at most, on one scale.

  Of a long song the first 128 bars.

  Args:
    rolls: drawn row by row.
    columns: rolls side by side.
    least_width: of a roll, in inches.
  """
  line = 32 * STEPS_PER_BAR
  longest = min(max(map(len, rolls.values())), 4 * line)
  panels = [
    (name, start, tokens[start : min(start + line, longest)])
    for start in range(0, longest, line)
    for name, tokens in rolls.items()
    if start < len(tokens)
  ]
  rows = -(-len(panels) // columns)
  width = columns * float(np.clip(min(longest, line) / 12, least_width, 24))
  figure = Figure(figsize=(width, 2.3 * rows + 0.6), layout='constrained')
  grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
  for axes, (name, start, tokens) in zip(grid.flat, panels):
    piano_roll(axes, tokens, first_bar=1 + start // STEPS_PER_BAR)
    axes.set_xlim(0, min(longest, line))
    # A file's name is no mathematics, and may not be UTF-8.
    title = name.encode('utf-8', 'replace').decode()
    axes.set_title(title, loc='left', fontsize=10, parse_math=False)
  for axes in grid.flat[len(panels) :]:
    axes.set_axis_off()
  pitches = [t[t < NUM_PITCHES] for t in rolls.values()]
  if len(pitches := np.concatenate(pitches)):
    grid[0, 0].set_ylim(pitches.min() - 2.0, pitches.max() + 2.0)
  handles, labels = grid[0, 0].get_legend_handles_labels()
  figure.legend(handles, labels, loc='outside upper right', ncols=4, fontsize=9)
  figure.supxlabel('bar', fontsize=9)
  return figure


def curves(
  lines: Sequence[Mapping[str, float]],
  baselines: Mapping[str, Mapping[str, float]] | None = None,
) -> Figure:
  """Validation accuracy and attack accuracy of each track over the updates.

  Args:
    lines: of a run's metrics, some with 'validation/accuracy/drums' and so on.
    baselines: name -> track -> accuracy, dashed beside the accuracy.
  """
  figure = Figure(figsize=(9, 3.6), layout='constrained')
  for axes, measure in zip(
    figure.subplots(1, 2, sharey=True), ('accuracy', 'attack_accuracy')
  ):
    for track in TRACKS:
      name = f'validation/{measure}/{track}'
      rows = [(line['step'], line[name]) for line in lines if name in line]
      axes.plot(*np.array(rows, float).T, color=COLOURS[track], label=track)
    axes.set_title(f'validation {measure.replace("_", " ")}', fontsize=10)
    axes.set_xlabel('updates')
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    if measure == 'accuracy':
      for style, rows in zip((':', '--'), (baselines or {}).values()):
        for track in TRACKS:
          axes.axhline(
            rows[track], color=COLOURS[track], linestyle=style, linewidth=1
          )
      axes.legend(fontsize=8)
  if baselines:
    styles = ', '.join(
      f'{style}: {name}' for style, name in zip(('dotted', 'dashed'), baselines)
    )
    figure.supxlabel(styles, fontsize=8)
  return figure


def codes(
  z: Float[np.ndarray, 'n d'],
  prior: Float[np.ndarray, 'm d'],
  petals: Sequence[int] | None = None,
  genres: Sequence[str] = (),
) -> Figure:
  """The first two axes of codes, over draws from the prior in grey.

  Args:
    z: codes of phrases.
    prior: draws from the prior.
    petals: the petal of each code, which colours it; None: one colour.
    genres: names of the petals, written around the ring.
  """
  figure = Figure(figsize=(7, 7), layout='constrained')
  axes = figure.subplots()
  axes.scatter(*prior[:, :2].T, s=3, color='#CCCCCC', label='prior')
  hue = {'color': COLOURS['bass']}
  if petals is not None:
    hue = {'c': np.asarray(petals) / max(len(genres), 1), 'cmap': 'hsv'}
  axes.scatter(*z[:, :2].T, s=4, label='codes', **hue)
  for i, genre in enumerate(genres):
    angle = 2 * np.pi * i / len(genres)
    flipped = np.cos(angle) < 0
    axes.text(
      *(1.95 * np.array([np.cos(angle), np.sin(angle)])),
      genre,
      color=colormaps['hsv'](i / len(genres)),
      fontsize=7,
      rotation=np.degrees(angle) + 180 * flipped,
      rotation_mode='anchor',
      ha='right' if flipped else 'left',
      va='center',
    )
  axes.set_aspect('equal')
  # Square, and with room for the genres' names.
  limit = max(1.05 * abs(x[:, :2]).max() for x in (z, prior))
  limit = max(limit, 2.8) if genres else limit
  axes.set_xlim(-limit, limit)
  axes.set_ylim(-limit, limit)
  axes.set_xlabel('z, first axis')
  axes.set_ylabel('z, second axis')
  axes.legend(loc='lower right', fontsize=8)
  return figure


def save(figure: Figure, path: str | os.PathLike) -> None:
  """Writes a figure as its name's ending says; the same, the same bytes."""
  kind = pathlib.Path(path).suffix[1:].lower()
  date = {'svg': 'Date', 'pdf': 'CreationDate'}.get(kind)
  drawn = io.BytesIO()
  with rc_context({'svg.hashsalt': 'musae'}):  # of the names in it
    figure.savefig(
      drawn, dpi=120, format=kind, metadata={date: None} if date else None
    )
  files.write(path, drawn.getvalue())


def strip(rolls: Mapping[str, UInt8[np.ndarray, 't 4']]) -> Figure:
  """Phrases side by side, of long ones one below the other."""
  long = max(map(len, rolls.values())) > 4 * STEPS_PER_BAR
  return piano_rolls(rolls, 1 if long else len(rolls), least_width=2.7)
