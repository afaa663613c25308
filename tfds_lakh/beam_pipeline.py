"""The same pipeline on Apache Beam: Dataflow, Flink, Spark, or this machine.

Workers read the MIDI files themselves: the folder must be on a disk that all of
them see.
"""

import functools
import json

import apache_beam as beam
import numpy as np

from musae_jax.phrases import Phrases
from tfds_lakh import pipeline, sources
from tfds_lakh.bounded import DEFAULT_LIMITS, BoundedPool, Limits


class _Bounded(beam.DoFn):
  """Pairs of an item and function(item) or Failure, as `BoundedPool.map`."""

  def __init__(self, function, limits: Limits):
    self._function, self._limits = function, limits

  def setup(self):
    self._pool = BoundedPool(1, self._limits)

  def teardown(self):
    self._pool.__exit__()

  def process(self, item):
    yield from self._pool.map(self._function, [item])


def scan(
  files: list[sources.File], scratch, runner, options
) -> list[pipeline.Scanned]:
  """`pipeline.scan` of every file, as a Beam job of its own.

  Args:
    files: to be read by the workers.
    scratch: a folder (epath) that the workers and this process share.
    runner: of the Beam pipeline, or None.
    options: of the Beam pipeline, or None.
  """
  with beam.Pipeline(runner=runner, options=options) as job:
    _ = (
      job
      | beam.Create(files)
      | beam.Reshuffle()
      | beam.ParDo(_Bounded(pipeline.scan, DEFAULT_LIMITS))
      | beam.MapTuple(pipeline.scan_outcome)
      | beam.Map(_to_json)
      | beam.io.WriteToText(str(scratch / 'scan'))
    )
  shards = sorted(scratch.glob('scan-*'))
  lines = [line for s in shards for line in s.read_text().splitlines()]
  for shard in shards:
    shard.unlink()
  return sorted(map(_from_json, lines), key=lambda scanned: scanned.file.path)


def _to_json(scanned: pipeline.Scanned) -> str:
  return json.dumps(scanned._replace(file=scanned.file._asdict())._asdict())


def _from_json(line: str) -> pipeline.Scanned:
  fields = json.loads(line)
  file = fields['file']
  fields['file'] = sources.File(**file | {'tags': tuple(file['tags'])})
  counts = fields['num_phrases'].items()
  fields['num_phrases'] = {int(bars): count for bars, count in counts}
  return pipeline.Scanned(**fields)


class Records(beam.PTransform):
  """The records of one split: of equal phrases the first, validation's first.

  For the training split the validation files are read again: what both have
  is validation's.
  """

  def __init__(self, splits, split, genres, num_bars, limits: Limits):
    self._files = {
      scanned.file.path: scanned
      for scanned in splits['validation'] + splits['train'] * (split == 'train')
    }
    self._own = {scanned.file.path for scanned in splits[split]}
    self._genres, self._num_bars, self._limits = genres, num_bars, limits

  def expand(self, root):
    """The PCollection of keys and records."""
    work = functools.partial(pipeline.extract, num_bars=self._num_bars)
    files, own, genres = self._files, self._own, self._genres
    return (
      root
      | beam.Create([scanned.file for scanned in files.values()])
      | beam.Reshuffle()
      | beam.ParDo(_Bounded(work, self._limits))
      | beam.FlatMapTuple(_phrases_by_digest)
      | beam.CombinePerKey(min)
      | beam.Values()
      | beam.Filter(lambda phrase: phrase[1] in own)
      | beam.Map(lambda phrase: (phrase[1], phrase[2:]))
      | beam.GroupByKey()
      | beam.FlatMapTuple(
        lambda path, rows: _records(rows, files[path], genres)
      )
    )


def _phrases_by_digest(file: sources.File, result):
  found, digests = pipeline.checked(file, result)
  rank = not pipeline.is_validation(file.song)
  for row, (digest, *phrase) in enumerate(zip(digests, *found)):
    yield digest, (rank, file.path, row, *phrase)


def _records(rows, file: pipeline.Scanned, genres: list[str]):
  rows = sorted(rows, key=lambda row: row[0])
  found = Phrases(*(np.stack(field) for field in list(zip(*rows))[1:]))
  return list(pipeline.records(found, file, genres))
