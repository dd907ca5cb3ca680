"""Pictures of motion for people who look into it: curves, phones and sound of a clip, and its face as lines."""
