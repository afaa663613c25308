"""Metrics of phrases: worked out by hand, counted naively, against muspy."""

import math

import numpy as np
import pytest

from musae_jax import metrics
from musae_jax.pianoroll import HOLD, SILENCE, TRACKS, canonical, decode

_, H = SILENCE, HOLD
# Two bars. Drums: kick and snare on the beats, a hat on one off-beat eighth.
# Bass: C held, E, a rest, then in the second bar G C' C'. Guitar: the second
# bar repeats the first. Strings: a single note over all.
DRUMS = [36, _, _, _, 38, _, _, _, 36, _, 42, _, 38, _, _, _] + [
  *[36, _, _, _, 38, _, _, _, 36, _, _, _, 38, _, _, _]
]
BASS = [36, H, H, H, 40, H, _, _, _, _, _, _, _, _, _, _] + [
  *[_, _, 43, _, _, _, _, 48, H, H, 48, _, _, _, _, H]
]
GUITAR = [60, H, H, H, H, H, H, H, 64, H, H, H, H, H, H, H] * 2
STRINGS = [72] + [H] * 31
CLIP = np.array([DRUMS, BASS, GUITAR, STRINGS], np.uint8).T

# Per track, worked out on paper; None: it has no such metric.
NAN = math.nan
EXPECTED = {
  'note_count': (9, 5, 4, 1),
  'note_density': (9 / 32, 5 / 32, 4 / 32, 1 / 32),
  'note_length_mean': (1, (4 + 2 + 1 + 3 + 1) / 5, 8, 32),
  # 4 2 1 3 1: mean 2.2, squares 31 / 5 = 6.2, 6.2 - 4.84 = 1.36.
  'note_length_std': (0, math.sqrt(1.36), 0, 0),
  'avg_pitch_interval': (None, (4 + 3 + 5 + 0) / 4, 4, NAN),
  # First to last onset: 0 to 28 of 9; 0 to 26 of 5; 0 to 24 of 4.
  'ioi_mean': (28 / 8, 26 / 4, 8, NAN),
  'pitch_mean': (None, (36 + 40 + 43 + 48 + 48) / 5, 62, 72),
  'pitch_std': (None, math.sqrt(21.6), 2, 0),
  'pitch_range': (None, 12, 4, 0),
  'pitch_count': (None, 4, 2, 1),
  # C E, then G C; C E twice; C and nothing.
  'pitch_classes_per_bar': (None, 2, 2, 0.5),
  # C 3, E 1, G 1 of 5.
  'pitch_class_entropy': (
    *(None, -(0.6 * math.log2(0.6) + 0.4 * math.log2(0.2))),
    *(1, 0),
  ),
  'scale_consistency': (None, 1, 1, 1),
  'qualified_note_rate': (0, 3 / 5, 1, 1),
  'empty_bar_rate': (0, 0, 0, 0),
  'silence_ratio': (23 / 32, 20 / 32, 0, 0),
  'hold_ratio': (0, 7 / 32, 28 / 32, 31 / 32),
  # Onset vectors differ at: 10; 0 4 2 7 10; nowhere; 0.
  'groove_consistency': (15 / 16, 11 / 16, 1, 15 / 16),
  # Off-beat: 10, followed by 12 which is struck. 18 (not 20), 23 (not 24),
  # 26 (not 28). None in guitar and strings.
  'syncopation': (0, 1, NAN, NAN),
  'repetition': (0, 0, 0.5, 0),
  'drum_pattern': (1, None, None, None),
}


@pytest.mark.parametrize('name', EXPECTED)
def test_a_clip_worked_out_by_hand(name):
  (found,) = metrics.measure(CLIP[None])[name]
  expected = [NAN if x is None else x for x in EXPECTED[name]]
  np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_every_metric_of_a_track_is_worked_out():
  assert [*EXPECTED, 'onset_coincidence', 'tonal_distance'] == [*metrics.NAMES]


def test_onsets_of_two_tracks_coincide():
  # Drums 9 onsets 0 4 8 10 12 16 20 24 28; bass 0 4 18 23 26;
  # guitar 0 8 16 24; strings 0.
  pairs = [2 / 12, 4 / 9, 1 / 9, 1 / 8, 1 / 5, 1 / 4]
  (found,) = metrics.measure(CLIP[None])['onset_coincidence']
  assert found == pytest.approx(np.mean(pairs))


def test_tonal_distance_of_a_fifth_and_of_nothing():
  clip = np.full((1, 32, 4), SILENCE, np.uint8)
  assert np.isnan(metrics.measure(clip)['tonal_distance'])
  # C and G, of which one step on the circle of fifths is 7 pi / 6 (radius 1),
  # 3 pi / 2 (1) and 2 pi / 3 (1/2) times 7: 49 pi / 6, 21 pi / 2, 14 pi / 3.
  clip[0, :4, 1], clip[0, :4, 2] = [36, H, H, H], [43, H, H, H]
  chords = [2 * r * math.sin(a / 2) for r, a in FIFTH]
  (found,) = metrics.measure(clip)['tonal_distance']
  assert found == pytest.approx(math.hypot(*chords), rel=1e-5)


FIFTH = [
  (1, 49 * math.pi / 6),
  (1, 21 * math.pi / 2),
  (0.5, 14 * math.pi / 3),
]


def test_a_track_without_notes_has_no_pitch_and_is_empty():
  clip = np.full((1, 32, 4), SILENCE, np.uint8)
  clip[0, 5:9] = H  # of nothing
  found = {name: x[0] for name, x in metrics.measure(clip).items()}
  for name in ('note_length_mean', 'pitch_mean', 'pitch_std', 'pitch_count'):
    assert np.isnan(found[name]).all(), name
  assert list(found['note_count']) == [0] * 4
  assert list(found['empty_bar_rate']) == [1] * 4
  assert list(found['groove_consistency']) == [1] * 4


