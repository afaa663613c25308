"""What a build read, rejected and wrote: report.json and a table."""

import collections
import json

import numpy as np


def summary(builder, source, scanned) -> dict:
  """The report of a data set, counted in what was written.

  Args:
    builder: of a prepared `LakhPianoroll`.
    source: the `sources.Source` that it was built from.
    scanned: every file's `pipeline.Scanned`.
  """
  metadata = builder.info.metadata
  genres, num_bars = metadata['genres'], metadata['num_bars']
  splits = {split: _count(builder, split) for split in builder.info.splits}
  tags = collections.Counter()
  for split in splits.values():
    tags.update(split.pop('phrases_by_genre'))
  retained = [s for s in scanned if not s.rejected]
  by_song = {s.file.song: set(s.file.tags) for s in retained}
  return {
    'data_set': builder.info.full_name,
    'files': {
      'read': len(scanned),
      'rejected': len(scanned) - len(retained),
      'retained': len(retained),
      'retained_without_phrase': sum(
        not s.num_phrases[num_bars] for s in retained
      ),
    },
    'rejected': rejected(scanned),
    'labels_without_file': source.labels_without_file,
    'songs': {
      'retained': len(by_song),
      'without_genre': sum(not tags & set(genres) for tags in by_song.values()),
    },
    'phrases': {
      'found': sum(s.num_phrases[num_bars] for s in retained),
      'kept': sum(split['phrases'] for split in splits.values()),
    },
    'splits': splits,
    'genres': [
      {
        'genre': genre,
        'songs': sum(genre in tags for tags in by_song.values()),
        'phrases': int(tags[i]),
      }
      for i, genre in enumerate(genres)
    ],
  }


def rejected(scanned) -> dict:
  """Reason -> number of files and all their messages, most files first."""
  by_reason = collections.defaultdict(list)
  for outcome in scanned:
    if outcome.rejected:
      by_reason[outcome.rejected].append(outcome.detail)
  reasons = sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0]))
  return {
    reason: {'files': len(details), 'details': details}
    for reason, details in reasons
  }


def reasons(scanned) -> str:
  """The reasons of rejection in one line."""
  found = rejected(scanned).items()
  return '; '.join(f'{r}: {of["files"]} files' for r, of in found)


def _count(builder, split: str) -> dict:
  songs, files, phrases = set(), set(), 0
  by_genre = collections.Counter()
  records = builder.as_data_source(split)
  for record in records:
    size = len(record['bar'])
    phrases += size
    songs.add(record['song'])
    files.add(record['file'])
    for genre in np.flatnonzero(record['genres']):
      by_genre[int(genre)] += size
  return {
    'songs': len(songs),
    'files': len(files),
    'phrases': phrases,
    'records': len(records),
    'phrases_by_genre': by_genre,
  }


def table(report: dict) -> str:
  """The report as Markdown."""
  files, songs, phrases = (report[k] for k in ('files', 'songs', 'phrases'))
  lines = [
    f'# {report["data_set"]}',
    '',
    f'{files["read"]:,} files read, {files["retained"]:,} retained '
    f'({songs["retained"]:,} songs, {songs["without_genre"]:,} of them without '
    f'a genre), {files["retained_without_phrase"]:,} of these without a '
    f'phrase. {phrases["found"]:,} phrases found, each unique in its file; '
    f'{phrases["kept"]:,} unique in the data set.',
    '',
    '| split | songs | files | phrases | records |',
    '|---|---:|---:|---:|---:|',
  ]
  for name, split in report['splits'].items():
    lines.append(f'| {name} | ' + ' | '.join(f'{n:,}' for n in split.values()))
    lines[-1] += ' |'
  lines += ['', '| rejected because | files | for example |', '|---|---:|---|']
  for reason, found in report['rejected'].items():
    example = found['details'][0].replace('|', '\\|')
    lines.append(f'| {reason} | {found["files"]:,} | {example} |')
  unmatched = report['labels_without_file']
  if unmatched:
    lines += [
      '',
      f'{len(unmatched):,} lines of labels.csv name a file that is not there, '
      f'for example {unmatched[0]}',
    ]
  lines += ['', '| genre, in ring order | songs | phrases |', '|---|---:|---:|']
  for row in report['genres']:
    lines.append(f'| {row["genre"]} | {row["songs"]:,} | {row["phrases"]:,} |')
  return '\n'.join(lines) + '\n'


def write(builder, source, scanned) -> None:
  """Writes report.json and report.md into the data set's folder."""
  report = summary(builder, source, scanned)
  (builder.data_path / 'report.json').write_text(json.dumps(report, indent=1))
  (builder.data_path / 'report.md').write_text(table(report))
