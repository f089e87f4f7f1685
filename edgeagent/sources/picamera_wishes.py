"""What the settings ask of a Pi camera, in the words of picamera2 and libcamera."""

from collections.abc import Mapping
from typing import Any

from edgeagent.config import CameraConfig
from edgeagent.sources.picamera_binding import Binding

BUFFERS = 4
"""One looked at, one waiting as the newest, two for the camera to write in."""

LORES_WIDTH_PX = 320
"""Luma is half the picture's width, but not narrower than this unless the picture is."""

AF_MANUAL = 0
"""libcamera's AfMode: the lens stays where LensPosition puts it."""

AF_CONTINUOUS = 2
"""libcamera's AfMode: the camera keeps what it sees in focus."""

SETTING_OF = {
    "FrameDurationLimits": "fps",
    "ExposureTime": "exposure_us",
    "AnalogueGain": "gain",
    "LensPosition": "focus",
}
"""The setting that asks for a control of libcamera. AfMode alone is the default of ``focus``, and
is not missed in a camera whose lens does not move."""


def wishes(
    config: CameraConfig, binding: Binding, advertised: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return the arguments of ``create_video_configuration``, and the settings left out.

    Args:
        config: what is asked.
        binding: the module picamera2, for libcamera's Transform.
        advertised: the camera's controls by name. picamera2 refuses to be configured with one
            that the camera has not: it is left out, and its setting returned.
    """
    width, height = config.width // 2 * 2, config.height // 2 * 2
    asked = _controls(config)
    wanted = {
        "main": {"size": (width, height), "format": "YUV420"},
        "lores": {"size": _lores_size(width, height), "format": "YUV420"},
        "controls": {name: value for name, value in asked.items() if name in advertised},
        "buffer_count": BUFFERS,
    }
    if config.hflip or config.vflip:
        wanted["transform"] = binding.libcamera.Transform(hflip=config.hflip, vflip=config.vflip)
    return wanted, [SETTING_OF[n] for n in asked if n not in advertised and n in SETTING_OF]


def _controls(config: CameraConfig) -> dict[str, Any]:
    frame_us = round(1e6 / config.fps)
    asked: dict[str, Any] = {"FrameDurationLimits": (frame_us, frame_us)}
    # Given an exposure or a gain, picamera2 switches the camera's own off by itself.
    if config.exposure_us:
        asked["ExposureTime"] = config.exposure_us
    if config.gain:
        asked["AnalogueGain"] = config.gain
    if config.focus < 0:
        return asked | {"AfMode": AF_CONTINUOUS}
    return asked | {"AfMode": AF_MANUAL, "LensPosition": config.focus}


def _lores_size(width: int, height: int) -> tuple[int, int]:
    share = min(1.0, max(0.5, LORES_WIDTH_PX / width))
    return int(width * share) // 2 * 2, int(height * share) // 2 * 2
