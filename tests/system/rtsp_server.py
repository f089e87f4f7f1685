"""A real RTSP server, GStreamer's, that plays H.264 round and round: run by the system's Python.

/usr/bin/python3 rtsp_server.py PORT [--login USER:PASSWORD] PATH=CLIP@FPS ...

A CLIP is a file of access units, each after its length in four bytes, big endian; the first is a
keyframe. Every client of a PATH sees the same stream, as with a camera, and may come in the middle
between two keyframes. Prints "ready" when it listens.
"""

import argparse
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

LAUNCH = (
    "( appsrc name=units is-live=true format=time do-timestamp=true "
    "caps=video/x-h264,stream-format=byte-stream,alignment=au "
    "! h264parse ! rtph264pay name=pay0 pt=96 )"
)


@dataclass(frozen=True)
class Mount:
    """One stream: where it is, what it plays, how fast."""

    path: str
    units: list[bytes]
    fps: float


def mount(text: str) -> Mount:
    path, _, rest = text.partition("=")
    clip, _, fps = rest.rpartition("@")
    return Mount(path, list(units(Path(clip).read_bytes())), float(fps))


def units(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 4 + length]
        at += 4 + length


def play(source: "Gst.Element", mount: Mount) -> None:
    """Push units at their rate until the pipeline takes no more."""
    due_s = time.monotonic()
    for unit in cycle(mount.units):
        if source.emit("push-buffer", Gst.Buffer.new_wrapped(unit)) != Gst.FlowReturn.OK:
            return
        due_s = max(due_s + 1 / mount.fps, time.monotonic() - 1.0)
        time.sleep(max(0.0, due_s - time.monotonic()))


def factory(mount: Mount, locked: bool) -> "GstRtspServer.RTSPMediaFactory":
    made = GstRtspServer.RTSPMediaFactory()
    made.set_launch(LAUNCH)
    made.set_shared(True)

    def configure(_factory: object, media: "GstRtspServer.RTSPMedia") -> None:
        source = media.get_element().get_child_by_name("units")
        threading.Thread(target=play, args=(source, mount), daemon=True).start()

    made.connect("media-configure", configure)
    if locked:
        rights = GstRtspServer.RTSPPermissions()
        rights.add_permission_for_role("viewer", "media.factory.access", True)
        rights.add_permission_for_role("viewer", "media.factory.construct", True)
        made.set_permissions(rights)
    return made


def lock(server: "GstRtspServer.RTSPServer", login: str) -> None:
    """Ask for a digest of ``login``, as cameras do."""
    user, _, password = login.partition(":")
    viewer = GstRtspServer.RTSPToken()
    viewer.set_string("media.factory.role", "viewer")
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    auth.add_digest(user, password, viewer)
    server.set_auth(auth)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("port")
    arguments.add_argument("--login", default="")
    arguments.add_argument("mounts", nargs="+", type=mount)
    asked = arguments.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(asked.port)
    if asked.login:
        lock(server, asked.login)
    for one in asked.mounts:
        server.get_mount_points().add_factory(f"/{one.path}", factory(one, bool(asked.login)))
    server.attach(None)
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
