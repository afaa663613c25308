"""The paper's tables and figures, as files of small runs."""

import csv
import html.parser
import json
import re
import shutil
import types

import numpy as np
import pytest
from test_train import FLAGS

from experiments import config_flag, evaluate, figures, train
from experiments.artefacts import fig3, pictures, subject, table1
from musae_jax import checkpoint, exported


@pytest.fixture(scope='module')
def run(tiny_bars, tmp_path_factory):
  """Trains a small run; returns its folder."""

  def run(name, *flags):
    workdir = tmp_path_factory.mktemp('runs') / name
    argv = [*FLAGS, f'--config.data.dir={tiny_bars}', *flags]
    argv += ['--config.train.num_steps=6', '--config.train.checkpoint_every=6']
    train.train(config_flag.ConfigParser().parse(argv).config, workdir)
    return workdir

  return run


@pytest.fixture(scope='module')
def flower(run):
  return run('flower')


@pytest.fixture(scope='module')
def gaussian(run):
  return run('gaussian', '--config.prior.kind=gaussian')


class Links(html.parser.HTMLParser):
  def __init__(self, text):
    super().__init__()
    self.found = []
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    self.found += [value for name, value in attrs if name in ('src', 'href')]


@pytest.fixture(scope='module')
def drawn(flower):
  assert figures.main(['all', f'--workdir={flower}']) == 0
  return flower / 'figures'


@pytest.mark.parametrize('name', figures.NAMES)
def test_each_is_a_picture_a_table_and_facts(drawn, name):
  if name == 'ring':  # of three genres only
    assert not (drawn / 'ring.json').exists()
    return
  assert (drawn / f'{name}.png').read_bytes().startswith(b'\x89PNG')
  assert '<svg' in (drawn / f'{name}.svg').read_text()
  with open(drawn / f'{name}.csv', newline='') as file:
    rows = list(csv.DictReader(file))
  assert rows
  about = json.loads((drawn / f'{name}.json').read_text())
  assert about['title'] and about['caption']


def test_every_pair_has_its_picture(drawn):
  names = {path.name for path in (drawn / 'fig5').iterdir()}
  for pair in ('rock-pop', 'pca', 'tsne'):
    assert {f'{pair}.png', f'{pair}.svg'} <= names


def test_the_page_shows_all_of_them(drawn):
  text = (drawn / 'index.html').read_text()
  links = Links(text).found
  assert len(links) > 30
  assert all((drawn / link).exists() for link in links)
  for name in figures.NAMES:
    assert f'id="{name}"' in text
  assert 'lakh_pianoroll/2bar' in text
  assert '3 genres have no order' in text


def test_one_made_alone_leaves_the_others_on_the_page(drawn, flower):
  before = (drawn / 'index.html').read_text()
  assert figures.main(['codes', f'--workdir={flower}']) == 0
  after = (drawn / 'index.html').read_text()
  # The ring was asked for then, and could not be made.
  ring = re.compile(r'<h2 id="ring">.*?</div>\n', re.S)
  assert ring.sub('', before) == after
  about = json.loads((drawn / 'fig2.json').read_text())
  assert about['of'].startswith('step 6, parameters ')
  about['of'] = 'another, step 3'
  whole = (drawn / 'fig2.json').read_text()
  try:
    (drawn / 'fig2.json').write_text(json.dumps(about))
    assert figures.main(['codes', f'--workdir={flower}']) == 0
    assert 'id="fig2"' not in (drawn / 'index.html').read_text()
  finally:
    (drawn / 'fig2.json').write_text(whole)


def test_the_same_model_gives_the_same_numbers(drawn, flower):
  before = {path.name: path.read_bytes() for path in drawn.glob('*.csv')}
  names = [name for name in figures.NAMES if name not in ('fig5', 'ring')]
  assert figures.main([*names, f'--workdir={flower}']) == 0
  after = {path.name: path.read_bytes() for path in drawn.glob('*.csv')}
  assert after == before


