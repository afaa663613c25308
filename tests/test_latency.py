"""The benchmark of what a musician waits for."""

import json

from experiments.benchmarks import latency

SMALL = [
  '--config=quickstart',
  '--config.model.width=8',
  '--config.model.latent_dim=4',
  '--config.critic.width=4',
  '--repeats=1',
]


def test_what_is_timed(capsys):
  assert latency.main([*SMALL, '--json']) == 0
  found = json.loads(capsys.readouterr().out)
  (imports,), (again,) = found['imports'], found['musae reconstruct']
  assert 0 < imports < again
  assert min(map(min, found.values())) > 0


def test_table():
  found = {'imports': [1.0, 2.0, 3.0], 'decode 1,024 phrases': [0.5]}
  assert latency.table(found).splitlines()[2:] == [
    '| imports | 2.00 | 1.50-2.50 |  |',
    '| decode 1,024 phrases | 0.50 |  | 2,048 |',
  ]


def test_the_song_lasts_three_minutes():
  song = latency.song()
  assert abs(song.num_bars * 4 / song.tempo - 3) < 0.2


def test_a_field_that_is_none(capsys):
  assert latency.main(['--config=quickstart', '--config.model.width=7']) == 1
  assert len(capsys.readouterr().err.splitlines()) == 1
