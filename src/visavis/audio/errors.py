"""What can go wrong with sound: a file, and a device that records or plays."""


class AudioError(ValueError):
    """A sound file that cannot be used; the text says why and what to do."""


class SoundDeviceError(RuntimeError):
    """A sound device could not be opened; the text says why and what to do."""


class MicrophoneError(SoundDeviceError):
    """No microphone could be opened; the text says why and what to do."""


class MicrophoneLostError(MicrophoneError):
    """The microphone was open and gives no sound any more (unplugged, or taken by another program)."""


class SpeakerError(SoundDeviceError):
    """No loudspeaker could be opened; the text says why and what to do."""


class SpeakerLostError(SpeakerError):
    """The loudspeaker was open and takes no sound any more (unplugged, or its driver stopped)."""
