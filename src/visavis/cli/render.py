"""`visavis render`: a film from a photo and a sound file, without ROS, by the same stages that the graph runs."""

import argparse
import importlib.util
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visavis.audio.errors import AudioError
from visavis.audio.load import AudioInfo, open_blocks, open_original
from visavis.cli.clip import Clip, load_clip
from visavis.cli.defaults import default_portrait
from visavis.cli.progress import progress_bar
from visavis.cli.steering import add_steering_arguments, steering_of
from visavis.cli.stop import sigterm_is_interrupt
from visavis.film.credentials import SIGNED_KINDS, Certificate, certificate_for_tests, read_certificate, sign_film
from visavis.film.enlarge import FACTORS, NETWORKS, EnlargeError, Enlarger
from visavis.film.folder import PictureFolder
from visavis.film.mark import draw_visible_mark, mark_text
from visavis.film.sheet import Box, contact_sheet, save_sheet, spread
from visavis.film.writer import KINDS, FilmWriter
from visavis.motion.steering import Steering
from visavis.runtime.weights import WeightsError
from visavis.store import AssetError, asset_path
from visavis.timing import FRAME_RATE, SAMPLE_RATE, frame_to_sample, frames_in
from visavis.types import VideoFrame
from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH, PortraitError, PortraitRig
from visavis.video.view import FRAMINGS, MOST, picture_size, view_of

WAITING_PICTURES = 16
SOUND_LEAD = 0.5
"""Seconds that the sound is written ahead of the pictures, so that neither waits long for the other in the file."""

SHEET_PICTURES = 16
SHEET_KEPT = 64


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "render",
        help="make a film from a photo and a sound file, without ROS",
        description=(
            "The person of the photo says what is in the sound file, or moves as a clip does: 512x768 pictures, 30 a second, with the "
            "sound. Any length. "
            "A film called .mp4 shows the photo's background; .webm (VP9), .mov (ProRes 4444) and a folder (PNG files, sound.wav) hold the "
            "person alone, with opacity."
        ),
    )
    parser.add_argument("--portrait", default="", metavar="PHOTO", help="a photo with one frontal face; without it the default portrait")
    parser.add_argument("--audio", default="", metavar="FILE", help="wav, flac, mp3, ogg, m4a..., any sample rate, mono or stereo")
    parser.add_argument(
        "--motion",
        default="",
        metavar="CLIP",
        help="move as this clip does, without the model: a bag, a Live Link Face .csv, or the NAME.motion.npz that `visavis data "
        "from-video` writes; its own sound is heard, or that of --audio",
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILM", help="the film: .mp4, .webm, .mov (replaced where it exists) or a new folder"
    )
    parser.add_argument(
        "--framing", choices=tuple(FRAMINGS), default="upper_body", help="what is seen (default upper_body; head is a square)"
    )
    parser.add_argument("--size", type=_size, default=(0, 0), metavar="WxH", help="of the pictures (default 512x768, of the head 512x512)")
    parser.add_argument(
        "--enlarge", type=int, choices=FACTORS, default=1, help="enlarge the pictures so many times by Real-ESRGAN (extra quality; slow)"
    )
    parser.add_argument(
        "--enlarge-network",
        choices=NETWORKS,
        default=NETWORKS[0],
        help="photo: for photos (default); quick: 30 times as fast, paints skin smooth",
    )
    parser.add_argument("--enlarge-gpu", action="store_true", help="enlarge on the graphics card (Vulkan)")
    parser.add_argument("--seed", type=int, default=0, help="of the motion: the same photo, sound and seed give the same film (default 0)")
    for name, effect in (("sound", "wider and more restless lips"), ("style", "a style shows more")):
        parser.add_argument(
            f"--{name}-guidance",
            type=float,
            default=1.0,
            metavar="X",
            help=f"classifier-free guidance on {name}, 0 to 5 (1); above 1 {effect}",
        )
    parser.add_argument("--weights", default="", metavar="FOLDER", help="trained weights; without it those that visavis brings")
    add_steering_arguments(parser)
    parser.add_argument("--no-arms", dest="arms", action="store_false", help="leave arms and hands as the photo shows them")
    parser.add_argument(
        "--mano",
        default="",
        metavar="FOLDER",
        help="show the hands of your own MANO_RIGHT.pkl or .npz in this folder (not part of visavis)",
    )
    parser.add_argument("--no-refine", dest="refine", action="store_false", help="leave out the network that gives the skin its folds")
    parser.add_argument("--jpeg", "--sheet", dest="sheet", default="", metavar="PICTURE", help="also write a contact sheet (.jpg or .png)")
    parser.add_argument("--visible-mark", action="store_true", help="write 'AI generated' into a corner of every picture")
    parser.add_argument(
        "--c2pa", default="", metavar="CHAIN", help="sign the film (C2PA): a certificate chain in PEM, or 'test' for one made on the spot"
    )
    parser.add_argument("--c2pa-key", default="", metavar="KEY", help="the private key of that certificate, PEM")
    parser.add_argument("--quiet", action="store_true", help="no progress, only errors and remarks")


