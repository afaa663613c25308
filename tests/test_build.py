import csv
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import tensorflow_datasets as tfds

from musae_jax import midi, phrases
from musae_jax.pianoroll import Notes
from tfds_lakh import build, pipeline

SHARED = pathlib.Path(__file__).parents[2] / 'shared/midi'
HOSTILE, LAKH = SHARED / 'hostile', SHARED / 'lmd_sample'
TAGS = ('rock', 'pop', 'jazz', 'punk', 'funk')


def compose(seed, bars=18):
  """Two bars of chance, repeated with changes; four roles, two guitars."""
  rng = np.random.default_rng(seed)
  tracks = []
  for program, is_drum in (
    (0, True),
    (33, False),
    (0, False),
    (25, False),
    (48, False),
  ):
    start = np.arange(0, 16 * bars, 4)
    pitch = np.resize(rng.integers(40, 60, 8), len(start))
    changed = rng.random(len(start)) < 0.1
    pitch = np.where(changed, rng.integers(40, 60, len(start)), pitch)
    notes = Notes(pitch, start, start + rng.integers(1, 5, len(start)))
    tracks.append(midi.Track(f'track {program}', program, is_drum, notes))
  return midi.Song(tuple(tracks), 100.0 + seed)


@pytest.fixture(scope='module')
def corpus(tmp_path_factory):
  """24 songs; songs 0 and 1 have a copy; three files are no songs."""
  folder = tmp_path_factory.mktemp('corpus')
  rows = []
  for seed in range(24):
    path = f'{seed:02}.mid'
    midi.write(folder / path, compose(seed))
    tags = [TAGS[seed % 5], TAGS[(seed + 1) % 5]]
    rows.append((path, f'song {seed}', ';'.join(tags)))
  for seed in (0, 1):
    shutil.copy(folder / f'{seed:02}.mid', folder / f'copy of {seed:02}.mid')
  midi.write(
    folder / 'waltz.mid', compose(99)._replace(time_signatures=((3, 4),))
  )
  midi.write(
    folder / 'solo.mid', compose(98)._replace(tracks=compose(98).tracks[:1])
  )
  (folder / 'noise.mid').write_bytes(bytes(range(256)))
  with open(folder / 'labels.csv', 'w', newline='') as file:
    csv.writer(file).writerows([('path', 'song', 'tags'), *rows])
  return folder


def run_build(corpus, data_dir, *flags):
  common = ['--manual_dir', str(corpus), '--data_dir', str(data_dir)]
  return build.main([*common, '--workers=2', *flags])


@pytest.fixture(scope='module')
def built(corpus, tmp_path_factory):
  data_dir = tmp_path_factory.mktemp('data')
  assert run_build(corpus, data_dir) == 0
  return data_dir


def prepared(data_dir, config='2bar'):
  folder = data_dir / 'lakh_pianoroll' / config / '1.0.0'
  builder = tfds.builder_from_directory(folder)
  splits = {
    split: list(builder.as_data_source(split)) for split in builder.info.splits
  }
  return builder, splits


def rows(data_dir, config='2bar'):
  """Every field of every record, in the order of the shards.

  The bytes of a shard may differ: protobuf does not order a map's keys.
  """
  _, splits = prepared(data_dir, config)
  return {
    split: [
      [(key, np.asarray(record[key]).tobytes()) for key in sorted(record)]
      for record in records
    ]
    for split, records in splits.items()
  }


def digests(records):
  return [
    phrase.tobytes() for record in records for phrase in record['phrases']
  ]


@pytest.mark.parametrize('config, num_bars', [('2bar', 2), ('16bar', 16)])
def test_every_phrase_once_and_none_in_both_splits(
  corpus, built, config, num_bars
):
  _, splits = prepared(built, config)
  expected = {
    phrase.tobytes()
    for seed in range(24)
    for phrase in phrases.extract(
      midi.read(corpus / f'{seed:02}.mid'), num_bars
    ).tokens
  }
  found = digests(splits['train']) + digests(splits['validation'])
  assert len(found) == len(set(found))
  assert set(found) == expected


