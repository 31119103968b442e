"""Models that are in no catalog, from a hub that is a local server, and from this machine's disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.errors import (
    AccessRefused,
    OfflineError,
    SourceFailed,
    UnknownArchitecture,
    UnknownModel,
    UserError,
)
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.foreign import fetch_model, is_foreign, open_model
from tests.catalog.foreign.make import (
    GGUF_FACTS,
    LLAMA_PARAMETERS,
    MMPROJ_FACTS,
    MMPROJ_TENSORS,
    config,
    gguf_file,
    gguf_tensors,
    llama,
    llama_tensors,
    safetensors,
)
from tests.weights.make import HURRIED, REVISION, SOON_CUT
from tests.weights.server import FileServer, Served, serving

REPO = "Org/Some-Model"
LISTING = f"/api/models/{REPO}/revision/main?blobs=true"


def publish(server: FileServer, files: Mapping[str, bytes], revision: str = "main", **card: Any) -> None:
    """A repository as the hub lists and gives it: large files with their checksum."""
    siblings: list[dict[str, Any]] = []
    for path, body in files.items():
        server.files[f"/{REPO}/resolve/{REVISION}/{path}"] = Served(body)
        sibling: dict[str, Any] = {"rfilename": path, "size": len(body), "blobId": "0" * 40}
        if path.endswith((".safetensors", ".gguf")):
            sibling["lfs"] = {
                "sha256": hashlib.sha256(body).hexdigest(),
                "size": len(body),
                "pointerSize": 135,
            }
        siblings.append(sibling)
    listing = {"id": REPO, "sha": REVISION, "siblings": siblings, "gated": False, **card}
    path = f"/api/models/{REPO}/revision/{revision}?blobs=true"
    server.files[path] = Served(json.dumps(listing).encode(), media_type="application/json")


def served(server: FileServer, path: str) -> Served:
    return server.files[f"/{REPO}/resolve/{REVISION}/{path}"]


def checkpoint() -> dict[str, bytes]:
    return {"config.json": json.dumps(llama()).encode(), "model.safetensors": safetensors(llama_tensors())}


def a_gguf(folder: Path, name: str = "made.gguf", kind: str = "F16", **facts: Any) -> bytes:
    told = GGUF_FACTS | {key.replace("__", "."): value for key, value in facts.items()}
    return gguf_file(folder / name, "llama", told, gguf_tensors(kind)).read_bytes()


def an_mmproj(folder: Path, name: str = "mmproj.gguf", width: int = 64) -> bytes:
    tensors = MMPROJ_TENSORS | {"mm.input_projection.weight": ((width, 32), "F16")}
    return gguf_file(folder / name, "clip", MMPROJ_FACTS, tensors).read_bytes()


def fetch(settings: Settings, name: str = REPO) -> Model:
    return fetch_model(name, settings, patience=HURRIED)


def test_a_checkpoint(server: FileServer, settings: Settings) -> None:
    publish(server, checkpoint(), cardData={"license": "apache-2.0"})
    model = fetch(settings)
    assert (model.id, model.title, model.aliases) == ("some-model", "Some-Model", (REPO,))
    assert model.architecture.parameters == LLAMA_PARAMETERS
    assert (model.licence.name, model.licence.gated, model.instruct) == ("apache-2.0", False, False)
    weights = model.weights[0]
    assert weights.hub is not None
    assert (weights.hub.repo, weights.hub.revision) == (REPO, REVISION)
    assert weights.size == LLAMA_PARAMETERS * 2
    assert model.sources["files"].url == f"https://huggingface.co/{REPO}/tree/{REVISION}"


def test_no_weights_are_fetched(server: FileServer, settings: Settings) -> None:
    """Of a large file no more than fits on the way to us."""
    tensors = llama_tensors() | {"model.rest_position_ids": ("I64", (2_000_000,))}
    publish(server, checkpoint() | {"model.safetensors": safetensors(tensors)})
    assert fetch(settings).architecture.parameters == LLAMA_PARAMETERS
    (seen,) = server.seen(f"/{REPO}/resolve/{REVISION}/model.safetensors")
    assert seen.sent < 8_000_000


def test_shards_add_up(server: FileServer, settings: Settings) -> None:
    tensors = llama_tensors()
    halves = [dict(list(tensors.items())[:10]), dict(list(tensors.items())[10:])]
    files = {f"model-0000{n}-of-00002.safetensors": safetensors(half) for n, half in enumerate(halves, 1)}
    publish(server, {"config.json": json.dumps(llama()).encode(), "consolidated.safetensors": b"x", **files})
    assert fetch(settings).architecture.parameters == LLAMA_PARAMETERS


def test_of_very_many_shards_the_total_is_read(server: FileServer, settings: Settings) -> None:
    names = [f"model-{n:05}-of-00070.safetensors" for n in range(1, 71)]
    index = {"metadata": {"total_size": LLAMA_PARAMETERS * 2}, "weight_map": {}}
    files = {
        "config.json": json.dumps(llama()).encode(),
        "model.safetensors.index.json": json.dumps(index).encode(),
    }
    publish(server, files | dict.fromkeys(names, b"never read"))
    model = fetch(settings)
    assert model.weights[0].size == LLAMA_PARAMETERS * 2
    assert model.architecture.parameters == LLAMA_PARAMETERS
    assert not [seen for seen in server.log if seen.path.endswith(".safetensors")]


def test_the_preprocessor_is_read(server: FileServer, settings: Settings) -> None:
    document = config("qwen2.5-vl-7b-instruct")
    files = {
        "config.json": json.dumps(document).encode(),
        "preprocessor_config.json": b'{"min_pixels": 3136, "max_pixels": 78400}',
        **{f"model-{n:05}-of-00070.safetensors": b"" for n in range(1, 71)},
        "model.safetensors.index.json": b'{"metadata": {"total_size": 16584333312}}',
    }
    publish(server, files)
    model = fetch(settings)
    assert model.vision is not None
    assert model.vision.image_tokens.model_dump()["most"] == 100
    assert model.architecture.parameters == 8_292_166_656


@pytest.mark.parametrize(
    ("files", "card"),
    [
        ({"chat_template.jinja": b"{{ messages }}"}, {}),
        ({}, {"config": {"tokenizer_config": {"chat_template": "{{ messages }}"}}}),
    ],
)
def test_a_chat_template_tells_what_it_is_for(
    files: dict[str, bytes], card: dict[str, Any], server: FileServer, settings: Settings
) -> None:
    publish(server, checkpoint() | files, **card)
    assert fetch(settings).instruct


def test_licences(server: FileServer, settings: Settings) -> None:
    told = {"license": "other", "license_name": "some-licence", "license_link": "https://example.org/licence"}
    publish(server, checkpoint(), cardData=told, gated="manual")
    licence = fetch(settings).licence
    assert (licence.name, licence.url, licence.gated) == ("some-licence", "https://example.org/licence", True)
    publish(server, checkpoint(), cardData={"license": ["mit", "cc-by-4.0"], "license_link": "LICENSE"})
    licence = fetch(settings).licence
    assert (licence.name, licence.url) == ("mit, cc-by-4.0", f"https://huggingface.co/{REPO}")
    publish(server, checkpoint(), cardData=None)
    assert fetch(settings).licence.name == "not stated"


def test_another_revision(server: FileServer, settings: Settings) -> None:
    publish(server, checkpoint(), revision="refs%2Fpr%2F1")
    assert fetch(settings, f"{REPO}@refs/pr/1").title == "Some-Model"
    with pytest.raises(UnknownModel, match=f"Hugging Face {REPO} at v9 does not exist there"):
        fetch(settings, f"{REPO}@v9")


def test_headers_behind_a_redirect_that_is_cut(server: FileServer, settings: Settings) -> None:
    publish(server, checkpoint())
    with serving() as cdn:
        body = served(server, "model.safetensors").body
        served(server, "model.safetensors").location = f"{cdn.url}/blob?signature=abc"
        cdn.files["/blob?signature=abc"] = Served(body, cuts=[100], knows_ranges=False)
        assert fetch(settings).architecture.parameters == LLAMA_PARAMETERS
        assert len(cdn.log) == 2


def test_the_token_goes_to_the_hub_alone(server: FileServer, settings: Settings) -> None:
    settings.hub_token_file.parent.mkdir(parents=True)
    settings.hub_token_file.write_text("secret\n")
    publish(server, checkpoint())
    with serving() as cdn:
        cdn.files["/blob"] = Served(served(server, "model.safetensors").body)
        served(server, "model.safetensors").location = f"{cdn.url}/blob"
        fetch(settings)
        assert {seen.headers.get("authorization") for seen in server.log} == {"Bearer secret"}
        assert {seen.headers.get("authorization") for seen in cdn.log} == {None}


@pytest.mark.parametrize("status", [401, 403])
def test_gated(status: int, server: FileServer, settings: Settings) -> None:
    publish(server, checkpoint(), gated="auto")
    for path in ("config.json", "model.safetensors"):
        served(server, path).status = status
    with pytest.raises(
        AccessRefused, match=rf"refuses us, and no token was sent \(HTTP {status}\)"
    ) as caught:
        fetch(settings)
    assert f"Accept its licence, signed in, at {server.url}/{REPO}" in caught.value.hint
    assert "hf auth login" in caught.value.hint


def test_missing(settings: Settings) -> None:
    with pytest.raises(UnknownModel, match=f"Hugging Face {REPO} does not exist there") as caught:
        fetch(settings)
    assert "Check the spelling" in caught.value.hint


def test_private_or_missing(server: FileServer, settings: Settings) -> None:
    """The hub answers 401 for both, so that nobody learns which."""
    server.files[LISTING] = Served(status=401)
    with pytest.raises(AccessRefused, match=f"Hugging Face {REPO} refuses us") as caught:
        fetch(settings)
    assert "check the spelling" in caught.value.hint
    assert "hf auth login" in caught.value.hint


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"sha": "main", "siblings": []}', b'{"sha": 1}'])
def test_something_else_than_a_hub(body: bytes, server: FileServer, settings: Settings) -> None:
    server.files[LISTING] = Served(body)
    with pytest.raises(SourceFailed, match="answers something else than a listing of its files"):
        fetch(settings)


def test_nobody_there(settings: Settings) -> None:
    with serving() as gone:
        away = settings.model_copy(update={"hub_url": gone.url})
    with pytest.raises(SourceFailed, match=r"is unreachable \(connection refused\)"):
        fetch(away)


def test_a_hub_that_hangs(server: FileServer, settings: Settings) -> None:
    publish(server, checkpoint())
    server.files[LISTING].stalls = [10] + [0] * 9
    with pytest.raises(SourceFailed, match=r"was cut \(timed out\), 3 times in a row"):
        fetch_model(REPO, settings, patience=SOON_CUT)
    server.files[LISTING].stalls = [10] * 20
    with pytest.raises(SourceFailed, match=r"was cut \(timed out\); it gave 80 bytes in 8 tries"):
        fetch_model(REPO, settings, patience=SOON_CUT)


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"README.md": b""}, "holds no whole model in safetensors or GGUF files"),
        ({"config.json": b"{}", "pytorch_model.bin": b""}, "holds no whole model"),
        ({"model.safetensors": b""}, "has safetensors files and no config.json"),
        (checkpoint() | {"model.safetensors": b"\0" * 8}, "is no safetensors file"),
        (checkpoint() | {"config.json": b'{"model_type": "mamba"}'}, "'mamba' is not understood"),
        ({"model-00001-of-00002.safetensors": b"", "config.json": b"{}"}, "holds no whole model"),
        ({"a.gguf": b"PK" * 99}, r"a.gguf: is no GGUF file"),
    ],
)
def test_refused(files: dict[str, bytes], complaint: str, server: FileServer, settings: Settings) -> None:
    publish(server, files)
    with pytest.raises(UnknownArchitecture, match=complaint) as caught:
        fetch(settings)
    assert caught.value.hint


def test_a_configuration_that_is_none(server: FileServer, settings: Settings) -> None:
    publish(server, checkpoint() | {"config.json": b"["})
    with pytest.raises(SourceFailed, match=r"config.json is not valid JSON"):
        fetch(settings)
    publish(server, checkpoint() | {"config.json": b"[]"})
    with pytest.raises(SourceFailed, match=r"config.json should hold an object"):
        fetch(settings)


def test_a_gguf_repository(server: FileServer, settings: Settings, tmp_path: Path) -> None:
    """Every quantisation it offers, the best first, each file known by size and checksum."""
    small = a_gguf(tmp_path, kind="Q8_0", general__file_type=7)
    files = {
        "made-F16.gguf": a_gguf(tmp_path) + bytes(1000),
        "made-Q8_0.gguf": small,
        "made-IQ1_S.gguf": b"small, and of no known quantisation",
        "mmproj-made-F16.gguf": an_mmproj(tmp_path),
        "mmproj-made-F32.gguf": b"the same in more bits",
    }
    publish(server, files)
    model = fetch(settings)
    assert [weights.name for weights in model.weights] == ["f16", "q8_0"]
    assert model.instruct
    assert model.sees
    chosen = model.weights[1]
    assert chosen.pinned
    assert [(file.name, file.role, file.size) for file in chosen.files] == [
        ("made-Q8_0.gguf", "model", len(small)),
        ("mmproj-made-F16.gguf", "mmproj", len(files["mmproj-made-F16.gguf"])),
    ]
    assert chosen.files[0].sha256 == hashlib.sha256(small).hexdigest()
    hub = chosen.files[0].origins[0].hub
    assert hub is not None
    assert (hub.repo, hub.revision, hub.path) == (REPO, REVISION, "made-Q8_0.gguf")
    assert chosen.tensors is not None
    assert model.weights[0].tensors is None
    assert {seen.path.rpartition("/")[2] for seen in server.log[1:]} == {
        "made-Q8_0.gguf",
        "mmproj-made-F16.gguf",
    }


def test_a_projector_of_another_model_is_left(server: FileServer, settings: Settings, tmp_path: Path) -> None:
    publish(server, {"made-F16.gguf": a_gguf(tmp_path), "mmproj-other.gguf": an_mmproj(tmp_path, width=48)})
    model = fetch(settings)
    assert not model.sees
    assert [file.role for file in model.weights[0].files] == ["model"]


def test_a_gguf_header_that_is_cut(server: FileServer, settings: Settings, tmp_path: Path) -> None:
    publish(server, {"made-F16.gguf": a_gguf(tmp_path)})
    served(server, "made-F16.gguf").cuts = [300, 500]
    assert fetch(settings).architecture.parameters == LLAMA_PARAMETERS


def test_a_split_gguf(server: FileServer, settings: Settings, tmp_path: Path) -> None:
    tensors = gguf_tensors()
    parts = {}
    for number, names in enumerate((list(tensors)[:20], list(tensors)[20:]), 1):
        facts = (GGUF_FACTS if number == 1 else {}) | {"split.count": 2}
        part = gguf_file(tmp_path / "part", "llama", facts, {name: tensors[name] for name in names})
        parts[f"F16/made-F16-0000{number}-of-00002.gguf"] = part.read_bytes()
    publish(server, parts)
    model = fetch(settings)
    assert model.architecture.parameters == LLAMA_PARAMETERS
    assert [file.name for file in model.weights[0].files] == [path.partition("/")[2] for path in parts]
    assert model.weights[0].size == sum(map(len, parts.values()))


@pytest.mark.parametrize("name", ["tiny", "a/b/c", "org/", "/org/name", "org/na me", "org/name@"])
def test_what_is_no_repository(name: str, settings: Settings) -> None:
    with pytest.raises(UnknownModel, match="is neither in the catalog, nor a file, nor ORG/NAME"):
        fetch(settings, name)


def test_offline(server: FileServer, settings: Settings) -> None:
    publish(server, checkpoint())
    with pytest.raises(
        OfflineError, match=f"{REPO} is not in the catalog, and the network is needed"
    ) as caught:
        fetch(settings.offline_if(True))
    assert "config.json or a GGUF file" in caught.value.hint
    assert not server.log


def test_offline_the_hubs_own_cache_serves(settings: Settings) -> None:
    folder = settings.hub_cache / "models--Org--Some-Model"
    snapshot = folder / "snapshots" / REVISION
    snapshot.mkdir(parents=True)
    for name, body in checkpoint().items():
        (snapshot / name).write_bytes(body)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(REVISION)
    for name in (REPO, f"{REPO}@{REVISION}"):
        model = fetch(settings.offline_if(True), name)
        assert model.architecture.parameters == LLAMA_PARAMETERS
        assert model.weights[0].hub is not None
        assert model.weights[0].hub.revision == REVISION


def test_offline_a_cached_gguf_serves(settings: Settings, tmp_path: Path) -> None:
    snapshot = settings.hub_cache / "models--Org--Some-Model" / "snapshots" / REVISION
    snapshot.mkdir(parents=True)
    a_gguf(snapshot, "made-F16.gguf")
    model = fetch(settings.offline_if(True), f"{REPO}@{REVISION}")
    assert model.architecture.parameters == LLAMA_PARAMETERS


def test_a_folder_and_its_configuration(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "My Model"
    folder.mkdir()
    for name, body in checkpoint().items():
        (folder / name).write_bytes(body)
    (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    monkeypatch.chdir(tmp_path)
    for name in (str(folder), str(folder / "config.json"), "./My Model", "./My Model/config.json"):
        model = open_model(name, settings)
        assert (model.id, model.title, model.instruct) == ("my-model", "My Model", True)
        assert model.architecture.parameters == LLAMA_PARAMETERS
        assert model.weights[0].local[0].path == str(folder)
        assert model.weights[0].size == LLAMA_PARAMETERS * 2


def test_a_configuration_alone(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(llama()))
    model = open_model(str(tmp_path / "config.json"), settings)
    assert model.architecture.parameters == LLAMA_PARAMETERS
    assert model.weights[0].size is None
    assert not model.instruct


def test_a_checkpoint_that_is_not_all_here(settings: Settings, tmp_path: Path) -> None:
    """Files of a download that was broken off say nothing of the whole."""
    (tmp_path / "config.json").write_text(json.dumps(llama()))
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(safetensors(llama_tensors()))
    assert open_model(str(tmp_path), settings).weights[0].size is None


def test_a_gguf_file(settings: Settings, tmp_path: Path, catalog: Catalog) -> None:
    path = tmp_path / "Made.F16.gguf"
    a_gguf(tmp_path, path.name, general__license="mit", general__license__link="https://example.org/mit")
    model = open_model(str(path), settings, quantizations=catalog.quantizations)
    assert (model.id, model.title, model.instruct) == ("made.f16", "Made.F16", True)
    assert (model.licence.name, model.licence.url) == ("mit", "https://example.org/mit")
    weights = model.weights[0]
    assert [(file.path, file.role) for file in weights.local] == [(str(path), "model")]
    assert weights.size == path.stat().st_size
    assert not weights.projects


def test_a_gguf_file_with_its_projector(settings: Settings, tmp_path: Path) -> None:
    a_gguf(tmp_path, "made.gguf")
    an_mmproj(tmp_path, "mmproj-made-f16.gguf")
    model = open_model(str(tmp_path / "made.gguf"), settings)
    assert model.sees
    assert model.weights[0].projects
    assert model.weights[0].role_size("mmproj") == (tmp_path / "mmproj-made-f16.gguf").stat().st_size


def test_a_folder_with_one_gguf_file(settings: Settings, tmp_path: Path) -> None:
    a_gguf(tmp_path, "made.gguf")
    an_mmproj(tmp_path)
    assert open_model(str(tmp_path), settings).sees
    a_gguf(tmp_path, "other.gguf")
    with pytest.raises(UserError, match=r"holds several models: made.gguf, other.gguf"):
        open_model(str(tmp_path), settings)


def test_a_part_stands_for_the_whole(settings: Settings, tmp_path: Path) -> None:
    tensors = gguf_tensors()
    for number, names in enumerate((list(tensors)[:20], list(tensors)[20:]), 1):
        facts = (GGUF_FACTS if number == 1 else {}) | {"split.count": 2}
        path = tmp_path / f"made-0000{number}-of-00002.gguf"
        gguf_file(path, "llama", facts, {name: tensors[name] for name in names})
    for number in (1, 2):
        model = open_model(str(tmp_path / f"made-0000{number}-of-00002.gguf"), settings)
        assert model.architecture.parameters == LLAMA_PARAMETERS
        assert len(model.weights[0].local) == 2
    (tmp_path / "made-00002-of-00002.gguf").unlink()
    with pytest.raises(UserError, match=r"made-00002-of-00002.gguf cannot be read: No such file"):
        open_model(str(tmp_path / "made-00001-of-00002.gguf"), settings)


def test_files_that_are_cut_short(settings: Settings, tmp_path: Path) -> None:
    body = a_gguf(tmp_path, "made.gguf")
    (tmp_path / "made.gguf").write_bytes(body[:-100])
    with pytest.raises(UnknownArchitecture, match=r"made.gguf is cut short: it has .* of .* bytes"):
        open_model(str(tmp_path / "made.gguf"), settings)
    (tmp_path / "config.json").write_text(json.dumps(llama()))
    (tmp_path / "model.safetensors").write_bytes(safetensors(llama_tensors())[:-1])
    with pytest.raises(UnknownArchitecture, match=r"model.safetensors is cut short"):
        open_model(str(tmp_path), settings)


@pytest.mark.parametrize(
    ("name", "body", "complaint"),
    [
        ("absent.gguf", None, "There is no file"),
        ("absent/config.json", None, "There is no file"),
        ("config.json", b"[", "is not valid JSON"),
        ("config.json", b"\xff\xfe", "is not valid JSON"),
        ("config.json", b"1", "should hold an object"),
        ("config.json", b"[" * 100_000, "is not valid JSON"),
        ("picture.png", b"", "is no model"),
        ("mmproj-f16.gguf", b"", "is a vision projector"),
    ],
)
def test_files_that_are_no_model(
    name: str, body: bytes | None, complaint: str, settings: Settings, tmp_path: Path
) -> None:
    if body is not None:
        (tmp_path / name).write_bytes(body)
    with pytest.raises(UserError, match=complaint):
        open_model(str(tmp_path / name), settings)


def test_an_empty_folder(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"config.json cannot be read: No such file"):
        open_model(str(tmp_path), settings)


def test_a_folder_that_is_called_like_a_repository(
    server: FileServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only one with a configuration in it hides the hub."""
    publish(server, checkpoint())
    monkeypatch.chdir(tmp_path)
    (tmp_path / REPO).mkdir(parents=True)
    assert open_model(REPO, settings).weights[0].hub is not None
    (tmp_path / REPO / "config.json").write_text(json.dumps(llama()))
    assert open_model(REPO, settings).weights[0].local


@pytest.mark.parametrize(
    ("name", "foreign"),
    [
        ("org/name", True),
        ("./a", True),
        ("~/a", True),
        ("a.gguf", True),
        ("config.json", True),
        ("gemma", False),
    ],
)
def test_what_can_only_be_foreign(name: str, foreign: bool) -> None:
    assert is_foreign(name) is foreign
