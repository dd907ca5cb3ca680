"""Films: H.264 pictures and AAC sound in an mp4 file, written, read back and summed up as a sheet of pictures."""
