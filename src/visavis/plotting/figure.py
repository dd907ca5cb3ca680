"""Sound, phones and motion of a clip as one picture, all on the same time axis."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator
from numpy.typing import NDArray

from visavis.data.phones import BILABIALS, SILENCE, VOWELS, Phone
from visavis.evaluation.lip_score import CLOSED
from visavis.motion.features import BANDS, FLOOR_DB, HIGHEST_HZ, LOWEST_HZ, MEL_RATE, hz_to_mel, utterance_energies
from visavis.plotting.curves import Curves, curves_of
from visavis.timing import FRAME_RATE, SAMPLE_RATE

WIDTH_PX = 1600
DPI = 100
LEFT, RIGHT = 0.062, 0.882
"""Edges of the panels, parts of the width."""
PHONE_ROWS = 3
"""Labels of phones stand in so many rows, as one seldom has room beside the next. One without room is left out; all are, if most are."""
LETTER_PX = 8.0
"""Width of a letter of a phone's label."""

INK, SOFT, GRID = "#22262e", "#6b7280", "#e5e7eb"
SHUT, MISSED = "#f43f5e", "#f59e0b"
VOWEL, CONSONANT, QUIET = "#fde9b8", "#d6e4f5", "#f3f4f6"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.edgecolor": "#c4c9d2",
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
}


def save_figure(
    path: Path,
    motion: NDArray[np.float32],
    samples: NDArray[np.int16] | None,
    phones: Sequence[Phone],
    title: str,
    begin_s: float = 0.0,
    phones_from: str = "",
) -> None:
    """Draw to ``path`` (.png, 1600 pixels wide).

    motion: float32 (frames, MOTION_DIM), frame 0 at ``begin_s`` of the clip. samples: int16 (n,) at 16 kHz of the same stretch, or None.
    phones: with times from the start of the stretch; may be empty. phones_from: who says so, for the label.
    """
    with matplotlib.rc_context(STYLE):
        figure = draw_figure(motion, samples, phones, title, begin_s, phones_from)
        FigureCanvasAgg(figure).print_png(str(path), metadata={"Software": "visavis", "Title": title})


def draw_figure(
    motion: NDArray[np.float32],
    samples: NDArray[np.int16] | None,
    phones: Sequence[Phone],
    title: str,
    begin_s: float = 0.0,
    phones_from: str = "",
) -> Figure:
    """The figure of ``save_figure``."""
    curves = curves_of(motion)
    end_s = begin_s + len(motion) / FRAME_RATE
    heights: dict[str, float] = {}
    if samples is not None:
        heights |= {"sound": 0.8, "spectrum": 1.5}
    if phones:
        heights["phones"] = 0.62
    heights |= {"mouth": 1.7, "expression": 1.25, "blink": 0.7, "gaze": 1.05, "head": 1.25}
    figure = Figure(figsize=(WIDTH_PX / DPI, (sum(heights.values()) * 100 + 200) / DPI), dpi=DPI, facecolor="white")
    height_px = figure.get_figheight() * DPI
    grid = figure.add_gridspec(
        len(heights),
        1,
        height_ratios=list(heights.values()),
        left=LEFT,
        right=RIGHT,
        top=1 - 52 / height_px,
        bottom=46 / height_px,
        hspace=0.16,
    )
    panels: dict[str, Any] = {}
    for row, name in enumerate(heights):
        panels[name] = figure.add_subplot(grid[row, 0], sharex=panels[next(iter(panels))] if panels else None)
    times = begin_s + np.arange(len(motion)) / FRAME_RATE
    moved = [Phone(phone.name, phone.start + begin_s, phone.end + begin_s) for phone in phones]
    if samples is not None:
        _sound(panels["sound"], samples, begin_s)
        _spectrum(panels["spectrum"], samples, begin_s, end_s)
    if phones:
        _phones(panels["phones"], moved, (end_s - begin_s) / (WIDTH_PX * (RIGHT - LEFT)), phones_from)
    _motion(panels, times, curves)
    _closures(panels, [phone for phone in phones if phone.name in BILABIALS], curves, begin_s)
    for name, panel in panels.items():
        _finish(panel, last=name == "head", grid=name not in ("spectrum", "phones"))
    last = panels["head"]
    last.set_xlim(begin_s, end_s)
    last.set_xlabel("time in the clip (s)")
    last.xaxis.set_major_locator(MultipleLocator(_time_step(end_s - begin_s)))
    figure.text(LEFT, 1 - 30 / height_px, title, fontsize=13, fontweight="bold", va="center")
    return figure