def test_split_by_song_and_what_both_have_is_validations(built):
  _, splits = prepared(built)
  for split, records in splits.items():
    for record in records:
      song = record['song'].decode()
      assert pipeline.is_validation(song) == (split == 'validation')
  files = {r['file'].decode() for rs in splits.values() for r in rs}
  for seed in (0, 1):
    keys = {f'{seed:02}.mid': f'song {seed}'}
    keys[f'copy of {seed:02}.mid'] = f'copy of {seed:02}.mid'
    kept = [file for file in keys if file in files]
    first = min(
      keys, key=lambda file: (not pipeline.is_validation(keys[file]), file)
    )
    assert kept == [first]


def test_what_a_record_says(corpus, built):
  builder, splits = prepared(built)
  genres = builder.info.metadata['genres']
  assert sorted(genres) == sorted(TAGS)
  for record in splits['train'] + splits['validation']:
    seed = record['file'].decode().removesuffix('.mid').split()[-1]
    song = midi.read(corpus / f'{seed}.mid')
    assert record['tempo'] == pytest.approx(100 + int(seed), rel=1e-4)
    found = phrases.extract(song, 2)
    for field in ('bar', 'programs'):
      assert len(record[field]) == len(record['phrases'])
    rows = {p.tobytes(): (b, tuple(q)) for p, b, q in zip(*found)}
    for phrase, bar, programs in zip(
      record['phrases'], record['bar'], record['programs']
    ):
      assert rows[phrase.tobytes()] == (bar, tuple(programs))
    if not record['file'].startswith(b'copy'):
      tags = {TAGS[int(seed) % 5], TAGS[(int(seed) + 1) % 5]}
      hot = np.flatnonzero(record['genres'])
      assert {genres[i] for i in hot} == tags


def test_the_report(built):
  folder = built / 'lakh_pianoroll/2bar/1.0.0'
  report = json.loads((folder / 'report.json').read_text())
  assert report['files']['read'] == 29
  assert report['files']['rejected'] == 3
  assert report['rejected'] == {
    reason: {'files': 1, 'details': [detail]}
    for reason, detail in [
      ('no bass and no guitar track', 'solo.mid: no bass and no guitar track'),
      (
        'not a readable MIDI file',
        report['rejected']['not a readable MIDI file']['details'][0],
      ),
      (
        'time signature other than 4/4',
        'waltz.mid: time signature other than 4/4',
      ),
    ]
  }
  _, splits = prepared(built)
  for split, records in splits.items():
    assert report['splits'][split]['phrases'] == len(digests(records))
  assert report['phrases']['kept'] < report['phrases']['found']
  assert report['genres'][0]['songs'] > 0
  table = (folder / 'report.md').read_text()
  missing = 'no bass and no guitar track'
  assert f'| {missing} | 1 | solo.mid: {missing} |' in table


def test_same_files_same_records_with_any_number_of_workers(
  corpus, built, tmp_path
):
  assert run_build(corpus, tmp_path, '--workers=1', '--config=2bar') == 0
  assert rows(tmp_path) == rows(built)


def test_killed_and_started_again(corpus, built, tmp_path):
  command = [
    *(sys.executable, '-m', 'tfds_lakh.build', '--config=2bar'),
    *('--workers=1', '--manual_dir', corpus, '--data_dir', tmp_path),
  ]
  process = subprocess.Popen(
    command, stderr=subprocess.PIPE, start_new_session=True
  )
  while not list(tmp_path.glob('.building-2bar/*/2bar/*incomplete*/*')):
    assert process.poll() is None
    time.sleep(0.005)
  process.send_signal(signal.SIGKILL)
  process.wait()
  assert not list(tmp_path.glob('*/2bar/1.0.0'))
  subprocess.run(command, check=True, capture_output=True)
  assert rows(tmp_path) == rows(built)
  assert [path.name for path in tmp_path.iterdir()] == ['lakh_pianoroll']


