"""The training step in PyTorch: `torch.nn.LSTM`, autograd, fused Adam."""

import contextlib

import jax
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from musae_jax import models, training
from musae_jax.pianoroll import NUM_TOKENS, TRACKS

_ACTIVATIONS = {'tanh': nn.Tanh, 'leaky_relu': lambda: nn.LeakyReLU(0.2)}


class Encoder(nn.Module):
  """As `models.Encoder`, its arrays time-major, which copies least."""

  def __init__(self, latent_dim: int, width: int, depth: int):
    super().__init__()
    inputs = NUM_TOKENS * len(TRACKS)
    self.lstm = nn.LSTM(inputs, width // 2, depth, bidirectional=True)
    self.mean = nn.Linear(width, latent_dim)
    self.scale = nn.Linear(width, latent_dim)

  def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and scale; `tokens` is int64[t, b, tracks]."""
    x = F.one_hot(tokens, NUM_TOKENS).flatten(-2).float()
    _, (ends, _) = self.lstm(x)
    h = torch.cat([ends[-2], ends[-1]], -1)  # both directions of the last layer
    return self.mean(h), torch.exp(2 * self.scale(h))


class TrackDecoder(nn.Module):
  """As `models.TrackDecoder`."""

  def __init__(self, latent_dim: int, width: int, depth: int):
    super().__init__()
    self.h0 = nn.Linear(latent_dim, width)
    self.lstm = nn.LSTM(latent_dim, width, depth)
    self.logits = nn.Linear(width, NUM_TOKENS)

  def forward(self, z: torch.Tensor, num_steps: int) -> torch.Tensor:
    """Logits, [t, b, tokens]."""
    h0 = self.h0(z).expand(self.lstm.num_layers, -1, -1).contiguous()
    x = z.expand(num_steps, -1, -1)
    x, _ = self.lstm(x, (h0, torch.zeros_like(h0)))
    return self.logits(x)


class Step:
  """The update on a device, called with one step's draws at a time."""

  def __init__(
    self,
    model: models.MusAE,
    settings: training.Settings,
    params: dict,
    device: str = 'cpu',
  ):
    """Takes JAX's parameters over.

    Args:
      model: whose sizes, activation and unit.
      settings: whose optimisers and penalty.
      params: of our networks.
      device: 'cpu' or 'cuda'.
    """
    self.settings, self.device = settings, device
    encoder, decoder = model.encoder, model.decoder
    self.encoder = Encoder(encoder.latent_dim, encoder.width, encoder.depth)
    self.decoders = nn.ModuleList(
      TrackDecoder(encoder.latent_dim, decoder.width, decoder.depth)
      for _ in TRACKS
    )
    activation = _ACTIVATIONS[model.critic.activation]
    width, prior = model.critic.width, model.prior
    self.critic = nn.Sequential(
      nn.Linear(prior.dim + prior.num_components, width),
      activation(),
      nn.Linear(width, width),
      activation(),
      nn.Linear(width, 1),
    )
    _load(self, jax.tree.map(np.asarray, params))
    for network in (self.encoder, self.decoders, self.critic):
      network.to(device)
    weights = [*self.encoder.parameters(), *self.decoders.parameters()]
    # A second bias of the gates would be one more parameter than ours has.
    self.weights = [x for x in weights if x.requires_grad]
    self.optimizer = torch.optim.Adam(self.weights, fused=True)
    self.critic_optimizer = torch.optim.Adam(
      self.critic.parameters(), betas=settings.critic_betas, fused=True
    )

  def put(self, draws):
    """The draws as tensors on the device; tokens int64[t, b, tracks]."""
    tensors = {
      name: torch.tensor(x, device=self.device)
      for name, x in draws._asdict().items()
      if isinstance(x, np.ndarray)
    }
    tokens = tensors['tokens'].long().transpose(0, 1).contiguous()
    return draws._replace(**{**tensors, 'tokens': tokens})

  def __call__(self, draws) -> dict[str, torch.Tensor]:
    """Updates the networks; returns the metrics of `put` draws."""
    mean, scale = self.encoder(draws.tokens)
    metrics = self._train_critic(mean.detach(), scale.detach(), draws)
    z = mean + scale * draws.noise
    reconstruction, correct = 0, []
    for i, decoder in enumerate(self.decoders):
      logits, tokens = decoder(z, len(draws.tokens)), draws.tokens[..., i]
      reconstruction += F.cross_entropy(logits.flatten(0, 1), tokens.flatten())
      correct.append((logits.detach().argmax(-1) == tokens).float().mean())
    score = self._score(z, draws.condition).mean()
    loss = reconstruction - draws.beta * score
    self.optimizer.zero_grad()
    loss.backward(inputs=self.weights)
    _set_learning_rate(self.optimizer, draws.learning_rate)
    self.optimizer.step()
    return {
      'loss': loss.detach(),
      'reconstruction': reconstruction.detach(),
      **metrics,
      'accuracy': torch.stack(correct),
    }

  def _score(self, z, condition):
    return self.critic(torch.cat([z, condition], -1))[:, 0]

  def _train_critic(self, mean, scale, draws):
    _set_learning_rate(self.critic_optimizer, draws.critic_learning_rate)
    for z_real, noise, mix in zip(draws.z_real, draws.noises, draws.mixes):
      z_fake = mean + scale * noise
      between = (mix * z_real + (1 - mix) * z_fake).requires_grad_()
      (slope,) = torch.autograd.grad(
        self._score(between, draws.condition).sum(), between, create_graph=True
      )
      length = (slope.square().sum(-1) + 1e-12).sqrt()
      penalty = (length - 1).square().mean()
      estimate = (
        self._score(z_real, draws.condition).mean()
        - self._score(z_fake, draws.condition).mean()
      )
      self.critic_optimizer.zero_grad()
      (self.settings.penalty_weight * penalty - estimate).backward()
      self.critic_optimizer.step()
    return {'critic_estimate': estimate.detach(), 'penalty': penalty.detach()}


def _set_learning_rate(optimizer, rate):
  for group in optimizer.param_groups:
    group['lr'] = rate


@torch.no_grad()
def _load(step, params):
  """Copies JAX's parameters into the networks."""
  encoder = params['encoder']['params']
  _load_linear(step.encoder.mean, encoder['mean'])
  _load_linear(step.encoder.scale, encoder['scale'])
  for i in range(step.encoder.lstm.num_layers):
    directions = encoder[f'BiLSTM_{i}']['directions']
    for j, suffix in enumerate(('', '_reverse')):
      layer = jax.tree.map(lambda x: x[j], directions)  # noqa: B023
      _load_layer(step.encoder.lstm, f'l{i}{suffix}', layer)
  tracks = params['decoder']['params']['tracks']
  for j, decoder in enumerate(step.decoders):
    track = jax.tree.map(lambda x: x[j], tracks)  # noqa: B023
    _load_linear(decoder.h0, track['h0'])
    _load_linear(decoder.logits, track['logits'])
    for i in range(decoder.lstm.num_layers):
      _load_layer(decoder.lstm, f'l{i}', track[f'layers_{i}'])
  critic = params['critic']['params']
  for i, layer in enumerate(step.critic[::2]):
    _load_linear(layer, critic[f'Dense_{i}'])


def _load_linear(linear, layer):
  linear.weight.copy_(torch.tensor(layer['kernel'].T))
  linear.bias.copy_(torch.tensor(layer['bias']))


def _load_layer(lstm, suffix, layer):
  """Gates are in our order; of the two biases the second stays 0."""
  getattr(lstm, f'weight_ih_{suffix}').copy_(torch.tensor(layer['inputs'].T))
  getattr(lstm, f'weight_hh_{suffix}').copy_(torch.tensor(layer['kernel'].T))
  getattr(lstm, f'bias_ih_{suffix}').copy_(torch.tensor(layer['bias']))
  second = getattr(lstm, f'bias_hh_{suffix}')
  second.zero_().requires_grad_(False)
