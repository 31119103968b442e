"""An Ollama of our own, where none is running."""

from __future__ import annotations

from kanoa_mlops.engines import container
from kanoa_mlops.engines.container import Mount
from kanoa_mlops.engines.launch import Launch
from kanoa_mlops.engines.ollama import ollama_environment
from kanoa_mlops.engines.site import Site
from kanoa_mlops.engines.walls import walls
from kanoa_mlops.engines.way import Contained, Native
from kanoa_mlops.planner.plan import Plan


def ollama_launch(plan: Plan, site: Site, way: Native | Contained) -> Launch:
    """`ollama serve` on a port of its own; the model comes by its API. It knows no keys."""
    environment = ollama_environment(plan)
    if isinstance(way, Contained):
        return Launch(
            argv=(*way.image.program, "serve"),
            port=site.port,
            health_path="/api/version",
            environment={
                **way.image.environment,
                **environment,
                "OLLAMA_HOST": f"0.0.0.0:{container.PORT}",
                "OLLAMA_MODELS": container.STORE,
            },
            container=walls(plan, way, (Mount(site.store, container.STORE, writable=True),)),
        )
    return Launch(
        # Its models are where the person's own daemon keeps them, so what was pulled is there.
        argv=(*way.program, "serve"),
        port=site.port,
        health_path="/api/version",
        environment={**environment, "OLLAMA_HOST": f"127.0.0.1:{site.port}"},
    )
