"""The software bill of materials of a release, CycloneDX 1.6: bom.py TREE WHEELHOUSE FILE.

The wheel, every package that a device gets with it (from the pins, with licence and digest from the
wheels), the model bundles and the clip. Nothing in it says when or where it was made but
SOURCE_DATE_EPOCH: the same release has the same bill.
"""

import hashlib
import os
import re
import sys
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from edgeagent.model import Bundle, list_bundles, load_bundle
from scripts.releasing.pins import Pin, pins_of
from scripts.releasing.wheels import Wheel, wheel_of

GIVEN = ("py311-page.txt", "py313-page.txt", "pip.txt")
"""The pins of what a device gets: see scripts/wheelhouse."""
CLIP = "edgeagent/clips/cockatoo.mp4"


def bill(tree: Path, house: Path, epoch_s: int) -> Bom:
    """Return the bill of the release in ``tree``, whose wheels are in ``house``.

    Args:
        tree: the sources of the release.
        house: a wheelhouse; of packages that it has no wheel of, licence and digest are left out.
        epoch_s: when it was made, unix seconds.
    """
    wheels = [wheel_of(path) for path in sorted((house / "wheels").glob("*.whl"))]
    (own,) = [wheel for wheel in wheels if wheel.name == "edgeagent"]
    pins = pins_of([tree / "requirements" / name for name in GIVEN])
    parts = {pin: _package(pin, [w for w in wheels if w.is_of(pin)]) for pin in pins}
    models = [_model(load_bundle(folder), tree) for folder in list_bundles(tree / "models")]
    root = _own(own)
    every = [*parts.values(), *models, _clip(tree)]
    made = Bom(
        components=every,
        serial_number=uuid.uuid5(uuid.NAMESPACE_OID, own.sha256 + "".join(map(_told, every))),
        metadata=BomMetaData(component=root, timestamp=datetime.fromtimestamp(epoch_s, UTC)),
    )
    _join(made, root, own, parts, [*models, every[-1]], wheels)
    return made


def _told(component: Component) -> str:
    files = sorted(str(part.bom_ref.value) for part in component.components)
    return f"{component.bom_ref.value} {' '.join(files)}\n"


def text(made: Bom) -> str:
    """Return ``made`` as JSON.

    Raises:
        ValueError: CycloneDX's own validator, strict, finds fault with it.
    """
    written = JsonV1Dot6(made).output_as_string(indent=1) + "\n"
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(written)
    if fault is not None:
        raise ValueError(f"not CycloneDX 1.6: {fault}")
    return written


def _own(wheel: Wheel) -> Component:
    return Component(
        type=ComponentType.APPLICATION,
        name=wheel.name,
        version=wheel.version,
        bom_ref=wheel.name,
        purl=PackageURL("pypi", name=wheel.name, version=wheel.version),
        licenses=_licences(wheel.licence),
        components=[_file(wheel.file, wheel.sha256)],
    )


def _package(pin: Pin, wheels: list[Wheel]) -> Component:
    licence = next((wheel.licence for wheel in wheels if wheel.licence), "")
    return Component(
        name=pin.name,
        version=pin.version,
        bom_ref=f"{pin.name}=={pin.version}",
        purl=PackageURL("pypi", name=pin.name, version=pin.version),
        licenses=_licences(licence),
        components=[_file(wheel.file, wheel.sha256) for wheel in wheels],
        properties=[Property(name="edgeagent:pins", value=name) for name in sorted(pin.files)],
    )


def _model(bundle: Bundle, tree: Path) -> Component:
    files = sorted(path for path in bundle.folder.rglob("*") if path.is_file())
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=bundle.name,
        version=bundle.version,
        bom_ref=f"model {bundle.name}",
        description=bundle.origin,
        # As far as the first comma it is a name; the whole sentence stands beside it.
        licenses=_licences(bundle.licence.partition(",")[0]),
        properties=[Property(name="edgeagent:licence", value=bundle.licence)],
        components=[_file(str(path.relative_to(tree)), _digest(path)) for path in files],
    )


def _clip(tree: Path) -> Component:
    licence = (tree / CLIP).parent / "LICENSE"
    named = re.search(r"^License: (\S+)$", licence.read_text(), re.MULTILINE)
    return Component(
        type=ComponentType.DATA,
        name=Path(CLIP).name,
        bom_ref=CLIP,
        hashes=_sha256(_digest(tree / CLIP)),
        licenses=_licences(named[1] if named else ""),
        components=[_file(str(licence.relative_to(tree)), _digest(licence))],
    )


def _file(name: str, sha256: str) -> Component:
    return Component(
        type=ComponentType.FILE,
        name=name,
        bom_ref=f"{name} {sha256[:16]}",
        hashes=_sha256(sha256),
    )


def _sha256(digest: str) -> list[HashType]:
    return [HashType(alg=HashAlgorithm.SHA_256, content=digest)]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _licences(said: str) -> Iterable[License]:
    return [LicenseFactory().make_from_string(said)] if said else []


def _join(
    made: Bom,
    root: Component,
    own: Wheel,
    parts: dict[Pin, Component],
    others: list[Component],
    wheels: list[Wheel],
) -> None:
    """Say what needs what, as the wheels do; models and clip are the agent's own."""
    made.register_dependency(root, [*_needed(own, parts), *others])
    for pin, part in parts.items():
        mine = next((wheel for wheel in wheels if wheel.is_of(pin)), None)
        made.register_dependency(part, list(_needed(mine, parts, pin)) if mine else [])


def _needed(
    wheel: Wheel, parts: dict[Pin, Component], by: Pin | None = None
) -> Iterator[Component]:
    for pin, part in parts.items():
        together = by is None or not by.files.isdisjoint(pin.files)
        if pin.name in wheel.needs and together and pin != by:
            yield part


if __name__ == "__main__":
    tree, house, file = map(Path, sys.argv[1:])
    file.write_text(text(bill(tree, house, int(os.environ["SOURCE_DATE_EPOCH"]))))
    print(f"{file.name}: {len(re.findall('bom-ref', file.read_text()))} parts", file=sys.stderr)
