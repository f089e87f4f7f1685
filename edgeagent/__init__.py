"""Look at a camera on the device; send away only what was seen, never the picture."""

__version__ = "0.1.0"