def _sound(panel: Any, samples: NDArray[np.int16], begin_s: float) -> None:
    """The wave as its lowest and highest sample in each of a few thousand parts: what a line through all of them would cover."""
    per = max(len(samples) // 4000, 1)
    whole = samples[: len(samples) // per * per].reshape(-1, per).astype(np.float64) / 32768
    at = begin_s + (np.arange(len(whole)) + 0.5) * per / SAMPLE_RATE
    panel.fill_between(at, whole.min(axis=1), whole.max(axis=1), color="#475569", linewidth=0.4, edgecolor="#475569")
    peak = max(float(np.abs(whole).max()) if whole.size else 0.0, 1e-3)
    panel.set_ylim(-1.08 * peak, 1.08 * peak)
    panel.set_ylabel("sound\n(-1..1)")
    panel.yaxis.set_major_locator(MaxNLocator(3, symmetric=True))


def _spectrum(panel: Any, samples: NDArray[np.int16], begin_s: float, end_s: float) -> None:
    """Log-mel bands as the audio encoder takes them, but against the loudest place instead of a running level."""
    whole = np.concatenate([samples, np.zeros(SAMPLE_RATE // FRAME_RATE + 1, np.int16)])
    decibel, _ = utterance_energies(whole)
    if not len(decibel):
        decibel = np.full((1, BANDS), FLOOR_DB, np.float32)
    top = float(decibel.max())
    image = panel.imshow(
        decibel.T,
        origin="lower",
        aspect="auto",
        extent=(begin_s, begin_s + len(decibel) / MEL_RATE, 0, BANDS),
        cmap="magma",
        vmin=top - 60,
        vmax=top,
        interpolation="nearest",
    )
    panel.set_xlim(begin_s, end_s)
    lowest, highest = hz_to_mel(np.array([LOWEST_HZ, HIGHEST_HZ])).tolist()
    ticks = [250, 500, 1000, 2000, 4000]
    panel.set_yticks(
        ((hz_to_mel(np.array(ticks, np.float64)) - lowest) / (highest - lowest) * BANDS).tolist(), [f"{tick:g}" for tick in ticks]
    )
    panel.set_ylabel("log-mel\n(Hz)")
    beside = panel.inset_axes((1.014, 0.06, 0.012, 0.88))
    bar = panel.figure.colorbar(image, cax=beside)
    bar.set_label("dB full scale", fontsize=8.5)
    bar.outline.set_visible(False)
    beside.tick_params(length=2, labelsize=8)


def _phones(panel: Any, phones: Sequence[Phone], second_per_px: float, phones_from: str) -> None:
    taken = [-math.inf] * PHONE_ROWS
    labels: list[tuple[Phone, int]] = []
    for phone in phones:
        colour = QUIET if phone.name == SILENCE else VOWEL if phone.name in VOWELS else CONSONANT
        panel.axvspan(phone.start, phone.end, color=colour, linewidth=0, zorder=0.2)
        if phone.end - phone.start > 4 * second_per_px:
            panel.axvline(phone.start, color="white", linewidth=0.8, zorder=1)
        middle, half = (phone.start + phone.end) / 2, second_per_px * (LETTER_PX * len(phone.name) + 2) / 2
        row = next((row for row, end in enumerate(taken) if end <= middle - half), None)
        if phone.name != SILENCE and row is not None:
            taken[row] = middle + half
            labels.append((phone, row))
    rows = max((row for _, row in labels), default=0) + 1
    crowded = 2 * len(labels) < sum(phone.name != SILENCE for phone in phones)
    for phone, row in () if crowded else labels:
        panel.text(
            (phone.start + phone.end) / 2,
            1 - (row + 0.5) / rows,
            phone.name,
            ha="center",
            va="center_baseline",
            fontsize=7.5 if rows > 1 else 9,
            color="#9f1239" if phone.name in BILABIALS else INK,
            fontweight="bold" if phone.name in BILABIALS else "normal",
            clip_on=True,
            zorder=3,
        )
    panel.set_ylim(0, 1)
    panel.set_yticks([])
    panel.set_ylabel("phones", rotation=0, ha="right", va="center")
    if phones_from:
        panel.text(1.014, 0.5, phones_from, transform=panel.transAxes, va="center", fontsize=8.5, color=SOFT)


def _motion(panels: dict[str, Any], times: NDArray[np.float64], curves: Curves) -> None:
    mouth = panels["mouth"]
    mouth.fill_between(times, 0, curves.gap, color="#dc2626", alpha=0.22, linewidth=0)
    mouth.plot(times, curves.gap, color="#dc2626", linewidth=1.6, label="lip gap\n(eye distances)")
    mouth.plot(times, curves.jaw, color="#1d4ed8", linewidth=1.4, label="jaw open")
    mouth.plot(times, curves.pucker, color="#9333ea", linewidth=1.1, linestyle=(0, (4, 1.5)), label="pucker")
    mouth.set_ylabel("mouth\n(weight 0..1)")
    mouth.set_ylim(0, max(0.3, 1.08 * float(max(curves.gap.max(), curves.jaw.max(), curves.pucker.max()))))
    expression = panels["expression"]
    expression.plot(times, curves.smile, color="#ea580c", linewidth=1.6, label="smile")
    expression.plot(times, curves.brows_up, color="#0d9488", linewidth=1.4, label="brows up")
    expression.plot(times, curves.brows_down, color="#57534e", linewidth=1.2, linestyle=(0, (4, 1.5)), label="brows down")
    expression.set_ylabel("expression\n(weight 0..1)")
    expression.set_ylim(0, max(0.2, 1.08 * float(max(curves.smile.max(), curves.brows_up.max(), curves.brows_down.max()))))
    blink = panels["blink"]
    blink.fill_between(times, 0, curves.blink, color="#4f46e5", alpha=0.3, linewidth=0)
    blink.plot(times, curves.blink, color="#4f46e5", linewidth=1.3, label="lids shut")
    blink.set_ylabel("blinks\n(weight)")
    blink.set_ylim(0, 1.08)
    blink.set_yticks([0, 1])
    for name, label, drawn in (
        ("gaze", "gaze\n(degrees)", ((curves.gaze_left, "#0284c7", "to the left"), (curves.gaze_up, "#65a30d", "up"))),
        (
            "head",
            "head\n(degrees)",
            (
                (curves.head_left, "#0284c7", "yaw: to the left"),
                (curves.head_up, "#65a30d", "pitch: up"),
                (curves.head_roll, "#c026d3", "roll: to the right\nshoulder"),
            ),
        ),
    ):
        panel = panels[name]
        panel.axhline(0, color="#9ca3af", linewidth=0.8)
        for values, colour, text in drawn:
            panel.plot(times, values, color=colour, linewidth=1.4, label=text)
        reach = max(3.0, 1.12 * float(max(np.abs(values).max() for values, _, _ in drawn)))
        panel.set_ylim(-reach, reach)
        panel.yaxis.set_major_locator(MaxNLocator(4, symmetric=True))
        panel.set_ylabel(label)


def _closures(panels: dict[str, Any], phones: Sequence[Phone], curves: Curves, begin_s: float) -> None:
    """Shade P, B and M, told apart by whether the lips shut in them or one frame around them (as ``evaluation.lip_score`` does)."""
    kept = {True: 0, False: 0}
    for phone in phones:
        first, last = max(math.floor(phone.start * FRAME_RATE) - 1, 0), math.ceil(phone.end * FRAME_RATE) + 1
        shut = bool(curves.gap[first : last + 1].min(initial=np.inf) < CLOSED)
        kept[shut] += 1
        for name, strength in (("phones", 0.3), ("mouth", 0.14 if shut else 0.42)):
            if name in panels:
                colour = MISSED if name == "mouth" and not shut else SHUT
                panels[name].axvspan(phone.start + begin_s, phone.end + begin_s, color=colour, alpha=strength, linewidth=0, zorder=0.5)
    for shut, colour, strength, text in ((True, SHUT, 0.14, "P, B, M shut"), (False, MISSED, 0.42, "P, B, M open")):
        if kept[shut]:
            panels["mouth"].fill_between([], [], color=colour, alpha=strength, linewidth=0, label=f"{text} ({kept[shut]})")


def _finish(panel: Any, last: bool, grid: bool) -> None:
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    if grid:
        panel.grid(True, color=GRID, linewidth=0.8)
    panel.tick_params(length=2.5, labelbottom=last)
    panel.yaxis.set_label_coords(-0.034, 0.5)
    if panel.get_legend_handles_labels()[0]:
        panel.legend(
            loc="center left",
            bbox_to_anchor=(1.008, 0.5),
            frameon=False,
            fontsize=9,
            handlelength=1.6,
            labelspacing=0.55,
            borderaxespad=0.0,
        )


def _time_step(seconds: float) -> float:
    """Distance of the marks on the time axis: about fifteen of them."""
    return next((step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300) if seconds / step <= 18), 600)
