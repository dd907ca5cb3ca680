"""What the bridge needs of the graph, without ROS: the node ``web_bridge`` offers it, tests may."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from visavis.types import AudioChunk


@dataclass(frozen=True)
class Outcome:
    """How a wish went: the text is for the user."""

    done: bool
    text: str = ""


@dataclass(frozen=True)
class Choices:
    """What a page can ask for."""

    styles: tuple[str, ...] = ()
    emotions: tuple[str, ...] = ()
    scales: tuple[str, ...] = ()
    max_scale: float = 2.0
    portraits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Person:
    """How large the person is in the pictures. eyes: the pixel between the eyes; pixels_per_metre: there. cut_out: the pictures hold
    opacity."""

    eyes: tuple[float, float]
    pixels_per_metre: float
    cut_out: bool


@dataclass(frozen=True)
class GraphState:
    """A look at the graph, once a second. nodes: name -> level, message and figures of /diagnostics. steering: what is asked for now.

    say: ``ready``, or the ``reason`` why nobody speaks what is written; ``voices`` and the usual ``voice``. portrait: ``state`` (empty,
    waiting, shown or refused) of the last photo that was asked for here, and ``text``, why it was refused.
    """

    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    steering: dict[str, Any] = field(default_factory=dict)
    pictures: bool = False
    person: Person | None = None
    say: dict[str, Any] = field(default_factory=dict)
    portrait: dict[str, str] = field(default_factory=dict)


class GraphPort(Protocol):
    """All of it may be called from the event loop, and none of it blocks."""

    choices: Choices

    def now_ns(self) -> int:
        """The graph's clock."""

    def speak(self, chunk: AudioChunk) -> None:
        """Publish speech on ``audio``."""

    def express(self, emotion: str, intensity: float) -> Outcome: ...

    def choose_style(self, name: str) -> Outcome: ...

    def choose_portrait(self, name: str) -> Outcome: ...

    def use_photo(self, path: Path) -> Outcome:
        """A photo that was sent becomes the portrait, if it can; ``state`` tells."""

    def say(self, text: str, voice: str, speed: float, told: Callable[[dict[str, Any]], None]) -> "asyncio.Future[Outcome]":
        """Speak a text. The outcome comes when it is begun or refused; ``told`` hears, in the event loop, ``state`` (speaking, ended or
        stopped), the ``sentence`` that is spoken, ``seconds`` and ``text``, why it stopped."""

    def look_at(self, x: float, y: float, z: float) -> Outcome: ...

    def interrupt(self) -> "asyncio.Future[Outcome]": ...

    def set_scale(self, name: str, value: float) -> "asyncio.Future[Outcome]": ...

    def state(self) -> GraphState: ...

    def watched(self, webrtc: int, pictures: int, cutouts: int) -> None:
        """So many look on by WebRTC, so many get ready pictures, so many get pictures with opacity by WebRTC."""

    def want_key(self, cutout: bool) -> None:
        """Somebody needs a key frame of the plain pictures, or of those with opacity."""

    def want_rate(self, cutout: bool, bits: int) -> None:
        """The picture may have so many bits a second."""

    def trouble(self, key: str, text: str) -> None:
        """Something that the one who runs the graph should know."""
