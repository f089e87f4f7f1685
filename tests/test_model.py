"""Bundles that are what their manifest says, and every way in which they are not."""

import hashlib
import os
import re
import shutil
from pathlib import Path

import pytest

from edgeagent import __version__, semver
from edgeagent.errors import AgentTooOldError, BundleError
from edgeagent.model import Bundle, bundles_folder, find_bundle, list_bundles, load_bundle

from .older import older

RELEASE = Path(__file__).parents[1] / "models"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The smaller bundle of the release, to be spoilt."""
    return Path(shutil.copytree(RELEASE / "embed88-128", tmp_path / "embed88-128"))


def edit(folder: Path, old: str, new: str) -> None:
    manifest = folder / "manifest.toml"
    text = manifest.read_text()
    assert old in text
    manifest.write_text(text.replace(old, new, 1))


def faults(folder: Path) -> list[str]:
    with pytest.raises(BundleError) as raised:
        load_bundle(folder)
    return str(raised.value).replace(f"{folder}/", "").split("\n")


def test_the_bundles_of_the_release_are_what_they_say() -> None:
    folder = bundles_folder()
    assert folder == RELEASE
    loaded = {path.name: load_bundle(path) for path in list_bundles(folder)}
    assert loaded.keys() == {"coco16-320", "embed88-128"}
    detector = loaded["coco16-320"]
    assert (detector.task, detector.decoder) == ("detect", "centernet")
    assert detector.labels[0] == "person"
    assert len(detector.labels) == 16
    assert detector.files["cpu"].digest8 == "c5805c0d"
    assert detector.files["cpu"].outputs["heat"].name == "PartitionedCall:1"
    assert loaded["embed88-128"].labels == ()


def test_every_bundle_of_the_release_has_its_licence_and_its_story() -> None:
    for path in list_bundles(RELEASE):
        assert "MIT License" in (path / "LICENSE").read_text()
        story = (path / "README.md").read_text()
        assert load_bundle(path).files["cpu"].sha256 in story
        assert "no licence file was found" in story
        assert sum(file.stat().st_size for file in (path / "golden").iterdir()) < 300_000


def test_the_first_folder_that_has_a_bundle_wins(tmp_path: Path, copy: Path) -> None:
    assert find_bundle("embed88-128", [tmp_path, RELEASE]).folder == copy
    assert find_bundle("coco16-320", [tmp_path, RELEASE]).folder == RELEASE / "coco16-320"


def test_a_bundle_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(BundleError) as raised:
        find_bundle("coco61-320", [RELEASE])
    assert str(raised.value) == (
        f"'coco61-320': no such model bundle in {RELEASE}; did you mean 'coco16-320'?"
    )


def test_no_bundle_at_all_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=re.escape(f"in {tmp_path}; there is none at all")):
        find_bundle("coco16-320", [tmp_path])


def test_a_folder_with_another_bundles_manifest_is_refused(tmp_path: Path, copy: Path) -> None:
    other = copy.rename(tmp_path / "embed99")
    with pytest.raises(BundleError, match="name: is 'embed88-128', its folder 'embed99'"):
        find_bundle("embed99", [tmp_path])
    assert load_bundle(other).name == "embed88-128"


def test_a_wrong_digest_is_refused(copy: Path) -> None:
    model = copy / "model.tflite"
    data = bytearray(model.read_bytes())
    data[1000] ^= 1
    model.write_bytes(data)
    assert faults(copy) == [
        f"model.tflite: has the sha256 {hashlib.sha256(data).hexdigest()}, the manifest says "
        "7fd2c739ff6008840499376e32377ebad04640aa2193f20c6c9719dfd776e417; "
        "deploy the bundle again"
    ]


def test_a_truncated_model_is_refused_by_its_size(copy: Path) -> None:
    model = copy / "model.tflite"
    model.write_bytes(model.read_bytes()[:1000])
    assert faults(copy) == [
        "model.tflite: has 1000 bytes, the manifest says 874064; deploy the bundle again"
    ]


def test_a_missing_model_is_refused(copy: Path) -> None:
    (copy / "model.tflite").unlink()
    assert faults(copy) == ["model.tflite: is missing; deploy the bundle again"]


def test_a_model_behind_a_link_is_refused(copy: Path) -> None:
    (copy / "model.tflite").rename(copy / "real")
    (copy / "model.tflite").symlink_to("real")
    assert faults(copy) == [
        "model.tflite: is reached by a link; a bundle holds its own files; deploy the bundle again"
    ]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    folder = tmp_path / "coco16-320"
    shutil.copytree(RELEASE / folder.name, folder)
    (folder / "labels.txt").unlink()
    return folder


def test_labels_behind_a_link_are_not_read(labelled: Path) -> None:
    (labelled.parent / "secret").write_text("nobody's business")
    (labelled / "labels.txt").symlink_to("../secret")
    fault = faults(labelled)[0]
    assert "labels.txt: cannot be read (is reached by a link" in fault
    assert "business" not in fault


def test_a_pipe_in_a_bundle_holds_nobody(labelled: Path) -> None:
    os.mkfifo(labelled / "labels.txt")
    assert "is no file" in faults(labelled)[0]


@pytest.mark.parametrize("path", ["../model.tflite", "/etc/passwd", "a/../../b", "", "."])
def test_a_path_out_of_the_bundle_is_refused(copy: Path, path: str) -> None:
    edit(copy, 'path = "model.tflite"', f'path = "{path}"')
    assert faults(copy) == [
        f"manifest.toml: files.cpu.path: {path!r} is not the name of a file in the bundle; "
        "deploy the bundle again"
    ]


def test_a_wrong_role_is_refused(copy: Path) -> None:
    edit(copy, "outputs.vector", "outputs.vektor")
    assert faults(copy) == [
        "manifest.toml: files.cpu.outputs: the roles are vektor; 'embedding' wants vector; "
        "deploy the bundle again"
    ]


def test_all_faults_are_told_at_once(copy: Path) -> None:
    edit(copy, 'version = "1.0.0"', "versoin = 1")
    edit(copy, 'task = "embed"', 'task = "draw"')
    edit(copy, "cosine = 0.99", "cosine = 3")
    edit(copy, "size_bytes = 874064", 'size_bytes = "many"')
    edit(copy, 'dtype = "uint8"', "dtype = 8")
    (copy / "labels.txt").write_text("a\n")
    told = faults(copy)
    assert len(told) == 6
    whole = "\n".join(told)
    assert "manifest.toml: versoin: unknown key; did you mean 'version'?" in whole
    assert "manifest.toml: version: missing" in whole
    assert "task: 'draw' will not do" in whole
    assert "golden.cosine: 3 will not do: Expected `float` <= 1.0" in whole
    assert "files.cpu.size_bytes: 'many' will not do: Expected `int`, got `str`" in whole
    assert "files.cpu.input.dtype: 8 will not do: Expected `str`, got `int`" in whole


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    folder = tmp_path / "coco16-320"
    return Path(shutil.copytree(RELEASE / "coco16-320", folder))


@pytest.fixture
def unlisted(detector: Path) -> Path:
    """The detector's bundle from before files were listed, so that one may be changed."""
    return older(detector)


