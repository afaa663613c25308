"""The command line's config: names, variants, fields, types, errors."""

import pytest

from experiments import build, config_flag
from experiments.configs import base
from musae_jax import priors


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
  config = parse('--config=gaussian2:paper', '--config.prior.kind=flower')
  assert config.critic.condition == 'tag'


def test_another_prior_comes_with_its_own_fields():
  # In any order on the command line.
  config = parse(
    '--config=flower16', '--config.prior.turns=3', '--config.prior.variance=.5',
    '--config.prior.kind=swiss_roll',
  )  # fmt: skip
  assert build.model(config).prior == priors.SwissRoll(
    512, num_components=32, turns=3.0, variance=0.5
  )
  gaussian = parse('--config=flower16', '--config.prior.kind=gaussian')
  assert build.model(gaussian).prior == priors.Gaussian(512)
  with pytest.raises(config_flag.ConfigError, match='no such field'):
    parse('--config=flower16', '--config.prior.turns=3')
  with pytest.raises(AttributeError):
    gaussian.prior.variance = 3


def test_paper_variants_set_all_that_the_paper_words():
  for name in config_flag.names():
    config = base.get_config()
    config.critic.update(
      activation='x', steps=7, learning_rate=7.0, betas=(7.0, 7.0),
      penalty_weight=7.0, condition='set',
    )  # fmt: skip
    config.train.update(
      batch_size=7, num_steps=7, learning_rate=7.0, decay_kind='x',
      learning_rate_decay=7.0, warmup_steps=7, beta_end=7.0,
      beta_increment=7.0, beta_interval=7, transpose=False,
    )  # fmt: skip
    literal = base.paper(config)
    config = config_flag.load(f'{name}:paper')
    assert config.model.whitened is False
    assert config.train.transpose is True
    for field in ('batch_size', 'num_steps', 'learning_rate', 'decay_kind',
                  'learning_rate_decay', 'warmup_steps', 'beta_end',
                  'beta_increment', 'beta_interval'):  # fmt: skip
      assert config.train[field] == literal.train[field] not in (7, 'x')
    for field in ('activation', 'steps', 'learning_rate', 'betas',
                  'penalty_weight'):  # fmt: skip
      assert config.critic[field] == literal.critic[field] not in (7, 'x')
  settings = build.settings(config)
  # The last of eleven equal parts is at beta 1.
  assert float(settings.beta(config.train.num_steps - 1)) == 1
  assert float(settings.beta(config.train.num_steps - 10_001)) < 1


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
