"""Speed against C written by hand: `python -m benchmarks`."""
