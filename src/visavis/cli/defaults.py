"""The portrait and the speech that come with visavis."""

from pathlib import Path

from visavis.store import AssetError, shipped

DEFAULT_PORTRAIT = "portraits/default.jpg"
SPEECH_FOLDER = "speech"


def default_portrait() -> Path:
    """The photo that is used when none is named."""
    return shipped(DEFAULT_PORTRAIT)


def default_speech() -> Path:
    """The speech that is used when none is named: about ten seconds."""
    found = sorted(path for path in shipped(SPEECH_FOLDER).glob("default.*") if path.suffix in (".wav", ".flac", ".ogg", ".mp3"))
    if not found:
        raise AssetError(f"{shipped(SPEECH_FOLDER)} has no file default.*: the installation is incomplete, install visavis again")
    return found[0]
