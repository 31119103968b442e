"""An engine in a container under a supervisor, as a process of its own that can be killed.

It writes each change of the engine's record to its output, one JSON document a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.engines.launching import launch_of
from kanoa_mlops.engines.site import Site, WeightFiles
from kanoa_mlops.engines.way import Contained
from kanoa_mlops.errors import KanoaError
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from kanoa_mlops.runtime.containers.box import Box, Tool
from kanoa_mlops.runtime.key import write_key
from kanoa_mlops.runtime.state import EngineRecord, server_folder
from kanoa_mlops.runtime.supervisor import Supervisor

SERVER = 8000
"""Stands for a gateway's port; nobody listens."""


def supervisor(
    tool: Tool, model_id: str, weights_file: Path, home: Path, on_change: Callable[[EngineRecord], None]
) -> Supervisor:
    """For the real llama.cpp on the processor, planned and launched as `serve` does it."""
    catalog = load_catalog()
    model = catalog.models[model_id]
    made = plan(
        model, machine_of(catalog.platforms["cpu-32"]), Wish(engine="llama.cpp", context=2048), catalog
    )
    engine = catalog.engines["llama.cpp"]
    [image] = [each for each in engine.images if each.device == "cpu"]
    way = Contained(engine.id, image, tool, engine.version)
    folder = server_folder(home / "servers", SERVER)
    key_file = folder.engine_key(model_id)
    write_key(key_file)
    files = WeightFiles(weights_file.parent, (weights_file.name,))

    def make_launch(port: int) -> Launch:
        launch = launch_of(made, model, model.weights[0], files, Site(port, key_file, home / "store"), way)
        assert launch is not None
        return launch

    record = EngineRecord(model_id, made.weights, made.engine, "loading", made.context, made.sequences, 0)
    box = Box(tool, SERVER, model_id)
    return Supervisor(make_launch, record, folder.engine_log(model_id), on_change, box=box)


def main(tool: Tool, model: str, weights_file: str, home: str) -> None:
    def tell(record: EngineRecord) -> None:
        print(json.dumps(asdict(record)), flush=True)

    try:
        asyncio.run(supervisor(tool, model, Path(weights_file), Path(home), tell).run())
    except KanoaError as error:
        sys.exit(f"{error.message}\n{error.hint}")


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
