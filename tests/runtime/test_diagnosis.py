import pytest

from kanoa_mlops.runtime.diagnosis import diagnose


@pytest.mark.parametrize(
    ("log", "status", "reason"),
    # Lines as llama.cpp b11549 prints them.
    [
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