def naive(phrase):
  """Some metrics of one phrase from its notes, one by one."""
  rows = {}
  bars = [phrase[i : i + 16] for i in range(0, len(phrase), 16)]
  for column in range(4):
    notes = decode(phrase[:, column])
    count, lengths = len(notes.start), notes.end - notes.start
    pitch = notes.pitch
    classes = [
      {p % 12 for p, s in zip(pitch, notes.start) if 16 * i <= s < 16 * (i + 1)}
      for i in range(len(bars))
    ]
    rows[column] = {
      'note_count': count,
      'note_length_mean': lengths.mean() if count else NAN,
      'note_length_std': lengths.std() if count else NAN,
      'ioi_mean': np.diff(notes.start).mean() if count > 1 else NAN,
      'qualified_note_rate': (lengths > 1).mean() if count else NAN,
      'repetition': np.mean(
        [
          list(bar[:, column]) in [list(old[:, column]) for old in bars[:i]]
          for i, bar in enumerate(bars)
        ]
      ),
    }
    if column:
      rows[column] |= {
        'avg_pitch_interval': (
          np.abs(np.diff(pitch)).mean() if count > 1 else NAN
        ),
        'pitch_mean': pitch.mean() if count else NAN,
        'pitch_std': pitch.std() if count else NAN,
        'pitch_range': np.ptp(pitch) if count else NAN,
        'pitch_count': len(set(pitch)) if count else NAN,
        'pitch_classes_per_bar': np.mean([*map(len, classes)])
        if count
        else NAN,
      }
  return rows


def phrases(seed, count, num_steps):
  rng = np.random.default_rng(seed)
  tokens = rng.integers(0, 128, (count, num_steps, 4))
  kind = rng.random((count, 1, 4)), rng.random((count, num_steps, 4))
  tokens = np.where(kind[1] < kind[0], H, tokens)
  tokens = np.where(rng.random(tokens.shape) < 0.2, SILENCE, tokens)
  silent = rng.random((count, 1, 4)) < 0.1
  tokens = np.where(silent, SILENCE, tokens)
  return tokens.astype(np.uint8)


@pytest.mark.parametrize('num_steps', [16, 32, 256])
def test_any_phrase_equals_a_naive_count(num_steps):
  tokens = phrases(num_steps, 20, num_steps)
  tokens[3, -16:] = tokens[3, :16]
  found = metrics.measure(tokens, block=8)
  for i, phrase in enumerate(tokens):
    for column, expected in naive(phrase).items():
      for name, value in expected.items():
        np.testing.assert_allclose(
          found[name][i, column], value, rtol=1e-5, err_msg=f'{name} {column}'
        )


def test_columns_leave_out_what_a_track_does_not_have():
  columns = metrics.columns(metrics.measure(CLIP[None]))
  assert 'pitch_mean/drums' not in columns
  assert 'drum_pattern/bass' not in columns
  assert columns['drum_pattern/drums'] == [1]
  assert len(columns) == 12 * 4 + 8 * 3 + 1 + 2


def test_means_leave_out_what_is_not_defined():
  mean, share = metrics.means(np.array([[1, NAN, 3, NAN], [NAN] * 4]))
  np.testing.assert_array_equal(mean, [2, NAN])
  np.testing.assert_array_equal(share, [0.5, 0])


def test_the_distance_of_distributions():
  rng = np.random.default_rng(0)
  data = rng.normal(5, 2, 4001)
  same = metrics.distance({'a': rng.permutation(data)}, {'a': data})
  moved = metrics.distance({'a': data[:4000] + 3}, {'a': data[:4000]})
  # One and two of five against none, of unequal numbers: worked out by hand.
  small = metrics.distance(
    {'a': np.array([0, NAN, 1])}, {'a': np.array([0, 0, 0, 4.0])}
  )
  assert same['a'] == pytest.approx(0, abs=1e-12)
  assert moved['a'] == pytest.approx(3 / data[:4000].std(), rel=1e-6)
  # Quantiles: 0 against 0 up to 1/2, 1 against 0 to 3/4, 1 against 4 after.
  assert small['a'] == pytest.approx((0.25 * 1 + 0.25 * 3) / np.sqrt(3))
  assert math.isnan(metrics.distance({'a': np.array([NAN])}, {'a': data})['a'])


@pytest.fixture(scope='module')
def muspy():
  return pytest.importorskip('muspy')


@pytest.mark.parametrize('seed', range(3))
def test_equals_muspy_where_it_means_the_same(muspy, seed):
  """Of one track each; onsets only, for muspy's bars include the end."""
  tokens = canonical(phrases(seed, 1, 32)[0])
  tokens[-1] = SILENCE
  found = metrics.measure(tokens[None])
  for column, track in enumerate(TRACKS):
    if track == 'drums' or not (tokens[:, column] < 128).any():
      continue  # where muspy's range is 0, and nothing is not defined
    notes = [
      muspy.Note(int(start), int(pitch), int(end - start))
      for pitch, start, end in zip(*decode(tokens[:, column]))
    ]
    music = muspy.Music(resolution=4, tracks=[muspy.Track(notes=notes)])
    for name, expected in {
      'pitch_range': muspy.pitch_range(music),
      'pitch_count': muspy.n_pitches_used(music),
      'pitch_class_entropy': muspy.pitch_class_entropy(music),
      'scale_consistency': muspy.scale_consistency(music),
      'groove_consistency': muspy.groove_consistency(music, 16),
    }.items():
      np.testing.assert_allclose(
        found[name][0, column], expected, rtol=1e-5, err_msg=f'{name} {track}'
      )
