"""Every setting, its unit, its bounds, its default and what a reload may do with it.

One TOML file holds them. This page is the whole truth: the sample file, the JSON Schema and the
checks are made from it (`settings.py` reads and checks, this file only says what there is).
"""

import socket
from typing import Annotated

import msgspec
from msgspec import Meta

from edgeagent.setting import live, part, remote, start


# One setting, one entry, on one page: the table is set by hand.
# fmt: off
class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of the file."""


NAME = "^[A-Za-z0-9_-]{1,32}$"
"""What may stand in a topic: no slash, no wildcard, no space."""

Share = Annotated[float, Meta(ge=0, le=1)]
Corner = tuple[Share, Share]
"""x and y as frame fractions: 0, 0 is the upper left corner, 1, 1 the lower right."""

Labels = Annotated[list[str], live("Only these labels; empty: all.")]
Day = Annotated[str, Meta(pattern="^(mon|tue|wed|thu|fri|sat|sun)$")]
TIME = "^([01][0-9]|2[0-3]):[0-5][0-9]$"


class ZoneConfig(Section, frozen=True):
    """[[camera.zone]]: a part of the frame that is counted in, ignored, or alone looked at."""

    name: Annotated[str, live("Stands in events.", pattern=NAME)] = "zone"
    kind: Annotated[str, live(
        '"count" (who comes, stays, goes), "ignore" (not looked at, not said), "only" (nothing '
        "elsewhere is looked at or said).", pattern="^(count|ignore|only)$")] = "count"
    polygon: Annotated[list[Corner], live(
        "Its corners in order. A thing is where the middle of its lower edge is.", "", min_length=3, max_length=64)] = []
    labels: Labels = []
    min_size: Annotated[float, live(
        "Only things of at least this share of the frame's height.", "", ge=0, le=1)] = 0.0
    max_size: Annotated[float, live("Only things of at most this share of it.", "", ge=0, le=1)] = 1.0


class LineConfig(Section, frozen=True, rename={"start": "from", "end": "to"}):
    """[[camera.line]]: whoever goes from its left hand to its right goes in."""

    name: Annotated[str, live("Stands in events.", pattern=NAME)] = "line"
    start: Annotated[Corner, live("Where it begins.")] = (0.0, 0.0)
    end: Annotated[Corner, live("Where it ends.")] = (0.0, 0.0)
    labels: Labels = []


class ArmedConfig(Section, frozen=True, rename={"start": "from", "end": "to"}):
    """[[camera.armed]]: when it looks; without one, always."""

    start: Annotated[str, live("Local time at which it begins.", pattern=TIME)] = "00:00"
    end: Annotated[str, live("Local time at which it ends; the next day where that is not later.", pattern=TIME)] = "00:00"
    days: Annotated[list[Day], live("The days on which it begins; empty: all.")] = []


SourceName = Annotated[str, part(
    'Kind of camera: "video" (a file, an rtsp:// address, /dev/videoN), "picamera", "images" '
    '(a folder of stills), "synthetic" (a moving square, for trials).',
    pattern="^(video|picamera|images|synthetic)$")]


class CameraConfig(Section, frozen=True):
    """[[camera]]: one for each camera; all share the engine and the link."""

    name: Annotated[str, start("Stands in topics and events.", pattern=NAME)] = "cam"
    source: SourceName = "video"
    address: Annotated[str, part(
        "File, folder, device or rtsp:// address without a password; for picamera its number.")] = ""
    password_file: Annotated[str, part(
        "File with the password for address and detail, or credential:NAME for systemd's.")] = ""
    detail: Annotated[str, part(
        "rtsp:// address of the main stream where address is a small one of the same view: "
        "motion is seen in the small one, and the main one is decoded only for a look.")] = ""
    idle: Annotated[str, part(
        '"all", or "keyframes" while nothing moves in a stream: cheaper, but what comes and goes '
        "between two keyframes is not seen.", pattern="^(all|keyframes)$")] = "all"
    width: Annotated[int, part("Width asked of a camera that can choose.", "px", ge=32, le=4096)] = 1280
    height: Annotated[int, part("Height asked of a camera that can choose.", "px", ge=32, le=4096)] = 720
    fps: Annotated[float, part(
        "Frames a second asked of the camera; more than that are dropped.", "1/s", ge=0.1, le=60)] = 10.0
    exposure_us: Annotated[int, part(
        "picamera: how long each frame is exposed; 0: as the light asks.", "us", ge=0, le=10_000_000)] = 0
    gain: Annotated[float, part("picamera: analogue gain; 0: as the light asks.", "", ge=0, le=64)] = 0.0
    focus: Annotated[float, part(
        "picamera: 1 / distance in m, 0 is far and 2 half a metre; -1: it focuses by itself.",
        "dioptres", ge=-1, le=32)] = -1.0
    hflip: Annotated[bool, part("picamera: mirror the picture.")] = False
    vflip: Annotated[bool, part("picamera: upside down; with hflip it is turned by 180 degrees.")] = False
    loop: Annotated[bool, part("Begin a file or folder again when it ends.")] = False
    stall_s: Annotated[float, part(
        "A camera silent for so long is opened again.", "s", ge=1, le=300)] = 10.0
    zone: Annotated[list[ZoneConfig], live("Parts of the frame.", max_length=16)] = []
    line: Annotated[list[LineConfig], live("Counting lines.", max_length=16)] = []
    armed: Annotated[list[ArmedConfig], live("When it looks.", max_length=16)] = []


Word = Annotated[str, Meta(pattern="^(low|normal|high)$")]
Factor = Annotated[float, Meta(ge=0.25, le=4)]


class MotionConfig(Section, frozen=True):
    """[motion]: how much must change before the model is asked."""

    gate: Annotated[bool, remote(
        "Only what moved is looked at; false: every frame, as often as looks_per_s allows.")] = True
    cell_px: Annotated[int, part(
        "Size of a motion cell, 4, 8 or 16; 0: 8, and 16 in frames larger than 1600x1000.", "px", ge=0, le=16)] = 0
    sensitivity: Annotated[Word | Factor, remote(
        "Higher sees fainter things; thresholds are divided by it. Words: 0.7, 1 and 1.5.")] = "normal"
    min_cells: Annotated[int, remote("Smallest connected group of cells.", "cells", ge=1, le=1000)] = 2
    confirm_s: Annotated[float, remote(
        "A group must be near one seen so long before; 0 reports at once.", "s", ge=0, le=5)] = 0.1
    static_s: Annotated[float, remote(
        "What stays unchanged for so long becomes background.", "s", ge=0.5, le=600)] = 3.0
    still_s: Annotated[float, remote(
        "An episode of motion ends after so long without any.", "s", ge=0.1, le=60)] = 2.0
    every_s: Annotated[float, remote(
        "An episode that goes on is reported again so often.", "s", ge=1, le=3600)] = 10.0

    @property
    def factor(self) -> float:
        """What the sensitivity comes to: thresholds are divided by it."""
        words = {"low": 0.7, "normal": 1.0, "high": 1.5}
        return words[self.sensitivity] if isinstance(self.sensitivity, str) else self.sensitivity


class ModelConfig(Section, frozen=True):
    """[model]: what looks at the frames that moved."""

    folder: Annotated[str, part("Where the bundles are; empty: those of the release.")] = ""
    name: Annotated[str, part(
        "Bundle that looks at what moved; empty: motion only.", pattern="^[A-Za-z0-9_.-]{0,64}$")] = "coco16-320"
    vector: Annotated[str, part(
        "Bundle that makes a feature vector of each new track; empty: none.",
        pattern="^[A-Za-z0-9_.-]{0,64}$")] = ""
    runtime: Annotated[str, part(
        '"auto", "litert" or "tflite".', pattern="^(auto|litert|tflite)$")] = "auto"
    threads: Annotated[int, part("Threads of the interpreter.", "", ge=1, le=8)] = 1
    device: Annotated[str, part(
        'Where the models run: "auto" (an Edge TPU where one is found and a bundle is compiled for it, else '
        'the CPU), "cpu", "usb" or "pci" (every such Edge TPU), "usb:0" (the first), "scripted" (for trials: '
        "sees nothing).", pattern="^(auto|cpu|usb|usb:[0-9]|pci|pci:[0-9]|scripted)$")] = "auto"
    fallback: Annotated[str, part(
        'What looks while the Edge TPU is away: "cpu", or "none" for a bundle that has no file for the CPU.',
        pattern="^(cpu|none)$")] = "cpu"
    library: Annotated[str, part(
        "libedgetpu: a path, or a name for the loader to find.", min_length=1)] = "libedgetpu.so.1"
    deadline_s: Annotated[float, part(
        "An Edge TPU silent for so long in a call has hung; 0: ten times what calls take, at least 2 s.",
        "s", ge=0, le=60)] = 0.0
    load_s: Annotated[float, part(
        "It has hung, too, when a model is not loaded by then.", "s", ge=1, le=600)] = 30.0
    retry_s: Annotated[float, part(
        "Longest wait until a lost Edge TPU is tried again.", "s", ge=1, le=3600)] = 30.0
    looks_per_s: Annotated[float, remote(
        "At most so many looks a second and camera.", "1/s", ge=0.1, le=60)] = 10.0
    max_looks: Annotated[int, remote(
        "At most so many regions of one frame are looked at.", "", ge=1, le=8)] = 1
    margin: Annotated[float, remote(
        "A region is widened by this share of its size on each side.", "", ge=0, le=2)] = 0.25
    min_region: Annotated[float, remote(
        "A region is at least this share of the frame's height.", "", ge=0.05, le=1)] = 0.5


class EventsConfig(Section, frozen=True):
    """[events]: what is worth saying."""

    threshold: Annotated[float, remote("Lowest score that counts.", "", ge=0.01, le=1)] = 0.4
    labels: Annotated[list[str], remote("Only these labels; empty: all that the model knows.")] = []
    top: Annotated[int, remote("A classifier's best labels, so many.", "", ge=1, le=10)] = 1
    min_hits: Annotated[int, remote("Looks a thing must be seen in before it is said.", "", ge=1, le=20)] = 2
    gone_s: Annotated[float, remote(
        "A thing looked for and not seen for so long has gone.", "s", ge=0.1, le=600)] = 2.0
    heartbeat_s: Annotated[float, remote(
        "A thing that stays is confirmed by a look, and said again, so often.", "s", ge=1, le=86400)] = 60.0
    hard_band: Annotated[float, remote(
        "A best score less than this above the threshold is marked hard.", "", ge=0, le=1)] = 0.1
    per_minute: Annotated[float, remote(
        "At most so many events a minute and camera; the rest are counted.", "1/min", ge=1, le=6000)] = 120.0
    counts_s: Annotated[float, remote(
        "Who came, and crossed a line, is summed up so often; 0: never.", "s", ge=0, le=86400)] = 60.0
    vectors_per_s: Annotated[float, remote(
        "At most so many feature vectors a second and camera.", "1/s", ge=0.01, le=10)] = 1.0


class MqttConfig(Section, frozen=True):
    """[mqtt]: the one broker."""

    profile: Annotated[str, part(
        "What broker it is: settings left out are as it wants them, and those it would refuse are told.",
        pattern="^(any|mosquitto|aws-iot|azure-event-grid|emqx|emqx-serverless|hivemq|hivemq-cloud)$")] = "any"
    host: Annotated[str, part("Name or address of the broker; empty: keep all in the outbox.")] = ""
    port: Annotated[int, part("0: 8883 with TLS, 1883 without.", "", ge=0, le=65535)] = 0
    tls: Annotated[bool, part("Encrypt, and verify the broker's certificate and name.")] = True
    ca_file: Annotated[str, part("Own CA, PEM, with its revocation list if any; empty: the system's.")] = ""
    alpn: Annotated[str, part(
        "Protocol named in the TLS handshake: x-amzn-mqtt-ca for AWS IoT on port 443.",
        pattern=r"^[a-z0-9./-]{0,64}$")] = ""
    websocket: Annotated[str, part(
        "Path of the broker's WebSocket, such as /mqtt; empty: plain TCP.",
        pattern=r"^(/[!-~]{0,127})?$")] = ""
    cert_file: Annotated[str, part("Client certificate, PEM.")] = ""
    key_file: Annotated[str, part("Its key, PEM, or credential:NAME.")] = ""
    client_id: Annotated[str, part(
        "The device's id at the broker, {device} is filled in; empty: made of the machine's id.",
        pattern=r"^[A-Za-z0-9_{}:.-]{0,128}$")] = ""
    username: Annotated[str, part("User at the broker; {device} is filled in.", max_length=256)] = ""
    password_file: Annotated[str, part("File with the password, or credential:NAME.")] = ""
    prefix: Annotated[str, part(
        "Topics begin with it; {site} and {device} are filled in.",
        pattern=r"^[A-Za-z0-9_{}/.-]{1,128}$")] = "edge/v1/{site}/{device}"
    protocol: Annotated[str, part('"5", and 3.1.1 where the broker knows no other; or "3.1.1".', pattern=r"^(5|3\.1\.1)$")] = "5"
    encoding: Annotated[str, part(
        "How messages are written: json; cbor, half as long; cloudevents, in one JSON object each; cloudevents-binary, beside JSON, MQTT 5 only.",
        pattern="^(json|cbor|cloudevents|cloudevents-binary)$")] = "json"
    retain: Annotated[bool, part(
        "The broker keeps status and info for who comes later; false where it keeps nothing.")] = True
    keepalive_s: Annotated[int, part("Ping after so long without traffic.", "s", ge=5, le=3600)] = 60
    connect_s: Annotated[float, part("A connection not up by then is given up.", "s", ge=1, le=120)] = 15.0
    backoff_max_s: Annotated[float, part("Longest wait between attempts.", "s", ge=1, le=3600)] = 120.0
    inflight: Annotated[int, part("Messages on their way at once.", "", ge=1, le=1000)] = 20
    backlog_per_s: Annotated[float, live(
        "Stored events sent a second, at most; live ones go first.", "1/s", ge=0.1, le=10000)] = 200.0


Command = Annotated[str, Meta(pattern="^(ping|status|bench|look|pause|resume|set|reload|restart)$")]


class CommandsConfig(Section, frozen=True):
    """[commands]: what the broker's side may ask for; nothing that is not named."""

    allow: Annotated[list[Command], part(
        'Orders taken from cmd/NAME: "ping", "status" and "bench" (how it fares), "look" (look now, and say what is in view), '
        '"pause" and "resume" (close cameras, and watch them again), "set" (settings marked remote), "reload" (read this file again), "restart"; empty: none.')] = msgspec.field(default_factory=lambda: ["ping", "status"])
    desired: Annotated[bool, part(
        "Settings marked remote are taken from the retained message on cfg/desired, too, and told of on cfg/reported.")] = False
    per_minute: Annotated[float, part("At most so many orders a minute.", "1/min", ge=1, le=600)] = 30.0


