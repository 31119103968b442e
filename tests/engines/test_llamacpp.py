from pathlib import Path

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.engines.llamacpp import llama_launch
from kanoa_mlops.engines.site import Site, WeightFiles
from kanoa_mlops.engines.way import Embedded
from kanoa_mlops.planner.planner import plan
from kanoa_mlops.planner.wish import Wish
from tests.planner.machines import GIB, processor

SITE = Site(port=4711, key_file=Path("/s/key"), store=Path("/s/store"))
WAY = Embedded("python3", ("cpu",))


def test_the_whole_launch(catalog: Catalog) -> None:
    made = plan(catalog.models["smollm2-135m-instruct"], processor(16 * GIB), Wish(), catalog)
    started = llama_launch(made, WeightFiles(Path("/w"), ("model.gguf",)), SITE, WAY)
    assert " ".join(started.argv) == (
        "python3 -m kanoa_mlops.runtime.embedded --model /w/model.gguf --alias smollm2-135m-instruct "
        "--host 127.0.0.1 --port 4711 --api-key-file /s/key --ctx-size 32768 --parallel 4 --no-kv-unified "
        "--threads 4 --n-gpu-layers 0 --batch-size 512 --repeat-penalty 1.1 --cache-ram 256 --fit off "
        "--log-verbosity 4 --metrics --no-ui"
    )
    assert (started.port, started.health_path, started.container) == (4711, "/health", None)


def test_a_vision_projector_is_the_last_file(catalog: Catalog) -> None:
    wish = Wish(engine="llama.cpp", weights="q4_k_m")
    made = plan(catalog.models["gemma-3-4b-it"], processor(16 * GIB), wish, catalog)
    files = WeightFiles(Path("/w"), ("model.gguf", "mmproj.gguf"))
    argv = llama_launch(made, files, SITE, WAY).argv
    assert argv[argv.index("--mmproj") + 1] == "/w/mmproj.gguf"
    assert argv[argv.index("--load-mode") + 1] == "none"  # these weights are laid out anew in memory


def test_a_model_in_parts_is_named_by_its_first(catalog: Catalog) -> None:
    wish = Wish(engine="llama.cpp")
    made = plan(catalog.models["gpt-oss-20b"], processor(64 * GIB), wish, catalog)
    files = WeightFiles(Path("/w"), ("model-00001-of-00002.gguf", "model-00002-of-00002.gguf"))
    argv = llama_launch(made, files, SITE, WAY).argv
    assert argv[argv.index("--model") + 1] == "/w/model-00001-of-00002.gguf"
    assert "--mmproj" not in argv
