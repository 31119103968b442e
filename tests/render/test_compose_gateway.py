"""The gateway of a Compose file knows of its engines what the one of `serve` does."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.cli.front import vectors_of
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.gateway.config import backend_of, read_config
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.render.compose_gateway import gateway_document
from kanoa_mlops.render.compose_service import Part
from tests.engines import launches


@pytest.mark.parametrize("name", ["gpt-oss-20b", "gemma-3-4b-it", "qwen3-embedding-0.6b"])
def test_what_a_plan_says_is_what_the_gateway_reads(name: str, catalog: Catalog, tmp_path: Path) -> None:
    model, platform = catalog.models[name], catalog.platforms["rtx-4090"]
    start = launches.start(model, platform, Wish(engine="llama.cpp", sequences=3), catalog)
    part = Part(model, start.choice.plan, Launch((), 0, "/health"))
    document = gateway_document([part])
    [written] = document["backends"]
    written["key_file"] = "key"  # else the one that is there inside
    (tmp_path / "key").write_text("secret")
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(document))
    [config] = read_config(tmp_path / "gateway.yaml").backends
    backend = backend_of(config)
    assert backend.slots == 3
    assert backend.reasons is model.reasoning
    assert backend.kind == model.kind
    assert backend.sees is start.choice.plan.sees
    assert backend.context_tokens == start.choice.plan.context
    assert backend.aliases == model.aliases
    assert backend.vectors == vectors_of(model.embedding)