class OutboxConfig(Section, frozen=True):
    """[outbox]: what is kept on disk until the broker has it."""

    folder: Annotated[str, start("Where; empty: $STATE_DIRECTORY/outbox or ~/.local/state/edgeagent/outbox.")] = ""
    max_bytes: Annotated[int, live(
        "Most that is kept, notices included; the oldest events go first.", "bytes", ge=262144, le=1 << 40)] = 67108864
    segment_bytes: Annotated[int, live(
        "Size of one file of the log.", "bytes", ge=4096, le=1 << 26)] = 262144
    max_age_days: Annotated[float, live(
        "What is older goes unsent, and is announced; 0: nothing is too old. Notices stay.", "days", ge=0, le=3650)] = 90.0
    sync_s: Annotated[float, live(
        "Most that a power cut may take, at least a second; 0 syncs each event.", "s", ge=0, le=3600)] = 5.0
    hot_folder: Annotated[str, start(
        "In memory, as /run/edgeagent/hot: events begin there, and only those not sent in time reach the disk. Empty: all do.")] = ""
    hot_s: Annotated[float, live(
        "Events in hot_folder are sent within that time or written to the disk; a power cut may take as much.", "s", ge=1, le=3600)] = 30.0


class ClockConfig(Section, frozen=True):
    """[clock]: how the agent learns that the wall clock is right."""

    flag: Annotated[str, start(
        "A file that is touched whenever the clock was set right, alone to be believed; empty: the kernel is "
        "asked, and where that is forbidden systemd-timesyncd's file.")] = ""


