"""Which files of a repository are fetched as a snapshot, and the folder that becomes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kanoa_mlops.catalog.types import Listing, Weights
from kanoa_mlops.errors import CatalogError, SourceFailed
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.pin import read_pin
from kanoa_mlops.weights.place import weights_folder
from kanoa_mlops.weights.pull import pull
from kanoa_mlops.weights.snapshot import snapshot_files
from kanoa_mlops.weights.store import locate
from tests.weights.hub_server import COMMIT, Hub
from tests.weights.make import HURRIED, MODEL, Heard, noise
from tests.weights.server import FileServer, serving

REPO = "Org/Big-Model"
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
INDEX = json.dumps(
    {"metadata": {"total_size": 5000}, "weight_map": {"a": SHARDS[0], "b": SHARDS[1]}}
).encode()
READ = {
    "added_tokens.json": b"{}",
    "additional_chat_templates/tool_use.jinja": b"{{ tools }}",
    "chat_template.jinja": b"{{ messages }}",
    "config.json": b"{}",
    "generation_config.json": b"{}",
    "merges.txt": b"a b\n",
    SHARDS[0]: noise(3000),
    SHARDS[1]: noise(2000, seed=2),
    "model.safetensors.index.json": INDEX,
    "preprocessor_config.json": b"{}",
    "processor_config.json": b"{}",
    "special_tokens_map.json": b"{}",
    "tokenizer.json": noise(500, seed=3),
    "tokenizer.model": noise(400, seed=4),
    "tokenizer_config.json": b"{}",
    "video_preprocessor_config.json": b"{}",
    "vocab.json": b"{}",
}
CODE = {"modeling_big.py": b"import torch\n", "parts/tower.py": b"import torch\n"}
NOT_READ = {
    ".gitattributes": b"*.safetensors filter=lfs\n",
    "LICENSE": b"Do good.\n",
    "README.md": b"# Big\n",
    "adapter_config.json": b"{}",
    "big-Q4_K_M.gguf": noise(100, seed=5),
    "consolidated.safetensors": noise(5000, seed=6),
    "consolidated.safetensors.index.json": b"{}",
    "onnx/model.onnx": noise(100, seed=7),
    "original/consolidated.00.pth": noise(5000, seed=8),
    "original/params.json": b"{}",
    "pytorch_model-00001-of-00001.bin": noise(5000, seed=9),
    "pytorch_model.bin.index.json": b"{}",
    "trainer_state.json": b"{}",
}


@pytest.fixture
def hub(server: FileServer) -> Iterator[Hub]:
    with serving() as cdn:
        yield Hub(server, cdn)


@pytest.fixture
def published(hub: Hub) -> Hub:
    hub.publish(REPO, READ | CODE | NOT_READ)
    return hub


def listed(**changes: object) -> Weights:
    listing = Listing.model_validate({"repo": REPO, **changes})
    return Weights(name="bf16", format="safetensors", quantization="bf16", hub=listing, source="s")


def fetch(weights: Weights, settings: Settings, *, code: bool = False) -> Path:
    pull(weights, MODEL, settings, Heard(), HURRIED, code=code)
    return weights_folder(settings, MODEL, weights)


def held(folder: Path) -> dict[str, bytes]:
    """What an engine finds there: all but what this program notes for itself."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".verified" and path.name != "pin.json"
    }


def test_what_engines_read_is_fetched_and_nothing_twice(published: Hub, settings: Settings) -> None:
    assert held(fetch(listed(size="5000 B"), settings)) == READ
    fetched = {path for path in published.asked() if "/resolve/" in path}
    assert fetched == {f"/{REPO}/resolve/{COMMIT}/{path}" for path in READ}


def test_code_comes_where_the_catalog_says_so_and_keeps_its_folders(
    published: Hub, settings: Settings
) -> None:
    assert held(fetch(listed(), settings, code=True)) == READ | CODE
    pin = read_pin(weights_folder(settings, MODEL, listed()))
    assert pin is not None
    assert {file.revision for file in pin.files} == {COMMIT}, "code runs as it was when it was looked at"


def test_later_pulls_ask_nobody(published: Hub, settings: Settings) -> None:
    folder = fetch(listed(), settings)
    published.server.log.clear()
    published.publish(REPO, READ | {"config.json": b"{}\n"}, commit="f" * 40)
    assert fetch(listed(), settings.model_copy(update={"offline": True})) == folder
    assert published.asked() == []
    assert locate(listed(), MODEL, settings) == tuple(folder / name for name in sorted(READ))


def test_a_cut_snapshot_goes_on(published: Hub, settings: Settings) -> None:
    shard = next(each for each in published.cdn.files.values() if each.body == READ[SHARDS[1]])
    shard.cuts = [500]
    assert held(fetch(listed(), settings)) == READ
    assert [seen.headers.get("range") for seen in published.cdn.log].count("bytes=500-") == 1


