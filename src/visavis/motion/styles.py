"""Ways to speak. A style is what the face model is told (how much an utterance moves in each respect) and, on top of what the model makes
of it, factors and a tint of emotion that stays in the face."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

STYLE_VALUES: tuple[str, ...] = ("mouth opening", "smile", "brows", "head", "blinks", "gaze")
"""What the face model is told, in standard deviations of the training corpus; the weights' manifest says how well it listens."""

MAX_STYLE = 3.0


@dataclass(frozen=True)
class Manner:
    """How the models are to move. style: z-scores, one for each of ``STYLE_VALUES``. blinks: factor on how often the eyes blink, 0..4.
    gestures: factor on how often and how large the hands gesture, 0..4."""

    style: tuple[float, ...] = (0.0,) * len(STYLE_VALUES)
    blinks: float = 1.0
    gestures: float = 1.0

    def __post_init__(self) -> None:
        if len(self.style) != len(STYLE_VALUES) or not all(-MAX_STYLE <= value <= MAX_STYLE for value in self.style):
            names = ", ".join(STYLE_VALUES)
            raise ValueError(
                f"a style needs {len(STYLE_VALUES)} numbers within {-MAX_STYLE:g} and {MAX_STYLE:g} ({names}), got {self.style}"
            )
        for name in ("blinks", "gestures"):
            if not 0 <= getattr(self, name) <= 4:
                raise ValueError(f"{name} must be within 0 and 4, got {getattr(self, name)}")


@dataclass(frozen=True)
class Style:
    """manner: what the model is told. mouth, expression, head, gaze: factors on what it does. tint: emotion that stays in the face, with
    its intensity. stays: ARKit names and the weights that are added for good, as a clip's own expression."""

    manner: Manner = field(default_factory=Manner)
    mouth: float = 1.0
    expression: float = 1.0
    head: float = 1.0
    gaze: float = 1.0
    tint: tuple[str, float] = ("neutral", 0.0)
    stays: tuple[tuple[str, float], ...] = ()


STYLES: Mapping[str, Style] = MappingProxyType(
    {
        "neutral": Style(),
        "calm": Style(
            Manner((-0.4, 0.2, -0.9, -1.0, -0.3, -0.7), 0.85, 0.55), mouth=0.93, expression=0.7, head=0.7, gaze=0.75, tint=("happy", 0.06)
        ),
        "lively": Style(
            Manner((0.5, 0.5, 1.5, 1.6, 0.3, 0.8), 1.2, 1.7), mouth=1.06, expression=1.5, head=1.6, gaze=1.2, tint=("happy", 0.1)
        ),
        "warm": Style(Manner((0.0, 1.6, 0.4, 0.3, 0.0, -0.2), gestures=1.15), expression=1.15, head=1.1, gaze=0.9, tint=("happy", 0.28)),
        "serious": Style(
            Manner((0.0, -0.5, -0.2, -0.5, -0.5, -0.6), 0.8, 0.7), expression=0.85, head=0.8, gaze=0.8, tint=("thoughtful", 0.3)
        ),
    }
)
"""The styles by name."""
