"""The training step in PyTorch: `torch.nn.LSTM`, autograd, fused Adam."""

import functools

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from experiments.benchmarks import handover
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
    model: models.Autoencoder,
    settings: training.Settings,
    weights: handover.Weights,
    device: str,
    half: bool = False,
  ):
    """Takes our weights over.

    Args:
      model: whose sizes and activation.
      settings: whose optimisers and penalty.
      weights: numpy arrays.
      device: 'cpu' or 'cuda'.
      half: whether encoder and decoder run under float16 autocast.
    """
    self.settings, self.device = settings, device
    self.autocast = functools.partial(
      torch.autocast, device, torch.float16, enabled=half
    )
    # Small enough that no update is skipped, so that losses can agree.
    self.scaler = torch.amp.GradScaler(device, 2.0**10, enabled=half)
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
    _load(self, weights)
    for network in (self.encoder, self.decoders, self.critic):
      network.to(device)
    parameters = [*self.encoder.parameters(), *self.decoders.parameters()]
    # A second bias of the gates would be one more parameter than ours has.
    self.weights = [x for x in parameters if x.requires_grad]
    self.optimizer = torch.optim.Adam(
      self.weights, betas=settings.betas, fused=True
    )
    self.critic_optimizer = torch.optim.Adam(
      self.critic.parameters(), betas=settings.critic_betas, fused=True
    )

  def put(self, draws: handover.Draws) -> handover.Draws:
    """The draws as tensors on the device; tokens int64[t, b, tracks]."""
    tensors = {
      name: torch.tensor(x, device=self.device)
      for name, x in draws._asdict().items()
      if isinstance(x, np.ndarray)
    }
    tokens = tensors['tokens'].long().transpose(0, 1).contiguous()
    return draws._replace(**{**tensors, 'tokens': tokens})

  def __call__(self, draws: handover.Draws) -> dict[str, torch.Tensor]:
    """Updates the networks; returns the metrics of `put` draws."""
    with self.autocast():
      mean, scale = self.encoder(draws.tokens)
    mean, scale = mean.float(), scale.float()
    metrics = self._train_critic(mean.detach(), scale.detach(), draws)
    z = mean + scale * draws.noise
    reconstruction, correct = 0, []
    for i, decoder in enumerate(self.decoders):
      tokens = draws.tokens[..., i]
      with self.autocast():
        logits = decoder(z, len(tokens))
      logits = logits.float()
      reconstruction += F.cross_entropy(logits.flatten(0, 1), tokens.flatten())
      correct.append((logits.detach().argmax(-1) == tokens).float().mean())
    score = self._score(z, draws.condition).mean()
    loss = reconstruction - draws.beta * score
    self.optimizer.zero_grad()
    self.scaler.scale(loss).backward(inputs=self.weights)
    _set_learning_rate(self.optimizer, draws.learning_rate)
    self.scaler.step(self.optimizer)
    self.scaler.update()
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
def _load(step, weights):
  """Copies our weights into the networks."""
  _load_linear(step.encoder.mean, weights.mean)
  _load_linear(step.encoder.scale, weights.scale)
  for i, layers in enumerate(weights.encoder):
    for suffix, layer in zip(('', '_reverse'), layers):
      _load_layer(step.encoder.lstm, f'l{i}{suffix}', layer)
  for decoder, track in zip(step.decoders, weights.tracks):
    _load_linear(decoder.h0, track.h0)
    _load_linear(decoder.logits, track.logits)
    for i, layer in enumerate(track.layers):
      _load_layer(decoder.lstm, f'l{i}', layer)
  for linear, layer in zip(step.critic[::2], weights.critic):
    _load_linear(linear, layer)


def _load_linear(linear, layer):
  linear.weight.copy_(_transposed(layer['kernel']))
  linear.bias.copy_(torch.tensor(layer['bias']))


def _load_layer(lstm, suffix, layer):
  """Gates are in our order; of the two biases the second stays 0."""
  getattr(lstm, f'weight_ih_{suffix}').copy_(_transposed(layer['inputs']))
  getattr(lstm, f'weight_hh_{suffix}').copy_(_transposed(layer['kernel']))
  getattr(lstm, f'bias_ih_{suffix}').copy_(torch.tensor(layer['bias']))
  getattr(lstm, f'bias_hh_{suffix}').zero_().requires_grad_(False)


def _transposed(x):
  return torch.tensor(x).T
