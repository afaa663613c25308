"""How much a phrase tells of its genres: as much as any code can know of them.

    python -m experiments.benchmarks.ceiling --data_dir=DATA

Trains MusAE's encoder to name a phrase's tags, and asks it for those of
validation phrases, whose songs it has not heard. A component drawn from what it
believes is that of a code which matches the prior and knows all that can be
known: so often, at most, such a code lies on a component of its own tags.
"""

import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

from musae_jax import arguments, batches, data
from musae_jax.models import Encoder
from musae_jax.pianoroll import TRACKS, transpose
from musae_jax.progress import progress

_BATCH, _ASKED = 128, 10_000
_LEARNING_RATE, _WARMUP_STEPS = 3e-3, 100


class Ceiling(NamedTuple):
  """What is known of phrases' tags, of phrases that have any.

  Attributes:
    drawn: how often a tag drawn from what is believed is one of a phrase's.
    unheard: the same without hearing the phrase, drawn from all tags' shares.
    nats: that hearing a phrase adds to knowing those shares, of one of its
      tags.
  """

  drawn: float
  unheard: float
  nats: float


def ceiling(
  believed: Float[np.ndarray, 'n k'], tags: Bool[np.ndarray, 'n k']
) -> Ceiling:
  """Returns what probabilities of tags come to."""
  tagged = tags.any(-1)
  believed, tags = believed[tagged], tags[tagged]
  target = tags / tags.sum(-1, keepdims=True)
  share = target.mean(0)
  with np.errstate(divide='ignore', invalid='ignore'):
    gained = np.where(target > 0, target * np.log(believed / share), 0)
  return Ceiling(
    float((believed * tags).sum(-1).mean()),
    float((share * tags).sum(-1).mean()),
    float(gained.sum(-1).mean()),
  )


def fit(split: data.Split, width: int, num_steps: int, seed: int = 0):
  """Returns the trained listener: phrases [n, t, 4] -> probabilities [n, k]."""
  encoder = Encoder(split.genres.shape[1], width, depth=1)
  shape = 1, split.phrases.shape[1], len(TRACKS)
  init_key, key = jax.random.split(jax.random.key(seed))
  params = encoder.init(init_key, jnp.zeros(shape, jnp.uint8))
  optimizer = optax.adam(
    optax.warmup_cosine_decay_schedule(
      0, _LEARNING_RATE, min(_WARMUP_STEPS, num_steps // 2), num_steps
    )
  )

  def loss(params, tokens, genres):
    logits = encoder.apply(params, tokens).mean
    target = genres / jnp.maximum(genres.sum(-1, keepdims=True), 1)
    return optax.softmax_cross_entropy(logits, target).mean()

  @jax.jit
  def step(params, state, key, batch):
    semitones = jax.random.randint(key, len(batch['phrases']), -5, 7)
    tokens = transpose(batch['phrases'], semitones)
    grads = jax.grad(loss)(params, tokens, batch['genres'])
    changes, state = optimizer.update(grads, state, params)
    return optax.apply_updates(params, changes), state

  state, feed = optimizer.init(params), batches.make(split, _BATCH, seed)
  for i in progress(range(num_steps), num_steps, 'training', 'update'):
    found = next(feed)
    batch = {name: found[name] for name in ('phrases', 'genres')}
    params, state = step(params, state, jax.random.fold_in(key, i), batch)

  @jax.jit
  def listen(tokens) -> Float[Array, 'n k']:
    return jax.nn.softmax(encoder.apply(params, tokens).mean)

  return listen


def main(argv: list[str] | None = None) -> int:
  """Runs the command; returns its exit status."""
  parser = arguments.Parser(
    prog='python -m experiments.benchmarks.ceiling', description=__doc__
  )
  add = parser.add_argument
  add('--data_dir', type=arguments.path, required=True, help="the data set's")
  add('--data', default='lakh_pianoroll/2bar', help='name and configuration')
  add('--width', type=arguments.positive, default=128, help="the encoder's")
  add('--steps', type=arguments.positive, default=2400, help='updates')
  args = parser.parse_args(argv)
  try:
    train, asked = (
      data.load(args.data, args.data_dir, split)
      for split in ('train', 'validation')
    )
    listen = fit(train, args.width, args.steps)
  except data.DatasetError as error:
    print(f'error: {error}', file=sys.stderr)
    return 1
  rows = np.sort(batches.permutation(len(asked), 1, 0)[:_ASKED])
  believed = [
    np.asarray(listen(asked.phrases[some]))
    for some in np.array_split(rows, -(-len(rows) // 500))
  ]
  found = ceiling(np.concatenate(believed), asked.genres[rows])
  print(
    f'{args.data}: a tag drawn after hearing a phrase is one of its own '
    f'{found.drawn:.1%} of the time, unheard {found.unheard:.1%}; a phrase '
    f'tells {found.nats:.3f} nats of its tags'
  )
  return 0


if __name__ == '__main__':
  sys.exit(main())