def test_runs_go_side_by_side(run, flower, gaussian, tmp_path):
  """Two seeds are one row, with an interval; what one has not is said."""
  other = run('seed1', '--config.train.seed=1')
  argv = ['table1', 'fig3', f'--workdirs={flower},{other},{gaussian}']
  assert figures.main([*argv, f'--out={tmp_path}']) == 0
  with open(tmp_path / 'table1.csv', newline='') as file:
    rows = [row for row in csv.DictReader(file) if row['measure'] == 'accuracy']
  assert [row['row'] for row in rows[:2]] == ['flower, seed1', 'gaussian']
  assert float(rows[0]['drums +-']) >= 0
  assert rows[1]['drums +-'] == ''
  text = (tmp_path / 'index.html').read_text()
  assert 'its prior has 1 component, no ring' in text
  assert all((tmp_path / link).exists() for link in Links(text).found)


def test_an_interval_is_students():
  found = table1._interval([[0.5] * 6, [0.6] * 6, [0.7] * 6])
  assert found['bass'] == pytest.approx(0.6)
  # t of 2 degrees at .975 is 4.3027; the standard error .1 / sqrt 3.
  assert found['bass +-'] == pytest.approx(4.3027 * 0.1 / 3**0.5, rel=1e-4)


def test_roughness_is_one_for_any_order_and_none_for_a_slow_ring():
  turn = 2 * np.pi * np.arange(32) / 32
  slow = np.stack([np.sin(turn), 5 + 3 * np.cos(turn)])
  assert fig3.roughness(slow) == pytest.approx(2 * (np.pi / 32) ** 2, rel=0.1)
  rng = np.random.default_rng(0)
  any_order = [fig3.roughness(rng.normal(size=(5, 32))) for _ in range(200)]
  assert np.mean(any_order) == pytest.approx(1, abs=0.05)
  assert fig3.roughness(np.vstack([slow, np.ones(32)])) < 0.1


def test_cut_evaluation_is_one_line(drawn, flower):
  path = flower / 'evaluation.json'
  whole = path.read_text()
  try:
    for text in ('{"figures": ', '{}', '[]'):
      path.write_text(text)
      with pytest.raises(pictures.FigureError, match='evaluation') as error:
        pictures.curves(subject.Subject.of(flower))
      assert '\n' not in str(error.value)
  finally:
    path.write_text(whole)


@pytest.mark.parametrize(
  ('argv', 'expected'),
  [
    (['fig6', '--workdir=x'], "'fig6' is none of all, table1"),
    (['--workdirs=a,b'], '--workdirs wants --out'),
    ([], '--workdirs is required'),
    (['--workdirs=,', '--out=b'], '--workdirs'),
  ],
)
def test_wrong_arguments_are_one_line(argv, expected, capsys):
  with pytest.raises(SystemExit):
    figures.main(argv)
  (line,) = capsys.readouterr().err.splitlines()
  assert expected in line


def test_a_run_that_is_not_there_is_one_line(tmp_path, capsys):
  assert figures.main(['fig2', f'--workdir={tmp_path}']) == 1
  (line,) = capsys.readouterr().err.splitlines()
  assert 'no checkpoints in it' in line


def test_nothing_that_was_asked_for_is_no_success(gaussian, tmp_path, capsys):
  argv = [f'--workdir={gaussian}', f'--out={tmp_path}']
  assert figures.main(['fig3', *argv]) == 1
  assert 'error: all was left out' in capsys.readouterr().err
  assert figures.main(['fig3', 'codes', *argv]) == 0


def test_a_file_is_no_folder_for_figures(gaussian, tmp_path, capsys):
  out = tmp_path / 'out'
  out.write_text('')
  assert figures.main(['codes', f'--workdir={gaussian}', f'--out={out}']) == 1
  expected = (
    f'error: {out}: File exists; expected a folder, or a place for one\n'
  )
  assert capsys.readouterr().err == expected


def test_a_model_file_has_a_page_of_its_own(
  flower, tiny_bars, tmp_path, capsys
):
  path = tmp_path / 'a.musae'
  exported.save(path, checkpoint.load(flower))
  argv = ['table1', 'codes', 'curves', f'--workdir={path}']
  argv += [f'--data_dir={tiny_bars}']
  assert figures.main([*argv, f'--out={tmp_path / "page"}']) == 0
  assert 'curves\n  left out: a model file' in capsys.readouterr().out
  assert (tmp_path / 'page' / 'codes.png').exists()
  page = (tmp_path / 'page' / 'index.html').read_text()
  assert 'training phrases' in page
  with pytest.raises(SystemExit):
    figures.main(argv)
  assert 'want --out' in capsys.readouterr().err