class HealthConfig(Section, frozen=True):
    """[health]: what the agent says of itself."""

    stat_s: Annotated[float, remote("How often counters are published; 0: never.", "s", ge=0, le=86400)] = 60.0
    stuck_s: Annotated[float, live(
        "A part busy for so long with no progress stops feeding systemd's watchdog.", "s", ge=5, le=600)] = 30.0


HostName = Annotated[str, Meta(pattern="^[A-Za-z0-9.-]{1,253}$")]


class PageConfig(Section, frozen=True):
    """[page]: the small page that the agent serves to a browser; needs the extra "page"."""

    enabled: Annotated[bool, part("Serve it.")] = False
    address: Annotated[str, part(
        "Address to listen on; beyond 127.0.0.1 only with a certificate, or insecure = true. 0.0.0.0 or ::, all.",
        pattern="^[0-9A-Fa-f.:]{2,45}$")] = "127.0.0.1"
    port: Annotated[int, part("TCP port.", "", ge=1, le=65535)] = 8480
    cert_file: Annotated[str, part("Certificate for https, PEM, with its chain; read again at a reload.")] = ""
    key_file: Annotated[str, part("Its key, PEM, or credential:NAME.")] = ""
    insecure: Annotated[bool, part(
        "Serve it without TLS beyond this device: whoever hears the network may read along.")] = False
    hosts: Annotated[list[HostName], part(
        "Names it is called by in a browser, besides localhost, addresses and this device's own.", max_length=16)] = []
    token_file: Annotated[str, part(
        "File with the token that opens it, or credential:NAME; empty: made in the state folder.")] = ""


