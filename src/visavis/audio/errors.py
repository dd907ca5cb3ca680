"""What can go wrong with sound, as two kinds of error: a file, and a microphone."""


class AudioError(ValueError):
    """A sound file that cannot be used; the text says why and what to do."""


class MicrophoneError(RuntimeError):
    """No microphone could be opened; the text says why and what to do."""


class MicrophoneLostError(MicrophoneError):
    """The microphone was open and gives no sound any more (unplugged, or taken by another program)."""
