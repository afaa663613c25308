"""The command line's config: names, variants, fields, types, errors."""

import pytest

from experiments import config_flag


def parse(*argv):
  return config_flag.ConfigParser(prog='train').parse(list(argv)).config


def test_overrides_are_read_as_the_type_of_their_field():
  config = parse(
    '--config=flower16',
    '--config.train.batch_size=64',
    '--config.train.learning_rate=1',
    '--config.model.whitened=false',
    '--config.critic.betas=0,0.99',
    '--config.data.name',
    'lakh_pianoroll/2bar',
  )
  assert config.train.batch_size == 64
  assert config.train.learning_rate == 1.0
  assert isinstance(config.train.learning_rate, float)
  assert config.model.whitened is False
  assert config.critic.betas == (0.0, 0.99)
  assert config.data.name == 'lakh_pianoroll/2bar'


def test_paper_variant_is_the_literal_reading_and_can_be_overridden():
  config = parse('--config=flower16:paper', '--config.critic.steps=2')
  assert config.critic.steps == 2
  assert config.critic.condition == 'tag'
  assert config.critic.activation == 'tanh'
  assert tuple(config.critic.betas) == (0.9, 0.999)
  assert config.train.beta_end == 1.0
  assert config.model.whitened is False
  assert parse('--config=gaussian16:paper').critic.condition == 'none'


def test_config_is_locked():
  with pytest.raises(AttributeError):
    parse('--config=flower2').train.batchsize = 3


@pytest.mark.parametrize(
  ('argv', 'words'),
  [
    (['--config=flower'], ['--config=flower:', 'flower16', 'gaussian2']),
    (['--config=flower2:papr'], ['flower2:papr', 'flower2:paper']),
    (
      ['--config=flower2', '--config.train.batchsize=3'],
      ['train.batchsize', 'train.batch_size'],
    ),
    (['--config=flower2', '--config.trian.seed=3'], ['trian.seed', 'train.*']),
    (['--config=flower2', '--config.train=3'], ['config.train', 'train.*']),
    (
      ['--config=flower2', '--config.train.seed.x=3'],
      ['train.seed.x', 'train.seed'],
    ),
    (
      ['--config=flower2', '--config.train.batch_size=64.5'],
      ['train.batch_size=64.5', 'whole number', '256'],
    ),
    (
      ['--config=flower2', '--config.train.learning_rate=nan'],
      ['train.learning_rate=nan', 'a number'],
    ),
    (
      ['--config=flower2', '--config.model.whitened=1'],
      ['model.whitened=1', 'true or false'],
    ),
    (
      ['--config=flower2', '--config.critic.betas=.5'],
      ['critic.betas=.5', '2 values'],
    ),
  ],
)
def test_errors_name_what_was_found_and_what_was_expected(argv, words):
  with pytest.raises(config_flag.ConfigError) as error:
    parse(*argv)
  message = str(error.value)
  assert '\n' not in message
  for word in words:
    assert word in message


@pytest.mark.parametrize(
  ('argv', 'word'),
  [
    ([], '--config'),
    (['--config=flower2', '--workdri=x'], '--workdri=x'),
    (['--config=flower2', '--config.train.seed'], 'wants a value'),
  ],
)
def test_wrong_arguments_exit_with_one_line(argv, word, capsys):
  with pytest.raises(SystemExit) as error:
    parse(*argv)
  assert error.value.code == 2
  lines = capsys.readouterr().err.splitlines()
  assert len(lines) == 1
  assert word in lines[0]