Happening = Annotated[str, Meta(pattern="^(motion|object|label|zone|cross|camera_lost|camera_back|link_lost|link_back|tpu_lost|tpu_back)$")]
Way = Annotated[str, Meta(pattern="^(in|on|out)$")]


class ActionConfig(Section, frozen=True):
    """[[action]]: what an event sets going on this device, by itself; none unless it stands here."""

    name: Annotated[str, part("Stands in the log and in counters.", pattern=NAME)] = "action"
    kinds: Annotated[list[Happening], part("The events.")] = msgspec.field(default_factory=lambda: ["object"])
    phases: Annotated[list[Way], part(
        "Of what comes (in; into a zone, over a line), stays (on), goes (out); empty: all.")] = msgspec.field(default_factory=lambda: ["in"])
    labels: Annotated[list[str], part("Only of these labels; empty: all.")] = []
    cameras: Annotated[list[str], part("Only of these cameras; empty: all.")] = []
    zones: Annotated[list[str], part("zone: only of these; empty: all.")] = []
    lines: Annotated[list[str], part("cross: only of these; empty: all.")] = []
    min_score: Annotated[float, part("Lowest score that counts, where the event has one.", "", ge=0, le=1)] = 0.0
    every_s: Annotated[float, part("At most once in so long.", "s", ge=0, le=86400)] = 10.0
    argv: Annotated[list[str], part(
        "A program by its whole path, and its arguments; no shell reads them.", max_length=64)] = []
    time_limit_s: Annotated[float, part("It is ended then, with all that it started.", "s", ge=0.1, le=600)] = 10.0
    gpio: Annotated[int, part("Or a pin, by its BCM number; -1: none.", "", ge=-1, le=27)] = -1
    pulse_s: Annotated[float, part("The pin is on for so long.", "s", ge=0.01, le=600)] = 1.0
    active_high: Annotated[bool, part("On is 3.3 V; false for a relay that closes at 0 V.")] = True
    driver: Annotated[str, part('"lgpio", or "mock" (for trials: no pin is touched).', pattern="^(lgpio|mock)$")] = "lgpio"


