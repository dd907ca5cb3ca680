"""Training data, made offline: natural synthetic speech with exact phone durations, and the motion that belongs to it."""