def run(args: argparse.Namespace) -> int:
    """Exit status 0 when the film is there, 1 for input that cannot be used, 130 after Ctrl-C (no part of a film is left then)."""
    try:
        with sigterm_is_interrupt():
            return _render(args)
    except (AudioError, PortraitError, WeightsError, AssetError, EnlargeError, OSError, ValueError) as error:
        print(f"visavis render: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("visavis render: stopped; nothing was written", file=sys.stderr)
        return 130


def _render(args: argparse.Namespace) -> int:
    output, sheet = Path(args.output), Path(args.sheet) if args.sheet else None
    if not (args.audio or args.motion):
        raise ValueError("name the sound that is to be said (--audio FILE) or a clip of motion (--motion CLIP)")
    inputs = [Path(name) for name in (args.audio, args.motion, args.portrait) if name]
    if output.suffix:
        check_output(output, inputs, tuple(KINDS))
    elif output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ValueError(f"{output} must be a new or an empty folder, or a file that ends in {' or '.join(KINDS)}")
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
    matte = not output.suffix or KINDS[output.suffix.lower()].matte
    size = picture_size(args.framing, *args.size)
    film_size = size[0] * args.enlarge, size[1] * args.enlarge
    if output.suffix and (film_size[0] % 2 or film_size[1] % 2):
        raise ValueError(f"a film needs even sides, got --size {size[0]}x{size[1]}")
    if args.enlarge > 1 and max(film_size) > MOST:
        raise ValueError(
            f"pictures have sides of at most {MOST} pixels, --enlarge {args.enlarge} makes {film_size[0]}x{film_size[1]} of them"
        )
    if sheet is not None:
        check_output(sheet, inputs, (".jpg", ".jpeg", ".png"))
    if args.seed < 0:
        raise ValueError(f"--seed must not be negative, got {args.seed}")
    certificate = _certificate(args, output)
    enlarger = Enlarger(asset_path("realesrgan"), args.enlarge, args.enlarge_network, args.enlarge_gpu) if args.enlarge > 1 else None
    steering = steering_of(args)
    remarks: list[str] = []
    recorded = _recorded(args, steering, remarks.append) if args.motion else None
    if recorded is None:
        blocks = open_blocks(args.audio, SAMPLE_RATE // FRAME_RATE * 12, remarks.append)
    info, sound = open_original(args.audio) if recorded is None or args.audio else _sound_of(recorded)

    from visavis.motion.stage import MotionConfig
    from visavis.pipeline import motion_chunks, recorded_chunks, render_offline
    from visavis.portrait.arm_kinds import told_arms
    from visavis.portrait.cache import load_portrait
    from visavis.runtime.motion import load_motion_stage
    from visavis.runtime.refine import load_refine
    from visavis.runtime.weights import DEFAULT_WEIGHTS

    begin = time.monotonic()
    if recorded is None:
        config = MotionConfig(seed=args.seed, sound_guidance=args.sound_guidance, style_guidance=args.style_guidance)
        model = load_motion_stage(Path(args.weights) if args.weights else DEFAULT_WEIGHTS, config)
        chunks, expected = motion_chunks(blocks, model, steering=steering), None
        if info.seconds:
            expected = frames_in(round(info.seconds * SAMPLE_RATE))
    else:
        chunks, expected = recorded_chunks(recorded.motion, steering), len(recorded.motion)
    tell = (lambda _text: None) if args.quiet else (lambda text: print(f"portrait: {text}", file=sys.stderr, flush=True))
    portrait = load_portrait(args.portrait or default_portrait(), progress=tell)
    if args.mano:
        from visavis.portrait.mano import with_mano

        portrait = with_mano(portrait, args.mano)
    if args.arms:
        tell(told_arms(portrait.arms.kinds))
    pictures = render_offline(portrait, chunks, args.framing, size, matte, args.arms, load_refine() if args.refine else None)
    kept = _Kept(SHEET_KEPT)
    mark = mark_text(portrait=portrait.content_hash[:16], seed=args.seed)
    # A picture that is enlarged takes minutes: its tiles are counted, so that one sees it go on.
    parts = enlarger.tiles(*size) if enlarger else 1
    unit = "tiles" if enlarger else "pictures"
    with progress_bar("rendering", expected and expected * parts, unit, quiet=args.quiet) as advance:
        if enlarger is not None:
            pictures = _enlarged(pictures, enlarger, lambda: advance(1))

        def count(picture: VideoFrame) -> None:
            if enlarger is None:
                advance(1)
            if sheet is not None:
                image = picture.image if enlarger is None else cv2.resize(picture.image, size, interpolation=cv2.INTER_AREA)
                kept.add(picture.frame_index / FRAME_RATE, on_grey(np.asarray(image, np.uint8)))

        frames = write_film(output, pictures, info, sound, mark, visible_mark=args.visible_mark, on_picture=count, size=film_size)
    if certificate is not None:
        sign_film(output, certificate)
    for line in remarks:
        print(f"visavis render: {line}", file=sys.stderr)
    if sheet is not None:
        chosen = [kept.pictures[index] for index in spread(len(kept.pictures), SHEET_PICTURES)]
        save_sheet(contact_sheet(chosen, mouth=mouth_box(portrait, args.framing, size)), sheet)
    seconds = time.monotonic() - begin
    if not args.quiet:
        print(f"{output}: {frames} pictures, {frames / FRAME_RATE:.2f} s, made in {seconds:.1f} s", file=sys.stderr)
    return 0


def _recorded(args: argparse.Namespace, steering: Steering, tell: Callable[[str], None]) -> Clip:
    """The clip of --motion; ValueError where it is a sound, which has no motion of its own."""
    path = Path(args.motion)
    if path.is_file() and path.suffix.lower() not in (".npz", ".csv", ".mcap", ".db3"):
        raise ValueError(f"--motion takes a bag, a Live Link Face .csv or a NAME.motion.npz, not {path}: a sound goes to --audio")
    return load_clip(path, args, steering, tell)


def _sound_of(clip: Clip) -> tuple[AudioInfo, Iterator[NDArray[np.float32]]]:
    """The clip's own sound, or silence, as ``open_original`` gives that of a file."""
    length = frame_to_sample(len(clip.motion))
    samples = np.zeros(length, np.int16) if clip.samples is None else clip.samples[:length]
    heard = (samples.astype(np.float32) / np.float32(32768))[:, None]
    pieces = (heard[at : at + SAMPLE_RATE] for at in range(0, length, SAMPLE_RATE))
    return AudioInfo(SAMPLE_RATE, 1, length / SAMPLE_RATE, "PCM"), pieces


def _enlarged(pictures: Iterator[VideoFrame], enlarger: Enlarger, on_tile: Callable[[], None]) -> Iterator[VideoFrame]:
    for picture in pictures:
        yield replace(picture, image=enlarger.enlarge(picture.image, on_tile))


def _certificate(args: argparse.Namespace, output: Path) -> Certificate | None:
    """What the film is to be signed with, if at all; whatever is wrong with it shows before anything is drawn."""
    if not args.c2pa:
        if args.c2pa_key:
            raise ValueError("--c2pa-key needs --c2pa with the certificate chain that belongs to it")
        return None
    if importlib.util.find_spec("c2pa") is None:
        raise ValueError("--c2pa needs the extra c2pa: pip install 'visavis[c2pa]'")
    if output.suffix.lower() not in SIGNED_KINDS:
        raise ValueError(f"--c2pa can sign {' and '.join(SIGNED_KINDS)}, not {output.name}")
    if args.c2pa == "test":
        return certificate_for_tests()
    if not args.c2pa_key:
        raise ValueError("--c2pa needs --c2pa-key with the private key of the certificate")
    return read_certificate(Path(args.c2pa), Path(args.c2pa_key))


def _size(text: str) -> tuple[int, int]:
    """ "512x768" as (512, 768)."""
    width, _, height = text.lower().partition("x")
    try:
        return int(width), int(height)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a size is written like 512x768, got {text!r}") from None


def check_output(path: Path, inputs: list[Path], endings: tuple[str, ...]) -> None:
    """ValueError where ``path`` has another ending, is one of the inputs or a folder; makes its folder where that is missing."""
    if path.suffix.lower() not in endings:
        raise ValueError(f"{path} must end in {' or '.join(endings)}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file")
    for source in inputs:
        if path.exists() and source.exists() and path.samefile(source):
            raise ValueError(f"{path} is also the input, which would be lost: name another output")
    path.parent.mkdir(parents=True, exist_ok=True)


def write_film(
    path: Path,
    pictures: Iterator[VideoFrame],
    info: AudioInfo,
    sound: Iterator[NDArray[np.float32]],
    mark: str,
    visible_mark: bool = False,
    on_picture: Callable[[VideoFrame], None] = lambda _picture: None,
    size: tuple[int, int] = (PICTURE_WIDTH, PICTURE_HEIGHT),
) -> int:
    """Write pictures of ``size`` and sound to ``path``, a file of a kind that ``FilmWriter`` knows or a folder; returns the number of
    pictures. Drawing runs in this thread and encoding in another.

    ``sound`` begins with picture 0. Whatever goes wrong in either thread is raised here, and no part of a film is left.
    """
    waiting: queue.Queue[VideoFrame | None] = queue.Queue(WAITING_PICTURES)
    failed: list[BaseException] = []
    abandoned = threading.Event()

    def encode() -> None:
        ended = False
        try:
            writer: Callable[..., FilmWriter | PictureFolder] = FilmWriter if path.suffix else PictureFolder
            with writer(path, *size, info.sample_rate, min(info.channels, 2) if info.channels < 3 else 1, mark) as film:
                heard = 0
                while not (ended := (picture := waiting.get()) is None):
                    film.write_picture(draw_visible_mark(picture.image) if visible_mark else picture.image)
                    while heard < (film.pictures / FRAME_RATE + SOUND_LEAD) * info.sample_rate and (piece := next(sound, None)) is not None:
                        film.write_sound(piece)
                        heard += len(piece)
                if abandoned.is_set():
                    raise _AbandonedError
                for piece in sound:
                    film.write_sound(piece)
        except _AbandonedError:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that draws
            failed.append(error)
            while not ended:
                ended = waiting.get() is None

    encoder = threading.Thread(target=encode, name="encoder")
    encoder.start()
    count = 0
    try:
        for picture in pictures:
            waiting.put(picture)
            count += 1
            on_picture(picture)
            if failed:
                break
    except BaseException:
        abandoned.set()
        raise
    finally:
        waiting.put(None)
        encoder.join()
    if failed:
        raise failed[0]
    return count


class _AbandonedError(Exception):
    """The thread that draws has given up."""


class _Kept:
    """At most ``limit`` pictures, spread evenly over however many come."""

    def __init__(self, limit: int) -> None:
        self.pictures: list[tuple[float, NDArray[np.uint8]]] = []
        self._limit, self._every, self._seen = limit, 1, 0

    def add(self, time: float, image: NDArray[np.uint8]) -> None:
        if self._seen % self._every == 0:
            self.pictures.append((time, image))
            if len(self.pictures) == self._limit:
                self.pictures = self.pictures[::2]
                self._every *= 2
        self._seen += 1


def on_grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture with opacity before a grey wall; one without as it is."""
    if image.shape[2] == 3:
        return image
    share = image[..., 3:].astype(np.float32) / 255
    return np.asarray((image[..., :3] * share + 128 * (1 - share)).round(), np.uint8)


def mouth_box(portrait: PortraitRig, framing: str = "upper_body", size: tuple[int, int] = (PICTURE_WIDTH, PICTURE_HEIGHT)) -> Box:
    """Where the mouth is in the unmoved picture, with room for a jaw that drops and a head that moves."""
    points = (portrait.vertices[portrait.keypoint_vertices] * portrait.keypoint_weights[..., None]).sum(1)
    focal, principal = view_of(portrait, framing, *size).camera(portrait.focal, portrait.principal)
    places = points[:, :2] / points[:, 2:] * focal + np.asarray(principal)
    lips = places[[name.startswith("outer_lip") for name in portrait.keypoint_names]]
    if not len(lips):
        raise ValueError("this portrait names no keypoint outer_lip_*: remove the cache of portraits and fit it again")
    width = float(np.ptp(lips[:, 0])) * 2.0
    left, top = lips.mean(0) - (width / 2, width * 0.45)
    return Box(round(left), round(top), round(width), round(width))
