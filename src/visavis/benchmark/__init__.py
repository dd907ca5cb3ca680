"""Runs the real graph and measures it from outside: what `visavis bench` and `visavis demo` have in common."""
