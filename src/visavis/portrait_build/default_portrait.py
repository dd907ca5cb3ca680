"""The portrait that visavis starts with: a synthetic person out of PyPI ``openpeople`` (MIT), head to hips, arms bare, plain grey
behind."""

from pathlib import Path

from PIL import Image

PERSON, PICTURE = "P001", "studio_posture.jpg"
BOX = (300, 100, 1236, 1500)
"""Left, top, right, bottom in the photo of 1536x2752: 2:3 but for two pixels, the face a fifth of the height."""
QUALITY = 90


def write_default_portrait(people: Path, output: Path) -> None:
    """Cuts ``BOX`` out of ``PERSON``'s ``PICTURE`` under ``people`` (the asset `openpeople`) and writes it to ``output`` as JPEG."""
    with Image.open(people / PERSON / "assets" / PICTURE) as photo:
        output.parent.mkdir(parents=True, exist_ok=True)
        photo.convert("RGB").crop(BOX).save(output, "JPEG", quality=QUALITY, optimize=True, subsampling=0)
