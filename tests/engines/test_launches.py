"""What would be started, whole, wherever it is said to fit."""

from __future__ import annotations

from kanoa_mlops.catalog.load import Catalog
from tests.engines import launches


def test_as_it_was_last_read_and_found_right(catalog: Catalog) -> None:
    written = launches.WRITTEN.read_text(encoding="utf-8")
    assert launches.text(catalog) == written, "read `python -m tests.engines.launches` and its diff"


def test_whatever_fits_can_be_started(catalog: Catalog) -> None:
    starts = 0
    for model, platform, wish in launches.fitting(catalog):
        start = launches.start(model, platform, wish, catalog)
        assert start.choice.plan.engine == wish.engine
        assert start.choice.plan.place == ("cpu" if platform.accelerator is None else start.choice.plan.place)
        said = "\n".join(start.text())
        assert "latest" not in said
        assert ("docker run" in said) == (str(start.choice.way) == "docker")
        assert model.id in said
        starts += 1
    assert starts > 1500


def test_every_engine_and_every_kind_of_device_was_read() -> None:
    written = launches.WRITTEN.read_text(encoding="utf-8")
    for word in (
        "--gpus all",
        "--runtime nvidia",
        "--device /dev/kfd",
        "vllm.entrypoints.openai.api_server",
        "--tensor-parallel-size 2",
        "/app/llama-server",
        "kanoa_mlops.runtime.embedded",
        "--entrypoint /bin/ollama",
        "ollama create",
        "--reasoning-parser openai_gptoss",
    ):
        assert word in written, word
