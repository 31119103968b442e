"""From something that can be started to whoever keeps it alive."""

from __future__ import annotations

from collections.abc import Callable

from kanoa_mlops.cli.choice import Choice
from kanoa_mlops.cli.request import Served
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.engines.launching import launch_of
from kanoa_mlops.engines.site import Site
from kanoa_mlops.engines.way import Contained, Daemon
from kanoa_mlops.runtime.containers.box import Box
from kanoa_mlops.runtime.engine import Engine
from kanoa_mlops.runtime.learn import learn
from kanoa_mlops.runtime.ollama.charge import Charge
from kanoa_mlops.runtime.ollama.derive import GgufFile, Origin
from kanoa_mlops.runtime.ollama.own import OwnOllama
from kanoa_mlops.runtime.ollama.runner import OllamaRunner
from kanoa_mlops.runtime.ports import free_port
from kanoa_mlops.runtime.state import EngineRecord, ServerFolder
from kanoa_mlops.runtime.supervisor import Supervisor
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.seal import sealed_sha256

OnChange = Callable[[EngineRecord], None]


def make_engine(served: Served, settings: Settings, folder: ServerFolder, on_change: OnChange) -> Engine:
    """Whatever keeps this engine alive the way that was chosen."""
    record, way = first_record(served.choice), served.choice.way
    if served.plan.engine != "ollama":
        return _supervisor(served, settings, folder, record, on_change)
    charge = Charge(served.plan, served.model.engines["ollama"], _origin(served))
    if isinstance(way, Daemon):
        return OllamaRunner(way.url, charge, record, on_change, offline=settings.offline)
    port = free_port()
    return OwnOllama(
        f"http://127.0.0.1:{port}",
        lambda changed: _supervisor(served, settings, folder, record, changed, port),
        charge,
        record,
        on_change,
        offline=settings.offline,
    )


def first_record(choice: Choice) -> EngineRecord:
    """How an engine begins."""
    plan, way = choice.plan, choice.way
    return EngineRecord(
        model=plan.model,
        weights=plan.weights,
        engine=plan.engine,
        state="loading",
        context=plan.context,
        sequences=plan.sequences,
        planned_bytes=plan.memory_bytes,
        version=plan.engine_version if isinstance(way, Contained) else way.version,
        way=str(way),
    )


def _supervisor(
    served: Served,
    settings: Settings,
    folder: ServerFolder,
    record: EngineRecord,
    on_change: OnChange,
    fixed_port: int | None = None,
) -> Supervisor:
    plan, way, key_file = served.plan, served.choice.way, folder.engine_key(served.plan.model)
    store = settings.cache_dir / "engines" / plan.engine
    store.mkdir(parents=True, exist_ok=True)

    def make_launch(port: int) -> Launch:
        site = Site(fixed_port or port, key_file, store)
        made = launch_of(plan, served.model, served.weights, served.files, site, way)
        assert made is not None, "an engine that runs already is not started"
        return made

    return Supervisor(
        make_launch,
        record,
        folder.engine_log(plan.model),
        on_change,
        on_ready=lambda words: learn(plan, words, settings.measured_dir),
        box=Box(way.tool, folder.port, plan.model) if isinstance(way, Contained) else None,
    )


def _origin(served: Served) -> Origin:
    if served.weights.tag:
        return served.weights.tag
    paths = (served.files.folder / name for name in served.files.names)
    return tuple(GgufFile(path, sealed_sha256(path)) for path in paths)
