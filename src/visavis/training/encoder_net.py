"""The audio encoder as a torch module: Whisper's convolutions and some of its layers, made a stream with an explicit state.

Whisper hears 30 s at once. Here each layer sees ``past`` steps back and few ahead, and keeps the keys and values of what it heard;
places in time are known by a learned bias for each distance, in place of Whisper's table of 1500 places. ``Whisper`` hears all at once:
what the stream is to come near to.
"""

import copy
import math
from pathlib import Path

import torch
from torch import Tensor, nn

from visavis.motion.encoder import KEPT_MELS, LOUDNESS_VALUES, MELS_PER_STEP, EncoderSpec
from visavis.motion.features import FINE_BANDS
from visavis.motion.phones import PHONES

WIDENING = 4
QUICK = 10.0
"""The bias for distances has far to go: it learns so many times as quickly as the other weights."""
NEAR = 0.1
"""It begins by preferring what is near, by so much a step."""
COMMON_PLACES = 300
"""Places of Whisper whose mean the stream adds to all of its steps: those of the first five seconds."""
FAR = -1e4
"""Added to the attention for what was before the stream, and thrice that for what is out of reach: as good as nothing. So steps before
the stream, which see nothing else, see the same however the stream is cut."""


class StreamingLayer(nn.Module):
    """Attention over the steps t - past to t + ahead, and two dense layers. Gives step t when step t + ahead has come."""

    def __init__(self, spec: EncoderSpec, ahead: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.past, self.ahead = spec.heads, spec.past, ahead
        self.before_attention = nn.LayerNorm(spec.width)
        self.query = nn.Linear(spec.width, spec.width)
        self.key = nn.Linear(spec.width, spec.width, bias=False)
        self.value = nn.Linear(spec.width, spec.width)
        self.out = nn.Linear(spec.width, spec.width)
        self.before_dense = nn.LayerNorm(spec.width)
        self.widen = nn.Linear(spec.width, WIDENING * spec.width)
        self.narrow = nn.Linear(WIDENING * spec.width, spec.width)
        near = -NEAR * torch.arange(-spec.past, ahead + 1).abs() / QUICK
        self.distance = nn.Parameter(near.repeat(spec.heads, 1))
        self.dropout = nn.Dropout(dropout)

    @property
    def kept(self) -> int:
        return self.past + self.ahead

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, waiting: Tensor, heard: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """x: (batch, steps, width). keys, values: (batch, kept, width) and waiting: (batch, ahead, width), of the steps before.
        heard: (batch,), how many steps there were before the first of x. Returns the output, late by ``ahead``, and the next keys, values,
        waiting.
        """
        steps = x.shape[1]
        normal = self.before_attention(x)
        keys, values = torch.cat([keys, self.key(normal)], dim=1), torch.cat([values, self.value(normal)], dim=1)
        waiting = torch.cat([waiting, x], dim=1)
        x = waiting[:, :steps]
        queries = self.query(self.before_attention(x))
        q, k, v = (self.split(part) for part in (queries, keys, values))
        # key j and query i are j - i - past steps apart
        place = torch.arange(self.kept + steps, device=x.device)
        apart = place[None, :] - torch.arange(steps, device=x.device)[:, None]
        within = apart.clamp(0, self.kept)
        bias = QUICK * self.distance[:, within] + 3 * FAR * ((apart - within) * (apart - within)).clamp(0, 1)
        before_the_stream = 1 - (place - self.kept + 1 + heard[:, None]).clamp(0, 1)
        scale = 1 / math.sqrt(self.query.in_features / self.heads)
        attention = (q @ k.transpose(2, 3) * scale + bias + FAR * before_the_stream[:, None, None]).softmax(dim=-1)
        return self.add(x, attention @ v), keys[:, steps:], values[:, steps:], waiting[:, steps:]

    def split(self, x: Tensor) -> Tensor:
        """(batch, steps, width) as (batch, heads, steps, values)."""
        return x.reshape(len(x), -1, self.heads, self.query.in_features // self.heads).transpose(1, 2)

    def add(self, x: Tensor, seen: Tensor) -> Tensor:
        """x (batch, steps, width) with what attention saw, (batch, heads, steps, values), and what the dense layers make of both."""
        x = x + self.dropout(self.out(seen.transpose(1, 2).reshape(x.shape)))
        return x + self.dropout(self.narrow(nn.functional.gelu(self.widen(self.before_dense(x)))))


class AudioEncoder(nn.Module):
    """features (batch, 2 * steps, HEARD_VALUES), state (batch, state_steps, width) -> see ``forward`` and ``encode``."""

    def __init__(self, spec: EncoderSpec, dropout: float = 0.0) -> None:
        super().__init__()
        self.spec = spec
        self.first = nn.Conv1d(FINE_BANDS, spec.width, 3)
        self.second = nn.Conv1d(spec.width, spec.width, 3, stride=MELS_PER_STEP)
        self.layers = nn.ModuleList([StreamingLayer(spec, ahead, dropout) for ahead in spec.ahead])
        self.norm = nn.LayerNorm(spec.width)
        self.phones = nn.Linear(spec.width, len(PHONES))
        # the mean of the places that Whisper adds to its steps
        self.place = nn.Parameter(torch.zeros(spec.width))

    def initial_state(self, batch: int) -> Tensor:
        return self.phones.weight.new_zeros(batch, self.spec.state_steps, self.spec.width)

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Phone logits (batch, steps, phones) and the next state."""
        layers, state = self.hear(features, state)
        return self.name(layers[-1]), state

    def hear(self, features: Tensor, state: Tensor) -> tuple[list[Tensor], Tensor]:
        """What each layer gives, (batch, steps, width), late by what it and those before it look ahead, and the next state."""
        width, mel_rows, values = self.spec.width, self.spec.mel_rows, KEPT_MELS * FINE_BANDS
        before = state[:, :mel_rows].reshape(-1, mel_rows * width)[:, :values].reshape(-1, KEPT_MELS, FINE_BANDS)
        bands = torch.cat([before, features[:, :, LOUDNESS_VALUES:]], dim=1)
        empty = bands.new_zeros(len(bands), mel_rows * width - values)
        last = torch.cat([bands[:, -KEPT_MELS:].reshape(-1, values), empty], dim=1).reshape(-1, mel_rows, width)
        x = self.convolve(bands) + self.place
        heard = state[:, mel_rows, 0]
        # more than any layer remembers need not be counted
        most = 2.0 * (self.spec.past + self.spec.delay_steps)
        rows = [last, (heard + x.shape[1]).clamp(0, most)[:, None, None] * state.new_ones(1, 1, width)]
        start = mel_rows + 1
        given = []
        for layer, ahead in zip(self.layers, self.spec.ahead, strict=True):
            kept = self.spec.past + ahead
            sizes = [kept, kept, ahead]
            past = state[:, start : start + sum(sizes)].split(sizes, dim=1)
            x, *past = layer(x, *past, heard)
            given.append(x)
            rows += past
            start += sum(sizes)
            heard = heard - ahead
        return given, torch.cat(rows, dim=1)

    def convolve(self, bands: Tensor) -> Tensor:
        """bands: (batch, KEPT_MELS + mel frames, FINE_BANDS); gives (batch, steps, width)."""
        x = nn.functional.gelu(self.first(bands.transpose(1, 2)))
        return nn.functional.gelu(self.second(x)).transpose(1, 2)

    def name(self, x: Tensor) -> Tensor:
        """Phone logits of what the last layer gives."""
        return self.phones(self.norm(x))

    def encode(self, features: Tensor, state: Tensor, lift: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
        """What the face model is given: posteriors and loudness, (batch, steps, spec.features), and the next state."""
        logits, next_state = self(features, state)
        batch, mels, _ = features.shape
        loudness = features[:, :, :LOUDNESS_VALUES].reshape(batch, mels // MELS_PER_STEP, MELS_PER_STEP, LOUDNESS_VALUES).mean(dim=2)
        return torch.cat([(logits + lift).softmax(dim=-1), loudness], dim=2), next_state


class Whisper(nn.Module):
    """The same convolutions and layers with all of a piece in sight of every step, and Whisper's places. It does not learn."""

    places: Tensor

    def __init__(self, network: AudioEncoder, places: Tensor) -> None:
        """network: with Whisper's weights, as ``begin_with_whisper`` gives them. places: (places, width)."""
        super().__init__()
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.register_buffer("places", places)

    @torch.no_grad()
    def hear(self, features: Tensor) -> list[Tensor]:
        """features: (batch, mel frames, HEARD_VALUES). What goes into the first layer and what each layer gives, (batch, steps, width)."""
        before = features.new_zeros(len(features), KEPT_MELS, FINE_BANDS)
        x = self.network.convolve(torch.cat([before, features[:, :, LOUDNESS_VALUES:]], dim=1))
        x = x + self.places[: x.shape[1]]
        given = [x]
        for layer in _layers(self.network):
            queries, keys, values = _attended(layer, x)
            x = layer.add(x, nn.functional.scaled_dot_product_attention(queries, keys, values))
            given.append(x)
        return given


def _layers(network: AudioEncoder) -> list[StreamingLayer]:
    return [layer for layer in network.layers if isinstance(layer, StreamingLayer)]


def _attended(layer: StreamingLayer, x: Tensor) -> list[Tensor]:
    """Queries, keys and values of x, (batch, heads, steps, values)."""
    normal = layer.before_attention(x)
    return [layer.split(part(normal)) for part in (layer.query, layer.key, layer.value)]


def measure_distances(network: AudioEncoder, whisper: Whisper, features: Tensor) -> None:
    """Sets the bias for distances of ``network`` to what Whisper's places add to its attention on the mean over ``features``, (batch, mel
    frames, HEARD_VALUES)."""
    heard = whisper.hear(features)
    steps = heard[0].shape[1]
    apart = torch.arange(steps)[None, :] - torch.arange(steps)[:, None]
    with torch.no_grad():
        for layer, theirs, x in zip(_layers(network), _layers(whisper.network), heard, strict=False):
            added = torch.zeros(layer.heads, steps, steps)
            for sign, given in ((1, x), (-1, x - whisper.places[:steps] + network.place)):
                queries, keys, _ = _attended(theirs, given)
                added += sign * (queries @ keys.transpose(2, 3)).mean(dim=0) / math.sqrt(queries.shape[3])
            for index in range(layer.distance.shape[1]):
                there = apart == index - layer.past
                if there.any():
                    layer.distance[:, index] = added[:, there].mean(dim=1) / QUICK
            # what softmax leaves alone may be left out
            layer.distance.sub_(layer.distance.max(dim=1, keepdim=True).values)


def distance_from(given: list[Tensor], whisper: Whisper, heard: list[Tensor], place: Tensor, ahead: tuple[int, ...]) -> Tensor:
    """How far the layers of the stream are from Whisper's, as a share of the variance of each of Whisper's values, mean over all.

    given: of ``AudioEncoder.hear``; heard: of ``Whisper.hear`` on the same time; place: the mean place, which the stream has in place of
    Whisper's own; ahead: of the spec.
    """
    apart, late = given[0].new_zeros(()), 0
    for mine, theirs, more in zip(given, heard[1:], ahead, strict=True):
        late += more
        steps = mine.shape[1] - late
        target = theirs[:, :steps] - whisper.places[:steps] + place
        apart = apart + ((mine[:, late:] - target) ** 2 / (target.var(dim=(0, 1)) + 1e-3)).mean()
    return apart / len(given)


def begin_with_whisper(network: AudioEncoder, checkpoint: Path) -> Whisper:
    """Gives ``network`` the convolutions and first layers of a Whisper checkpoint as OpenAI publishes it (MIT), and the mean of its places
    over ``COMMON_PLACES``. ValueError where the sizes differ. What names the phones, and the bias for distances, stay as they are. Returns
    what hears all at once."""
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)["model_state_dict"]
    names = {"conv1": "first", "conv2": "second", "ln_post": "norm"}
    parts = {
        "attn_ln": "before_attention", "attn.query": "query", "attn.key": "key", "attn.value": "value", "attn.out": "out",
        "mlp_ln": "before_dense", "mlp.0": "widen", "mlp.2": "narrow",
    }  # fmt: skip
    own = dict(network.state_dict())
    for name, value in content.items():
        if not name.startswith("encoder.") or name == "encoder.positional_embedding":
            continue
        name = name.removeprefix("encoder.")
        if name.startswith("blocks."):
            _, layer, rest = name.split(".", 2)
            part, kind = rest.rsplit(".", 1)
            target = f"layers.{layer}.{parts[part]}.{kind}"
            if int(layer) >= len(network.layers):
                continue
        else:
            part, kind = name.rsplit(".", 1)
            target = f"{names[part]}.{kind}"
        if own[target].shape != value.shape:
            raise ValueError(f"{checkpoint} has {name} of shape {tuple(value.shape)}, this encoder wants {tuple(own[target].shape)}")
        own[target] = value.float()
    places: Tensor = content["encoder.positional_embedding"].float()
    own["place"] = places[:COMMON_PLACES].mean(dim=0)
    network.load_state_dict(own)
    return Whisper(network, places)
