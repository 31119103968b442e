"""The real vLLM in a real container, within the walls of every engine: SmolLM2 through the gateway."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from kanoa import AnalyticsInterpreter

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.engines.container import KEY, STORE, WEIGHTS
from kanoa_mlops.engines.way import Contained
from kanoa_mlops.runtime.containers.box import Box
from kanoa_mlops.runtime.words import parse_paged
from tests.boxes import Podman, Store
from tests.conftest import MODEL
from tests.vllm.serving import Served, running, shaped, small_plan
from tests.vllm.vllm_image import vllm_image

pytestmark = [pytest.mark.vllm, pytest.mark.containers, pytest.mark.timeout(500)]

_BOX = Box("podman", 8000, MODEL)


async def test_it_answers_within_its_walls(
    podman: Podman, store: Store, smollm2_folder: Path, tmp_path: Path, catalog: Catalog
) -> None:
    engine = catalog.engines["vllm"]
    [pinned] = [each for each in engine.images if each.device == "cpu"]
    vllm_image(podman, store, pinned, engine.version)
    way = Contained(engine.id, pinned, "podman", engine.version)
    model = shaped(MODEL, smollm2_folder, catalog)
    made = small_plan(model, catalog)
    async with running(made, model, smollm2_folder, way, tmp_path, box=_BOX) as one:
        messages: Any = [{"role": "user", "content": "What is the capital of France?"}]
        answer = await one.client.chat.completions.create(
            model=MODEL, messages=messages, max_tokens=12, temperature=0
        )
        assert "Paris" in (answer.choices[0].message.content or "")
        await asyncio.to_thread(_kanoa_interprets, str(one.client.base_url))
        assert parse_paged(one.log.read_text()).tokens == made.context * made.sequences
        await asyncio.to_thread(_walls_hold, one)
    assert _podman("ps", "--all", "--quiet") == ""


def _kanoa_interprets(url: str) -> None:
    interpreter = AnalyticsInterpreter(
        backend="vllm", api_base=url, model=MODEL, api_key="local", max_tokens=8
    )
    assert interpreter.interpret(data="city,rain\nOslo,760", stream=False, display_result=False).text


def _walls_hold(one: Served) -> None:
    key, told = one.key_file.read_text(), _podman("inspect", _BOX.name)
    assert key not in told and key not in one.log.read_text()
    [container] = json.loads(told)
    assert container["HostConfig"]["ReadonlyRootfs"]
    assert not container["EffectiveCaps"]
    published = [each for users in container["NetworkSettings"]["Ports"].values() for each in users]
    assert [each["HostIp"] for each in published] == ["127.0.0.1"]
    writable = {mount["Destination"] for mount in container["Mounts"] if mount["RW"]}
    assert writable == {STORE}
    assert _inside("id", "-u") not in ("", "0")
    assert _inside("cat", KEY) == key
    for path in ("/x", KEY, f"{WEIGHTS}/x", "/opt/kanoa-mlops/x"):
        with pytest.raises(subprocess.CalledProcessError):
            _inside("touch", path)
    status = _inside("cat", "/proc/1/status")
    assert re.search(r"NoNewPrivs:\t1$", status, re.M) and re.search(r"CapBnd:\t0+$", status, re.M)


def _inside(*argv: str) -> str:
    return _podman("exec", _BOX.name, *argv)


def _podman(*argv: str) -> str:
    return subprocess.run(["podman", *argv], check=True, capture_output=True, text=True).stdout.strip()
