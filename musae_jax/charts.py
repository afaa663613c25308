"""Charts of the paper's tables and figures, of genres and of latent spaces.

Functions make a figure and return it; `plots.save` writes it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from musae_jax.plots import COLOURS


def scores(
  rows: Mapping[str, Mapping[str, float | None]], columns: Sequence[str]
) -> Figure:
  """Shares in [0, 1] of each row, a panel for each column.

  Args:
    rows: name -> column -> share; None where there is none; 'COLUMN +-', if
      there, is half the width of an interval.
    columns: which, in this order.
  """
  names = list(rows)[::-1]
  figure = Figure(
    figsize=(2 * len(columns) + 3, 0.35 * len(names) + 1), layout='constrained'
  )
  panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
  for axes, column in zip(panels, columns):
    for y, name in enumerate(names):
      value, half = (rows[name].get(key) for key in (column, f'{column} +-'))
      if value is not None:
        colour = '#999999' if name.startswith('paper') else '#222222'
        colour = COLOURS.get(column, colour)
        axes.errorbar(
          value,
          y,
          xerr=half,
          fmt='s' if name.startswith('paper') else 'o',
          color=colour,
          fillstyle='none' if name.startswith('paper') else 'full',
          capsize=3,
        )
        text = f'{value:.3f}' + (f' ± {half:.3f}' if half else '')
        axes.annotate(text, (value, y), (0, 5), **_SMALL)
    axes.set_title(column, fontsize=10)
    axes.set_xlim(-0.05, 1.05)
    axes.set_ylim(-0.6, len(names) - 0.2)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.grid(alpha=0.3)
  return figure


_SMALL = {'textcoords': 'offset points', 'ha': 'center', 'fontsize': 6}


def heat_map(
  relative: Float[np.ndarray, 'm k'],
  names: Sequence[str],
  components: Sequence[str],
) -> Figure:
  """How each metric of each component differs from its mean; NaN is grey.

  Args:
    relative: differences as shares of the mean.
    names: of the metrics, and what else each row is to say.
    components: names, in the ring's order.
  """
  figure = Figure(
    figsize=(0.3 * len(components) + 4.5, 0.17 * len(names) + 2),
    layout='constrained',
  )
  axes = figure.subplots()
  colours = colormaps['PuOr'].with_extremes(bad='#BBBBBB')
  known = np.abs(relative[np.isfinite(relative)])
  limit = float(np.quantile(known, 0.95)) if len(known) else 1.0
  image = axes.imshow(
    np.ma.masked_invalid(relative),
    aspect='auto',
    cmap=colours,
    vmin=-limit,
    vmax=limit,
    interpolation='nearest',
  )
  axes.set_yticks(range(len(names)), names, fontsize=6)
  axes.set_xticks(range(len(components)), components, fontsize=7, rotation=90)
  figure.colorbar(
    image,
    label='relative to the mean of all components',
    extend='both',
    format=lambda x, _: f'{x:+.0%}',
  )
  return figure


def hamming(
  t: Float[np.ndarray, 's'], curves: Mapping[str, Float[np.ndarray, 's']]
) -> Figure:
  """Distance from a path's beginning, by path; the last one is dashed."""
  figure = Figure(figsize=(6, 4), layout='constrained')
  axes = figure.subplots()
  *_, last = curves
  for (name, y), colour in zip(curves.items(), COLOURS.values()):
    style = '--' if name == last else '-'
    axes.plot(t, y, style, color=colour, label=name)
  axes.set_xlabel('parameter of the path')
  axes.set_ylabel('share of tokens that differ from its first phrase')
  axes.set_ylim(0)
  axes.grid(alpha=0.3)
  axes.legend(fontsize=8)
  return figure


def _two_genres(axes: Axes, pair, projection: str, small: bool) -> None:
  """Draws the codes of two genres, as the paper: blue dots, orange crosses."""
  plane = getattr(pair, projection)
  marks = (('o', '#0072B2'), ('o' if small else 'x', '#E69F00'))
  for of, name, (marker, colour) in zip(
    (pair.first, ~pair.first), pair.names, marks
  ):
    axes.scatter(
      *plane[of].T,
      s=1 if small else 14,
      marker=marker,
      color=colour,
      label=name,
      linewidths=0 if small else 1,
    )
  axes.set_xticks([])
  axes.set_yticks([])


def pair(of) -> Figure:
  """The codes of two genres, by PCA and by t-SNE.

  Args:
    of: has `names`, `first` (bool[n]), and `pca` and `tsne`, [n, 2].
  """
  figure = Figure(figsize=(8, 4), layout='constrained')
  for axes, name in zip(figure.subplots(1, 2), ('pca', 'tsne')):
    _two_genres(axes, of, name, small=False)
    axes.set_title({'pca': 'PCA', 'tsne': 't-SNE'}[name], fontsize=10)
  axes.legend(fontsize=8)
  return figure


def pair_grid(
  pairs: Mapping[tuple[int, int], object],
  names: Sequence[str],
  projection: str,
) -> Figure:
  """All pairs of genres, each in its place above the diagonal.

  Args:
    pairs: by the places of both genres in `names`; as `pair` takes them.
    names: of the genres.
    projection: 'pca' or 'tsne'.
  """
  k = len(names)
  figure = Figure(figsize=(0.75 * k, 0.75 * k))
  figure.subplots_adjust(0.06, 0.01, 0.99, 0.94, wspace=0.08, hspace=0.08)
  rows, columns = set(), set()
  for (row, column), of in sorted(pairs.items(), key=lambda pair: pair[0]):
    axes = figure.add_subplot(k, k, row * k + column + 1)
    _two_genres(axes, of, projection, small=True)
    if column not in columns:
      columns.add(column)
      axes.set_title(names[column], fontsize=7, rotation=90)
    if row not in rows:
      rows.add(row)
      axes.set_ylabel(names[row], fontsize=7, rotation=0, ha='right')
  return figure


