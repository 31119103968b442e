"""What is said where nothing that is installed can run a model."""

from __future__ import annotations

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.machines import machine_of
from kanoa_mlops.catalog.types import ContainerRuntime, Machine
from kanoa_mlops.cli.choice import choose
from kanoa_mlops.engines.usual import with_usual_software
from kanoa_mlops.errors import DoesNotFit
from kanoa_mlops.planner.wish import Wish

_PROBLEM = "failed: Cannot connect to the Docker daemon. Is the docker daemon running?"


@pytest.fixture
def machine(catalog: Catalog) -> Machine:
    """With the embedded llama.cpp, and a Docker that does not answer."""
    usual = with_usual_software(machine_of(catalog.platforms["cpu-32"]))
    docker = ContainerRuntime(name="docker", version=None, gpu="", problem=_PROBLEM)
    software = usual.software.model_copy(update={"runtimes": (docker,), "programs": {}, "ollama_url": None})
    return usual.model_copy(update={"software": software})


def test_an_engine_that_was_named_and_is_not_here_is_told(catalog: Catalog, machine: Machine) -> None:
    model = catalog.models["gemma-3-4b-it"]
    assert choose(model, machine, Wish(), catalog).plan.engine == "llama.cpp"
    with pytest.raises(DoesNotFit) as refused:
        choose(model, machine, Wish(engine="vllm"), catalog)
    assert refused.value.message == (
        "Nothing installed here can run gemma-3-4b-it on vllm. It runs on vllm, llama.cpp, ollama. "
        f"docker {_PROBLEM}"
    )
    assert refused.value.hint.startswith("Leave --engine out for another one. Install Docker or Podman")


def test_a_way_that_was_named_and_is_not_here_is_told(catalog: Catalog, machine: Machine) -> None:
    with pytest.raises(DoesNotFit, match="can run gemma-3-4b-it by docker") as refused:
        choose(catalog.models["gemma-3-4b-it"], machine, Wish(), catalog, via="docker")
    assert refused.value.message.endswith("Is the docker daemon running?")
    assert refused.value.hint.startswith("Install Docker or Podman")
