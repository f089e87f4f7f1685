"""No picture may leave: fail when anything the daemon imports can turn pixels into a file.

Looks at the syntax trees of every module in the import closure of ``edgeagent run``, for calls of
image or video encoders and for files opened by PyAV for writing.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp

DAEMON = "edgeagent.cli.run"
ENCODERS = frozenset(
    {
        "CodecContext",
        "H264Encoder",
        "JpegEncoder",
        "VideoWriter",
        "add_mux_stream",
        "add_stream",
        "add_stream_from_template",
        "capture_file",
        "fromarray",
        "imencode",
        "imencodemulti",
        "imwrite",
        "imwritemulti",
        "start_encoder",
        "start_recording",
        "switch_mode_and_capture_file",
        "to_image",
        "tofile",
    }
)
"""Names of cv2, PyAV, picamera2, Pillow and numpy by which pixels become a file."""


def offences(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of everything in ``source`` that could encode a picture."""
    for node in ast.walk(ast.parse(source)):
        name = getattr(node, "attr", getattr(node, "id", ""))
        if isinstance(node, ast.Attribute | ast.Name) and name in ENCODERS:
            yield node.lineno, name
        if isinstance(node, ast.Import | ast.ImportFrom) and "PIL" in _imported(node):
            yield node.lineno, "PIL"
        if isinstance(node, ast.Call) and _opens_for_writing(node):
            yield node.lineno, "av.open for writing"


def _imported(node: ast.Import | ast.ImportFrom) -> set[str]:
    names = (
        [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
    )
    return {name.split(".")[0] for name in names}


def _opens_for_writing(call: ast.Call) -> bool:
    if ast.unparse(call.func) != "av.open":
        return False
    mode = [k.value for k in call.keywords if k.arg == "mode"] + call.args[1:2]
    return any(not isinstance(m, ast.Constant) or m.value != "r" for m in mode)


def closure() -> list[Path]:
    """Return the files of every module that the daemon imports, itself included."""
    graph = grimp.build_graph("edgeagent")
    modules = {DAEMON, *graph.find_upstream_modules(DAEMON)}
    root = Path(__file__).parent.parent
    paths = [root / m.replace(".", "/") for m in sorted(modules)]
    return [p / "__init__.py" if p.is_dir() else p.with_suffix(".py") for p in paths]


def main() -> int:
    """Print every offence; return 1 if there is one."""
    files = closure()
    found = [(p, *o) for p in files for o in offences(p.read_text(encoding="utf-8"))]
    for path, line, what in found:
        print(f"{path}:{line}: {what}: no encoder may be reachable from the daemon")
    if not found:
        print(f"no encoder in the {len(files)} modules the daemon imports")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