def test_missing_labels_are_a_fault(detector: Path) -> None:
    (detector / "labels.txt").unlink()
    assert faults(detector)[0].startswith("labels.txt: cannot be read ([Errno 2]")


def test_labels_must_be_as_many_as_classes(unlisted: Path) -> None:
    (unlisted / "labels.txt").write_text("person\n")
    assert faults(unlisted) == [
        "manifest.toml: labels.txt has 1 labels, the model 16 classes; deploy the bundle again"
    ]


def test_a_label_that_cannot_be_printed_is_a_fault(unlisted: Path) -> None:
    labels = (unlisted / "labels.txt").read_text().splitlines()
    labels[2] = "c\x1bar"
    (unlisted / "labels.txt").write_text("\n".join(labels))
    assert faults(unlisted) == [
        "labels.txt:3: 'c\\x1bar' is not a label of 1 to 128 printable characters; "
        "deploy the bundle again"
    ]


def test_a_decoder_of_another_task_is_a_fault(detector: Path) -> None:
    edit(detector, 'decoder = "centernet"', 'decoder = "embedding"')
    told = faults(detector)
    assert told[0] == (
        "manifest.toml: decoder: 'embedding' is for the task 'embed', not 'detect'; "
        "deploy the bundle again"
    )


def test_a_stride_that_does_not_fit_the_heat_map_is_a_fault(detector: Path) -> None:
    edit(detector, "[golden]", "[params]\nstride = 8\n\n[golden]")
    assert "heat and box are not of (40, 40) cells" in faults(detector)[0]


def test_a_vector_longer_than_the_wire_allows_is_a_fault(copy: Path) -> None:
    edit(copy, "shape = [1, 88]", "shape = [1, 4096]")
    assert faults(copy)[0].startswith("manifest.toml: files.cpu.outputs.vector.shape: more than")


