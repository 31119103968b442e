import pytest

from kanoa_mlops.runtime.diagnosis import diagnose


@pytest.mark.parametrize(
    ("log", "status", "reason"),
    [
        # As vLLM 0.32 and PyTorch write them.
        (
            "ValueError: Free memory on device cuda:0 (10.2/23.5 GiB) on startup "
            "is less than desired GPU memory utilization (0.92, 21.62 GiB).\n"
            "RuntimeError: Engine core initialization failed. See root cause above.",
            1,
            "other programs hold memory of the card",
        ),
        (
            "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`",
            1,
            "the card has no room for the cache",
        ),
        (
            "ValueError: To serve at least one request with the model's max seq len (131072), 12.0 GiB KV "
            "cache is needed, which is larger than the available KV cache memory (3.1 GiB).",
            1,
            "the card has no room for the cache",
        ),
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
            1,
            "the card's memory ran out",
        ),
        (
            "ValueError: The repository /weights contains custom code which must be executed to correctly "
            "load the model. Please pass the argument `trust_remote_code=True`",
            1,
            "it wants to run code that comes with the weights",
        ),
        (
            "RuntimeError: CUDA error: no kernel image is available for execution on the device",
            1,
            "this build of the engine has no code for this card",
        ),
        # As Docker, Podman and NVIDIA's hook write them; status 125 is the tool's own.
        (
            'Error response from daemon: could not select device driver "" with capabilities: [[gpu]].',
            125,
            "containers cannot reach the NVIDIA card here",
        ),
        (
            "Error: setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=all",
            125,
            "containers cannot reach the NVIDIA card here",
        ),
        (
            "docker: Error response from daemon: unknown or invalid runtime name: nvidia.",
            125,
            "containers cannot reach the NVIDIA card here",
        ),
        (
            "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.9",
            125,
            "the NVIDIA driver is older than this engine needs",
        ),
        (
            "nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1: "
            "cannot open shared object file: no such file or directory",
            125,
            "the NVIDIA driver is not loaded",
        ),
        (
            "Error response from daemon: error gathering device information while adding custom device "
            '"/dev/kfd": no such file or directory',
            125,
            "/dev/kfd is missing",
        ),
        ("Error: stat /dev/kfd: no such file or directory", 125, "/dev/kfd is missing"),
        # As llama.cpp b11549 prints them.
        (
            "E llama_model_load: error loading model: tensor 'token_embd.weight' data is not within "
            "the file bounds, model is corrupted or incomplete\nE srv load_model: failed to load model",
            1,
            "the weights file is damaged",
        ),
        (
            "E gguf_init_from_reader: invalid magic characters: '????', expected 'GGUF'",
            1,
            "the weights file is damaged",
        ),
        (
            "E ggml_aligned_malloc: insufficient memory (attempted to allocate 1766.25 MB)\n"
            "E llama_init_from_model: failed to initialize the context: failed to allocate buffer",
            1,
            "there was not enough memory for the weights and the context",
        ),
        (
            "E llama_model_load: error loading model: unknown model architecture: 'newfangled'",
            1,
            "this llama.cpp does not know the architecture newfangled",
        ),
        (
            "E srv start: couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 9914",
            1,
            "the port chosen for it",
        ),
        ("ModuleNotFoundError: No module named 'xllamacpp'", 1, "llama.cpp is not installed"),
        (
            "ImportError: libgomp.so.1: cannot open shared object file: No such file or directory",
            1,
            "the system library libgomp is missing",
        ),
        ("all slots are idle", -9, "it was killed (SIGKILL)"),
        ("", -4, "this processor lacks an instruction"),
        ("", -11, "it crashed or was ended from outside (SIGSEGV)"),
        ("", 3, "it exited with status 3"),
    ],
)
def test_the_reason_is_given_in_words(log: str, status: int, reason: str) -> None:
    found = diagnose(log, status, "tiny")
    assert found.reason.startswith(reason)
    assert found.hint


def test_the_last_lines_are_kept() -> None:
    log = "\n".join(f"line {number}" for number in range(100))
    assert diagnose(log, 1, "tiny").last_lines == tuple(f"line {number}" for number in range(92, 100))
