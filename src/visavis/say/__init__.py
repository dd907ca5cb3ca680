"""Text to speech in real time: text to sentences that can be spoken, a local network to sound, sound to the clock."""