OwnLabel = Annotated[str, Meta(pattern=r'^[^{}"\\%\x00-\x1f]{1,64}$')]


class HomeAssistantConfig(Section, frozen=True):
    """[homeassistant]: this device in Home Assistant, by its MQTT discovery."""

    enabled: Annotated[bool, part(
        'Tell it what there is, and let the broker keep how each camera stands; mqtt.encoding must be "json".')] = False
    prefix: Annotated[str, part(
        "Its discovery prefix; PREFIX/status is its birth message.",
        pattern="^[A-Za-z0-9_-]{1,32}(/[A-Za-z0-9_-]{1,32}){0,2}$")] = "homeassistant"
    labels: Annotated[list[OwnLabel], part(
        "Labels that have a presence and a count of their own, for each camera and zone.", max_length=16)] = msgspec.field(default_factory=lambda: ["person"])


class Config(Section, frozen=True):
    """The whole file."""

    device: Annotated[str, start("Stands in topics and events; empty: the host's name.", pattern="^[A-Za-z0-9_-]{0,32}$")] = ""
    site: Annotated[str, start("Stands in topics.", pattern=NAME)] = "home"
    camera: Annotated[list[CameraConfig], start("The cameras.")] = []
    motion: MotionConfig = MotionConfig()
    model: ModelConfig = ModelConfig()
    events: EventsConfig = EventsConfig()
    mqtt: MqttConfig = MqttConfig()
    commands: CommandsConfig = CommandsConfig()
    outbox: OutboxConfig = OutboxConfig()
    clock: ClockConfig = ClockConfig()
    health: HealthConfig = HealthConfig()
    page: PageConfig = PageConfig()
    action: Annotated[list[ActionConfig], part("What events set going here.", max_length=8)] = []
    homeassistant: HomeAssistantConfig = HomeAssistantConfig()

    @property
    def device_name(self) -> str:
        """The name to use: the one set, else the host's, with odd characters replaced."""
        host = "".join(c if c.isalnum() or c in "_-" else "-" for c in socket.gethostname())
        return self.device or host[:32] or "edge"