def test_shards_and_overwrite(corpus, tmp_path, capsys):
  assert run_build(corpus, tmp_path, '--config=2bar', '--num_shards=3') == 0
  assert len(list(tmp_path.rglob('*train.array_record*'))) == 3
  assert run_build(corpus, tmp_path, '--config=2bar') == 0
  assert 'is there already' in capsys.readouterr().out
  assert len(list(tmp_path.rglob('*train.array_record*'))) == 3
  assert run_build(corpus, tmp_path, '--config=2bar', '--overwrite') == 0
  assert len(list(tmp_path.rglob('*train.array_record*'))) == 1


def test_a_hand_made_order(corpus, tmp_path, capsys):
  order = tmp_path / 'order.txt'
  order.write_text('\n'.join(TAGS))
  flags = ('--config=2bar', f'--ring_order={order}')
  assert run_build(corpus, tmp_path, *flags) == 0
  builder, _ = prepared(tmp_path)
  assert builder.info.metadata['genres'] == list(TAGS)
  order.write_text('rock\npop\n')
  assert run_build(corpus, tmp_path, *flags, '--overwrite') == 1
  assert 'missing: funk, jazz, punk' in capsys.readouterr().err
  builder, _ = prepared(tmp_path)  # the old one is whole
  assert builder.info.metadata['genres'] == list(TAGS)


def test_too_few_songs(corpus, tmp_path, capsys):
  few = tmp_path / 'few'
  few.mkdir()
  shutil.copy(corpus / '00.mid', few)
  shutil.copy(corpus / 'solo.mid', few)
  assert run_build(few, tmp_path / 'data', '--config=2bar') == 1
  error = capsys.readouterr().err.strip().splitlines()[-1]
  assert error.startswith('error: no song of the')
  assert 'no bass and no guitar track: 1 files' in error


@pytest.mark.parametrize(
  'flags, message',
  [
    (['--config=3bar'], "no config '3bar'; there are 2bar, 16bar"),
    (['--workers=0'], "'0' is not a positive whole number"),
  ],
)
def test_wrong_flags(tmp_path, capsys, flags, message):
  with pytest.raises(SystemExit) as stopped:
    run_build(tmp_path, tmp_path, *flags)
  assert stopped.value.code
  assert message in capsys.readouterr().err


def test_a_missing_folder(tmp_path, capsys):
  assert run_build(tmp_path / 'none', tmp_path) == 1
  assert 'none: no such folder' in capsys.readouterr().err


def test_lakh_is_fetched_without_a_folder(
  corpus, tmp_path, capsys, monkeypatch
):
  """Nothing is fetched here: the archives are there, unpacked."""

  def unpacked(self, urls):
    for name, url in urls.items():
      assert url.endswith(f'{name}.tar.gz')
      (tmp_path / name / name).mkdir(parents=True)
    for path in corpus.glob('[0-9]*.mid'):
      place = f'A/B/C/TR{path.stem}'
      (tmp_path / 'lmd_matched/lmd_matched' / place).mkdir(parents=True)
      shutil.copy(path, tmp_path / 'lmd_matched/lmd_matched' / place)
      h5 = tmp_path / 'lmd_matched_h5/lmd_matched_h5' / f'{place}.h5'
      h5.parent.mkdir(parents=True, exist_ok=True)
      with h5py.File(h5, 'w') as file:
        file['metadata/artist_terms'] = np.array([b'rock', b'pop'], 'S256')
    return {name: tmp_path / name for name in urls}

  monkeypatch.setattr(
    tfds.download.DownloadManager, 'download_and_extract', unpacked
  )
  flags = ['--config=2bar', f'--data_dir={tmp_path / "data"}', '--workers=2']
  assert build.main(flags) == 0
  builder, splits = prepared(tmp_path / 'data')
  assert builder.info.metadata['genres'] == ['pop', 'rock']
  assert {r['song'][:2] for rs in splits.values() for r in rs} == {b'TR'}