def test_a_device_nobody_has_is_a_fault(copy: Path) -> None:
    manifest = copy / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("files.cpu", "files.gpu"))
    assert faults(copy)[0] == (
        "manifest.toml: files.gpu: unknown key; did you mean 'cpu'?; deploy the bundle again"
    )


@pytest.mark.parametrize("text", [b"name = ", b"\xff\xfe", b"#" * 70000])
def test_what_is_not_a_manifest_is_a_fault(copy: Path, text: bytes) -> None:
    (copy / "manifest.toml").write_bytes(text)
    assert len(faults(copy)) == 1


def test_a_bundle_cannot_be_changed() -> None:
    bundle: Bundle = load_bundle(RELEASE / "embed88-128")
    with pytest.raises(AttributeError):
        bundle.name = "other"  # type: ignore[misc]


def test_a_bundle_without_a_file_for_the_cpu_says_how_to_get_one_when_it_is_wanted(
    copy: Path,
) -> None:
    manifest = copy / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("files.cpu", "files.edgetpu"))
    bundle = load_bundle(copy)
    assert bundle.some_file is bundle.files["edgetpu"]
    with pytest.raises(BundleError) as raised:
        bundle.cpu_file()
    assert str(raised.value) == (
        f"{copy}: files.cpu: missing; nothing would look while the Edge TPU is away. Put the "
        ".tflite that was compiled beside the compiled one and describe it in [files.cpu], or set "
        '[model] fallback = "none"'
    )


def test_both_files_must_take_the_same_input(copy: Path) -> None:
    manifest = copy / "manifest.toml"
    text = manifest.read_text()
    cpu = text[text.index("[files.cpu]") :]
    other = cpu.replace("files.cpu", "files.edgetpu")
    manifest.write_text(text + "\n" + other)
    assert load_bundle(copy).files.keys() == {"cpu", "edgetpu"}
    manifest.write_text(text + "\n" + other.replace("zero_point = 0", "zero_point = 3", 1))
    assert faults(copy) == [
        "manifest.toml: files.edgetpu.input: is not as files.cpu.input but for its name; "
        "deploy the bundle again"
    ]


def test_a_bundle_from_before_versions_were_ordered_loads_and_says_so(copy: Path) -> None:
    bundle = load_bundle(older(copy), everything=True)
    assert (bundle.version, bundle.least_agent) == ("1", "0.0.0")
    assert (bundle.data, bundle.contents) == ((), ())
    assert semver.rank("0.9.0") < bundle.rank == semver.rank("1.0.0")


def test_a_bundle_for_a_newer_agent_is_refused_by_that_alone_whatever_else_it_says(
    copy: Path,
) -> None:
    edit(copy, 'least_agent = "0.1.0"', 'least_agent = "99.1.0"\nof_the_future = 1')
    with pytest.raises(AgentTooOldError) as raised:
        load_bundle(copy)
    assert str(raised.value) == (
        f"{copy}/manifest.toml: least_agent: the bundle is for edgeagent 99.1.0 and newer, and "
        f"this is {__version__}; bring a newer release, or an older bundle"
    )
    assert raised.value.exit_status == 65


@pytest.mark.parametrize("key", ["version", "least_agent"])
def test_a_version_that_cannot_be_ordered_is_a_fault(copy: Path, key: str) -> None:
    text = (copy / "manifest.toml").read_text()
    (copy / "manifest.toml").write_text(
        re.sub(rf'^{key} = ".*"', f'{key} = "v1"', text, flags=re.M)
    )
    assert faults(copy) == [
        f"manifest.toml: {key}: 'v1' is not a semantic version such as 1.4.0 or 2.0.0-rc.1; "
        "deploy the bundle again"
    ]


def test_what_the_agent_reads_is_verified_and_what_it_does_not_on_demand(copy: Path) -> None:
    (copy / "README.md").write_text("another story")
    load_bundle(copy)
    with pytest.raises(BundleError, match=r"README\.md: has the sha256"):
        load_bundle(copy, everything=True)
    golden = copy / "golden" / "cat.npz"
    golden.rename(copy / "golden" / "dog.npz")
    told = faults(copy)
    assert told[0] == "golden/cat.npz: is missing; deploy the bundle again"
    assert "golden/dog.npz: is not among the manifest's [[contents]]" in told[1]


def test_every_fault_of_the_data_is_told(copy: Path) -> None:
    edit(copy, 'use = "train"', 'use = "trane"\npictrues = 3')
    edit(copy, "pictures = 10", "pictures = -1")
    told = "\n".join(faults(copy))
    assert "data 1.pictrues: unknown key; did you mean 'pictures'?" in told
    assert "data 1.use: 'trane' will not do" in told
    assert "data 2.pictures: -1 will not do" in told
