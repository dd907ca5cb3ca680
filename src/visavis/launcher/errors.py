"""The one error of this package."""


class LaunchError(ValueError):
    """A launch file, its arguments or what it names cannot be used. The message says which and what to do."""