def probes(auc: Float[np.ndarray, 'k k'], names: Sequence[str]) -> Figure:
  """How well each two genres are told apart, .5 not at all; NaN is grey."""
  k = len(names)
  figure = Figure(figsize=(0.28 * k + 3, 0.28 * k + 2), layout='constrained')
  axes = figure.subplots()
  image = axes.imshow(
    np.ma.masked_invalid(auc),
    cmap=colormaps['viridis'].with_extremes(bad='#BBBBBB'),
    vmin=0.5,
    vmax=1,
  )
  for (i, j), value in np.ndenumerate(auc):
    if np.isfinite(value):
      colour = 'white' if value < 0.8 else 'black'
      text = f'{100 * value:.0f}'
      axes.text(j, i, text, ha='center', va='center', fontsize=5, color=colour)
  axes.set_xticks(range(k), names, rotation=90, fontsize=7)
  axes.set_yticks(range(k), names, fontsize=7)
  figure.colorbar(image, label='area under the ROC curve', extend='min')
  return figure


def ring(
  names: Sequence[str],
  similarity: Float[np.ndarray, 'k k'],
  kept: Float[np.ndarray, 'k'],
) -> Figure:
  """Genres around the ring, joined by how alike they are.

  Args:
    names: in order.
    similarity: in [0, 1].
    kept: the share of its neighbours that each keeps in resampled data, which
      is the size of its dot.
  """
  k = len(names)
  angles = 2 * np.pi * np.arange(k) / k
  places = np.stack([np.cos(angles), np.sin(angles)], -1)
  figure = Figure(figsize=(8, 8), layout='constrained')
  axes = figure.subplots()
  pairs = [(similarity[i, j], i, j) for i in range(k) for j in range(i)]
  strongest = max(weight for weight, _, _ in pairs) or 1
  for weight, i, j in sorted(pairs):
    axes.plot(
      *places[[i, j]].T,
      color='#0072B2',
      alpha=float(weight / strongest) ** 2,
      linewidth=2 * weight / strongest,
    )
  axes.scatter(*places.T, s=20 + 120 * kept, color='#D55E00', zorder=3)
  for name, angle in zip(names, angles):
    flipped = np.cos(angle) < -1e-9
    axes.text(
      1.06 * np.cos(angle),
      1.06 * np.sin(angle),
      name,
      rotation=np.degrees(angle) + 180 * flipped,
      rotation_mode='anchor',
      ha='right' if flipped else 'left',
      va='center',
      fontsize=9,
    )
  axes.set_aspect('equal')
  axes.set_xlim(-1.5, 1.5)
  axes.set_ylim(-1.5, 1.5)
  axes.set_axis_off()
  return figure


def latent_report(
  scale_ratio: Float[np.ndarray, 'd'],
  genres: Sequence[Mapping],
  nearest: Mapping[str, Float[np.ndarray, 'n']],
  distances: Mapping[str, Mapping[str, float]],
) -> Figure:
  """Four panels: scales, genres, copying, metrics.

  Args:
    scale_ratio: of codes over the prior, along each axis.
    genres: with 'of' and 'sliced_wasserstein_over_floor'.
    nearest: distances to the nearest training phrase, by what.
    distances: of metrics' distributions, by what and by metric.
  """
  figure = Figure(figsize=(13, 11), layout='constrained')
  (scales, search), (by_genre, by_metric) = figure.subplots(
    2, 2, height_ratios=(1, 3)
  )
  scales.plot(np.sort(scale_ratio), color='#222222')
  scales.axhline(1, color='#999999', linestyle='--')
  scales.set_ylim(0)
  scales.set_title("codes' scale over the prior's, axes sorted", fontsize=10)
  for (name, found), colour in zip(nearest.items(), COLOURS.values()):
    search.hist(
      found,
      bins=np.linspace(0, 1, 41),
      histtype='step',
      color=colour,
      label=name,
    )
  search.set_title(
    'share of tokens in which the nearest training phrase differs', fontsize=10
  )
  search.legend(fontsize=8)
  floors = [row['sliced_wasserstein_over_floor'] for row in genres]
  by_genre.barh(range(len(genres)), floors, color='#0072B2')
  by_genre.axvline(1, color='#999999', linestyle='--')
  names = [row['of'] for row in genres]
  by_genre.set_yticks(range(len(genres)), names, fontsize=6)
  by_genre.set_title(
    'sliced Wasserstein distance to the prior, in floors', fontsize=10
  )
  colours = *COLOURS.values(), '#CC79A7'
  for (kind, found), colour in zip(distances.items(), colours):
    by_metric.plot(
      [*found.values()], range(len(found)), '.', color=colour, label=kind
    )
  # One metric that lies far out leaves the others no room.
  by_metric.set_xscale('symlog', linthresh=0.1)
  first = next(iter(distances.values()))
  by_metric.set_yticks(range(len(first)), [*first], fontsize=6)
  by_metric.set_title(
    "metrics: distance of distributions, in the data's deviations", fontsize=10
  )
  figure.legend(
    *by_metric.get_legend_handles_labels(),
    loc='outside lower right',
    ncols=len(distances),
    fontsize=8,
  )
  by_metric.grid(alpha=0.3)
  return figure