def test_credentials_stay_with_the_hub(published: Hub, settings: Settings) -> None:
    settings.hub_token_file.parent.mkdir(parents=True)
    settings.hub_token_file.write_text("hf_granted")
    fetch(listed(), settings)
    assert {seen.headers.get("authorization") for seen in published.server.log} == {"Bearer hf_granted"}
    assert {seen.headers.get("authorization") for seen in published.cdn.log} == {None}


def test_the_index_says_which_shards(hub: Hub, settings: Settings) -> None:
    """A file beside the shards that it names is the model's too; one that it does not name is not."""
    more = {"a": SHARDS[0], "b": SHARDS[1], "c": "mtp.safetensors"}
    files = READ | {
        "model.safetensors.index.json": json.dumps({"weight_map": more}).encode(),
        "mtp.safetensors": noise(100),
        "model.safetensors": noise(5000),
    }
    hub.publish(REPO, files)
    assert held(fetch(listed(), settings)) == {
        name: body for name, body in files.items() if name != "model.safetensors"
    }


def test_a_shard_that_is_not_there(hub: Hub, settings: Settings) -> None:
    hub.publish(REPO, {name: body for name, body in READ.items() if name != SHARDS[1]})
    with pytest.raises(SourceFailed, match=rf"has no {SHARDS[1]} at commit 89ab.*, which its model\.safe"):
        fetch(listed(), settings)
    assert not weights_folder(settings, MODEL, listed()).exists()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"weight_map": {}}', b'{"weight_map": {"a": 1}}'])
def test_an_index_that_is_none(body: bytes, hub: Hub, settings: Settings) -> None:
    hub.publish(REPO, READ | {"model.safetensors.index.json": body})
    with pytest.raises(SourceFailed, match=r"model\.safetensors\.index\.json is no index of shards"):
        fetch(listed(), settings)


def test_a_path_that_leads_out_of_the_folder_is_not_followed(hub: Hub, settings: Settings) -> None:
    wrong = {"a": "../../model.safetensors"}
    files = {"config.json": b"{}", "../../model.safetensors": noise(100)}
    hub.publish(REPO, files | {"model.safetensors.index.json": json.dumps({"weight_map": wrong}).encode()})
    with pytest.raises(SourceFailed, match="which leads out of its folder"):
        fetch(listed(), settings)
    assert list(settings.cache_dir.rglob("*.safetensors")) == []


def test_other_tensors_than_were_planned_with(published: Hub, settings: Settings) -> None:
    with pytest.raises(SourceFailed, match="what was planned is not what would be fetched"):
        fetch(listed(size="4 MiB"), settings)


def test_no_tensors_at_all(hub: Hub, settings: Settings) -> None:
    hub.publish(REPO, NOT_READ)
    with pytest.raises(SourceFailed, match="holds no whole model in safetensors"):
        fetch(listed(), settings)


@pytest.mark.parametrize(
    ("paths", "chosen"),
    [
        (["model.safetensors", "config.json"], ["config.json", "model.safetensors"]),
        (["config.json", "consolidated.safetensors"], []),
        ([*SHARDS, "model.safetensors", "hf_quant_config.json"], ["hf_quant_config.json", *SHARDS]),
        (["model.safetensors", "tokenizer.py", "qwen.tiktoken"], ["model.safetensors", "qwen.tiktoken"]),
        (["model.safetensors", "pin.json", "flax_model.msgpack"], ["model.safetensors"]),
        (["model.safetensors", "assets/config.json"], ["model.safetensors"]),
    ],
)
def test_names_alone(paths: list[str], chosen: list[str]) -> None:
    assert list(snapshot_files(paths, (), code=False)) == chosen


# GGUF


def parts(*paths: str) -> Weights:
    files = [{"path": path} for path in paths] + [{"path": "mmproj-f16.gguf", "role": "mmproj"}]
    listing = Listing.model_validate({"repo": REPO, "files": files})
    return Weights(name="q8", format="gguf", quantization="q8_0", hub=listing, source="s")


def test_every_part_and_the_projector_in_one_folder(hub: Hub, settings: Settings) -> None:
    names = [f"Q8_0/big-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    bodies = {name: noise(300, seed=seed) for seed, name in enumerate([*names, "mmproj-f16.gguf"])}
    hub.publish(REPO, bodies)
    files = pull(parts(*names), MODEL, settings, Heard(), HURRIED)
    assert [file.name for file in files] == [*(name[5:] for name in names), "mmproj-f16.gguf"]
    assert [file.read_bytes() for file in files] == list(bodies.values())
    assert len({file.parent for file in files}) == 1


def test_a_part_that_is_not_listed(hub: Hub, settings: Settings) -> None:
    hub.publish(REPO, {"big-00001-of-00002.gguf": noise(300), "mmproj-f16.gguf": noise(100)})
    with pytest.raises(CatalogError, match=r"is one part of several, and big-00002-of-00002\.gguf is not"):
        pull(parts("big-00001-of-00002.gguf"), MODEL, settings, Heard(), HURRIED)
