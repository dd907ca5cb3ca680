"""visavis: one portrait photo and a live voice become a person on a screen."""

__version__ = "0.1.0"