def test_one_file_with_an_odd_name_costs_only_itself(corpus, built, tmp_path):
  folder = tmp_path / 'corpus'
  shutil.copytree(corpus, folder)
  odd = os.fsencode(folder) + b'/caf\xe9.mid'
  shutil.copy(folder / '00.mid', odd)
  assert run_build(folder, tmp_path, '--config=2bar') == 0
  assert rows(tmp_path) == rows(built)
  report = tmp_path / 'lakh_pianoroll/2bar/1.0.0/report.json'
  assert 'file name is not UTF-8' in json.loads(report.read_text())['rejected']


def test_labels_of_files_that_are_not_there_are_named(corpus, tmp_path, capsys):
  folder = tmp_path / 'corpus'
  shutil.copytree(corpus, folder)
  with open(folder / 'labels.csv', 'a') as file:
    file.write('gone.mid,gone,rock\n')
  assert run_build(folder, tmp_path, '--config=2bar') == 0
  assert '1 lines of labels.csv name a file that is not there' in (
    capsys.readouterr().out
  )


def test_two_builds_at_once(corpus, tmp_path, capsys):
  with build._alone(tmp_path):
    assert run_build(corpus, tmp_path) == 1
  assert 'another build is writing into it' in capsys.readouterr().err


def test_what_tfds_refuses_is_one_line(corpus, tmp_path, capsys):
  assert run_build(corpus, tmp_path, '--config=2bar', '--num_shards=999') == 1
  lines = capsys.readouterr().err.strip().splitlines()
  assert lines[-1].startswith('error: ') and '999' in lines[-1]
  assert not any('Traceback' in line for line in lines)


def test_all_phrases_in_both_splits(corpus, tmp_path, capsys):
  folder = tmp_path / 'copies'
  folder.mkdir()
  for i in range(30):
    shutil.copy(corpus / '00.mid', folder / f'{i}.mid')
  assert run_build(folder, tmp_path / 'data', '--config=2bar') == 1
  error = capsys.readouterr().err.strip().splitlines()[-1]
  assert 'every phrase of the train split is in the validation' in error


@pytest.mark.skipif(not HOSTILE.is_dir(), reason='no hostile files here')
def test_hostile_files_are_survived_and_named(corpus, built, tmp_path):
  folder = tmp_path / 'corpus'
  shutil.copytree(corpus, folder)
  shutil.copytree(HOSTILE, folder / 'hostile')
  assert run_build(folder, tmp_path, '--config=2bar') == 0
  assert rows(tmp_path) == rows(built)
  path = tmp_path / 'lakh_pianoroll/2bar/1.0.0/report.json'
  rejected = json.loads(path.read_text())['rejected']
  named = sum(of['files'] for of in rejected.values())
  assert named == 3 + len(list(HOSTILE.iterdir()))


@pytest.mark.skipif(not LAKH.is_dir(), reason='no real songs here')
def test_songs_laid_out_as_lakh(tmp_path):
  """The figures of docs/results.md."""
  assert run_build(LAKH, tmp_path, '--config=2bar') == 0
  path = tmp_path / 'lakh_pianoroll/2bar/1.0.0/report.json'
  report = json.loads(path.read_text())
  assert report['files']['retained'] == 59
  assert report['songs']['without_genre'] == 0
  assert report['phrases']['kept'] == 10_404
  assert report['splits']['validation']['phrases'] == 2_537


def test_beam_gives_the_same_records(corpus, built, tmp_path):
  pytest.importorskip('apache_beam')
  options = 'runner=DirectRunner,direct_running_mode=multi_processing'
  options += ',direct_num_workers=2'
  flags = '--config=2bar', f'--beam_pipeline_options={options}'
  assert run_build(corpus, tmp_path, *flags) == 0
  found, expected = rows(tmp_path), rows(built)
  for split in expected:
    assert sorted(found[split]) == sorted(expected[split])
  for name in ('metadata.json', 'report.json'):
    path = f'lakh_pianoroll/2bar/1.0.0/{name}'
    assert (tmp_path / path).read_text() == (built / path).read_text()