def test_another_model_of_that_step_is_measured_again(flower, tmp_path):
  again = tmp_path / 'again'
  shutil.copytree(flower, again)
  assert figures.main(['table1', 'fig4', f'--workdir={again}']) == 0
  before = json.loads((again / 'evaluation.json').read_text())
  other = before | {'params': 'another', 'figures': {}}
  (again / 'evaluation.json').write_text(json.dumps(other))
  about = json.loads((again / 'figures/fig4.json').read_text())
  about['of'] = about['of'].replace('parameters ', 'parameters 0')
  (again / 'figures/fig4.json').write_text(json.dumps(about))
  assert figures.main(['table1', f'--workdir={again}']) == 0
  after = json.loads((again / 'evaluation.json').read_text())
  assert after['figures'] == before['figures']
  assert 'id="fig4"' not in (again / 'figures/index.html').read_text()


@pytest.mark.parametrize(
  ('name', 'text'),
  [
    ('fig4.json', '{"title": 1, "caption": "", "pictures": null}'),
    ('fig4.csv', 'a,b\n1,2,3\n'),
    ('fig4.png', None),
  ],
)
def test_what_is_damaged_is_left_out(drawn, tmp_path, flower, name, text):
  again = tmp_path / 'again'
  shutil.copytree(flower, again)
  if text is None:
    (again / 'figures' / name).unlink()
  else:
    (again / 'figures' / name).write_text(text)
  assert figures.main(['codes', f'--workdir={again}']) == 0
  page = (again / 'figures/index.html').read_text()
  assert 'id="fig4"' not in page and 'id="fig2"' in page


def test_a_page_of_several_is_made_where_there_was_no_folder(
  flower, gaussian, tmp_path
):
  argv = ['codes', f'--workdirs={flower},{gaussian}', f'--out={tmp_path}/new/x']
  assert figures.main(argv) == 0
  assert (tmp_path / 'new/x/index.html').exists()


def test_runs_of_one_name_are_told_apart(flower, gaussian, tmp_path, capsys):
  runs = tmp_path / 'a/run', tmp_path / 'b/run'
  for run, copied in zip((flower, gaussian), runs):
    shutil.copytree(run, copied)
  out = f'--out={tmp_path / "x"}'
  argv = ['table1', f'--workdirs={runs[0]},{runs[1]}', out]
  assert figures.main(argv) == 0
  with open(tmp_path / 'x/table1.csv', newline='') as file:
    rows = [row for row in csv.DictReader(file) if row['measure'] == 'accuracy']
  assert [row['row'] for row in rows[:2]] == ['a/run', 'b/run']
  capsys.readouterr()
  assert figures.main(['codes', f'--workdirs={runs[0]},{runs[0]}/', out]) == 1
  assert f'{runs[0]}/: stands twice' in capsys.readouterr().err


def test_one_run_twice_is_no_interval(flower, tmp_path, capsys):
  again = tmp_path / 'again'
  shutil.copytree(flower, again)
  argv = ['table1', f'--workdirs={flower},{again}', f'--out={tmp_path / "x"}']
  assert figures.main(argv) == 1
  assert 'the same run twice' in capsys.readouterr().out


def test_half_an_evaluation_is_made_again(flower, tmp_path):
  again = tmp_path / 'again'
  shutil.copytree(flower, again)
  params = subject.Subject.of(again).params
  half = {
    'step': 6,
    'params': params,
    'figures': {'accuracy': {}, 'attack_accuracy': {}},
  }
  (again / 'evaluation.json').write_text(json.dumps(half))
  assert figures.main(['table1', f'--workdir={again}']) == 0
  report = json.loads((again / 'evaluation.json').read_text())
  assert report['figures']['accuracy']['this model']


def test_baselines_are_of_each_data_set(flower):
  def subject(name, dataset):
    report = evaluate.evaluate(flower)
    report['figures']['accuracy']['always hold']['bass'] = dataset / 10
    folder = flower.parent / name
    folder.mkdir()
    evaluate.write(report, folder)
    config = {'train': {'seed': 0}, 'of': dataset}
    loaded = types.SimpleNamespace(config=config, step=6, dataset=dataset)
    return types.SimpleNamespace(
      name=name, workdir=folder, loaded=loaded, params=report['params']
    )

  rows = table1.make([subject('one', 1), subject('two', 2)]).rows
  found = {r['row']: r['bass'] for r in rows if r['measure'] == 'accuracy'}
  assert found['always hold (one)'] == 0.1
  assert found['always hold (two)'] == 0.2
