"""A headless Chromium on the page of web_bridge."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright
from ros_graph import PATIENCE, Graph

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
PIXEL = """() => {
  const [video, canvas] = [document.getElementById("video"), document.createElement("canvas")];
  if (!video.videoWidth) return -1;
  [canvas.width, canvas.height] = [8, 8];
  const ink = canvas.getContext("2d");
  ink.drawImage(video.hidden ? document.getElementById("canvas") : video, 0, 0, 8, 8);
  return ink.getImageData(4, 4, 1, 1).data[0];
}"""
"""How bright the middle of the picture is, 0 to 255; -1 where there is none."""


def find_chromium() -> str:
    for name in (os.environ.get("VISAVIS_CHROMIUM", ""), *NAMES):
        if name and (path := shutil.which(name)):
            return path
    pytest.fail(f"no browser: `make test` installs Chromium, or set VISAVIS_CHROMIUM to one (looked for {', '.join(NAMES)})")


@contextmanager
def chromium(folder: Path, microphone: Path | None = None, **options: Any) -> Iterator[BrowserContext]:
    """A browser with a fresh profile; ``microphone``: a wav file that its microphone hears, again and again."""
    heard = [f"--use-file-for-fake-audio-capture={microphone}"] if microphone else []
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(folder / f"profile{time.monotonic_ns()}"),
            executable_path=find_chromium(),
            headless=True,
            args=["--headless=new", *FLAGS, *heard],
            viewport={"width": 1280, "height": 800},
            permissions=["microphone"],
            **options,
        )
        context.set_default_timeout(PATIENCE * 1000)
        try:
            yield context
        finally:
            context.close()


class Viewer:
    """A page that looks at the bridge of a graph. Waiting keeps the graph's listener spinning."""

    def __init__(self, ros: Graph, context: BrowserContext, url: str) -> None:
        self.ros = ros
        self.page: Page = context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)

    def ask(self, script: str) -> Any:
        return self.page.evaluate(script)

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        return self.ros.wait(condition, f"{what}; the page says {self.status!r}, {self.ask('visavis.media.mode')}")

    @property
    def status(self) -> str:
        return " | ".join(self.page.locator(where).inner_text() for where in ("#status-text", "#veil-title", "#veil-text", "#error-text"))

    def stats(self, name: str) -> float:
        """A figure of the browser's own; 0 where it has none yet."""
        return self.ask(f"visavis.media.stats().then((stats) => stats?.{name} ?? 0)")

    @property
    def shown(self) -> float:
        """Pictures decoded and shown since the page connected."""
        return self.stats("shown")

    @property
    def brightness(self) -> int:
        return self.ask(PIXEL)

    @property
    def loudness(self) -> float:
        """Energy of the sound that has been played (RFC: sum of squares times seconds)."""
        return self.ask(
            "visavis.media.peer?.getStats().then((all) => [...all.values()].find((one) => one.type === 'inbound-rtp' && "
            "one.kind === 'audio')?.totalAudioEnergy ?? 0) ?? 0"
        )

    def wait_live(self) -> None:
        before = self.shown
        self.wait(lambda: self.shown > before + 10 and not self.ask("'veil' in document.body.dataset"), "a live picture")


def start_bridge(ros: Graph, port: int = 0, **parameters: Any) -> tuple[Any, str]:
    """The real web_bridge as a process; the process and the address of its page."""
    process = ros.start("web_bridge", port=port, **parameters)
    line = ros.wait(lambda: next((line for line in process.lines if "the page is at" in line), ""), "the page's address")
    return process, line.split("the page is at ")[1].strip()
