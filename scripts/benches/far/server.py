"""A model server as one would put into a cloud: a JPEG comes by POST, findings go back as JSON."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

import cv2
import msgspec
import numpy as np

from edgeagent import assembly
from edgeagent.config import Config
from edgeagent.decode import decode
from edgeagent.engines import Engine
from edgeagent.findings import Finding
from edgeagent.preprocess import put

PORT = 8080
THRESHOLD = 0.4


def answer(engine: Engine, jpeg: bytes) -> list[Finding]:
    """Return what ``engine`` finds in a picture."""
    height, width = engine.takes.shape[1:3]
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    rgb = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)
    with engine.seat() as seat:
        put(rgb[None], seat.input, engine.takes)
        return decode(engine.bundle, engine.file, seat.run(), THRESHOLD, 1)


def main() -> None:
    """Serve until killed."""
    look = assembly.open_engines(Config().model).look
    assert look is not None
    engine: Engine = look

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            jpeg = self.rfile.read(int(self.headers["Content-Length"]))
            body = msgspec.json.encode(answer(engine, jpeg))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("", PORT), Handler)
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
