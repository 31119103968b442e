"""config.json, as real models have it, and what is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kanoa_mlops.catalog.foreign.config import model_from_config
from kanoa_mlops.catalog.foreign.tensors import SafetensorsFacts, join_headers, read_header
from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.errors import UnknownArchitecture
from tests.catalog.foreign.make import LLAMA_PARAMETERS, config, llama, llama_tensors, safetensors

Groups = list[tuple[str, int, int, int, int | None]]


def read(document: dict[str, Any], **more: Any) -> Model:
    return model_from_config(document, name="org/Some-Model", **more)


def groups(model: Model) -> Groups:
    return [(g.kind, g.layers, g.kv_heads, g.head_dim, g.window) for g in model.architecture.attention]


def facts(tensors: dict[str, tuple[str, Any]]) -> SafetensorsFacts:
    body = safetensors(tensors, data=False)
    return join_headers([read_header(body[8:], "model.safetensors")])


# Counts as published: half or a quarter of `total_size` in the checkpoints' own index files.
@pytest.mark.parametrize(
    ("name", "parameters", "attention"),
    [
        ("chocolatine-3b-phi3", 3_821_079_552, [("sliding", 32, 32, 96, 2047)]),
        ("gemma-2-9b-it", 9_241_705_984, [("sliding", 21, 8, 256, 4096), ("full", 21, 8, 256, None)]),
        ("gpt-oss-20b", 20_914_757_184, [("sliding", 12, 8, 64, 128), ("full", 12, 8, 64, None)]),
        ("granite-3.1-1b-a400m-instruct", 1_334_628_352, [("full", 24, 8, 64, None)]),
        ("llama-3.3-70b-instruct", 70_553_706_496, [("full", 80, 8, 128, None)]),
        ("llava-1.5-7b-hf", 7_063_427_072, [("full", 32, 32, 128, None)]),
        ("medgemma-27b-it", 27_432_406_640, [("sliding", 52, 16, 128, 1024), ("full", 10, 16, 128, None)]),
        ("molmo-7b-d-nf4", 8_021_025_280, [("full", 28, 4, 128, None)]),
        ("olmocr-7b", 8_291_375_616, [("full", 28, 4, 128, None)]),
        ("paligemma-3b-pt-224", 2_923_466_480, [("full", 18, 1, 256, None)]),
        ("qwen2.5-vl-7b-instruct", 8_292_166_656, [("full", 28, 4, 128, None)]),
        ("qwen3-1.7b", 1_720_574_976, [("full", 28, 8, 128, None)]),
        ("wizardlm-2-8x22b", 140_620_634_112, [("full", 56, 8, 128, None)]),
    ],
)
def test_real_configurations(name: str, parameters: int, attention: Groups) -> None:
    model = read(config(name))
    assert model.architecture.parameters == parameters
    assert groups(model) == attention


def _sizes(hidden: int, width: int, layers: int, heads: int, kv: int, vocabulary: int) -> dict[str, int]:
    return {
        "hidden_size": hidden,
        "intermediate_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv,
        "vocab_size": vocabulary,
    }


# Sizes and counts as these models' cards and index files give them.
@pytest.mark.parametrize(
    ("model_type", "architecture", "sizes", "more", "parameters"),
    [
        ("qwen2", "Qwen2ForCausalLM", (3584, 18944, 28, 28, 4, 152064), {}, 7_615_616_512),
        ("mixtral", "MixtralForCausalLM", (4096, 14336, 32, 32, 8, 32000), {}, 46_702_792_704),
        (
            "qwen3_moe",
            "Qwen3MoeForCausalLM",
            (2048, 6144, 48, 32, 4, 151936),
            {"head_dim": 128, "num_experts": 128, "moe_intermediate_size": 768},
            30_532_122_624,
        ),
        (
            "qwen2_moe",
            "Qwen2MoeForCausalLM",
            (2048, 5632, 24, 16, 16, 151936),
            {"num_experts": 60, "moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632},
            14_315_784_192,
        ),
        ("olmo2", "Olmo2ForCausalLM", (4096, 11008, 32, 32, 32, 100352), {}, 7_298_617_344),
        ("olmoe", "OlmoeForCausalLM", (2048, 1024, 16, 16, 16, 50304), {}, 6_919_161_856),
        ("cohere", "CohereForCausalLM", (8192, 22528, 40, 64, 64, 256000), {}, 34_980_831_232),
        ("cohere2", "Cohere2ForCausalLM", (4096, 14336, 32, 32, 8, 256000), {"head_dim": 128}, 8_028_033_024),
        ("starcoder2", "Starcoder2ForCausalLM", (4608, 18432, 32, 36, 4, 49152), {}, 7_173_923_840),
        (
            "phimoe",
            "PhiMoEForCausalLM",
            (4096, 6400, 32, 32, 8, 32064),
            {"num_local_experts": 16, "attention_bias": True, "lm_head_bias": True},
            41_873_153_344,
        ),
        ("smollm3", "SmolLM3ForCausalLM", (2048, 11008, 36, 16, 4, 128256), {}, 3_075_098_624),
        (
            "stablelm",
            "StableLmForCausalLM",
            (2048, 5632, 24, 32, 32, 100352),
            {"use_qkv_bias": True},
            1_644_515_328,
        ),
        ("gemma", "GemmaForCausalLM", (3072, 24576, 28, 16, 16, 256000), {}, 8_537_680_896),
        ("gemma2", "Gemma2ForCausalLM", (4608, 36864, 46, 32, 16, 256000), {"head_dim": 128}, 27_227_128_320),
        ("glm", "GlmForCausalLM", (4096, 13696, 40, 32, 2, 151552), {}, 9_399_951_360),
        ("glm4", "Glm4ForCausalLM", (4096, 13696, 40, 32, 2, 151552), {}, 9_400_279_040),
        ("seed_oss", "SeedOssForCausalLM", (5120, 27648, 64, 80, 8, 155136), {}, 36_151_104_512),
        ("exaone4", "Exaone4ForCausalLM", (5120, 27392, 64, 40, 8, 102400), {}, 32_003_216_384),
        ("ernie4_5", "Ernie4_5ForCausalLM", (1024, 3072, 18, 16, 2, 103424), {}, 360_748_032),
        (
            "internlm2",
            "InternLM2ForCausalLM",
            (4096, 14336, 32, 32, 8, 92544),
            {"bias": False},
            7_737_708_544,
        ),
    ],
)
def test_published_counts(
    model_type: str,
    architecture: str,
    sizes: tuple[int, int, int, int, int, int],
    more: dict[str, Any],
    parameters: int,
) -> None:
    document = {"model_type": model_type, "architectures": [architecture], "torch_dtype": "bfloat16"}
    assert read(document | _sizes(*sizes) | more).architecture.parameters == parameters


SIGLIP = {
    "hidden_size": 1152,
    "image_size": 896,
    "intermediate_size": 4304,
    "model_type": "siglip_vision_model",
    "num_attention_heads": 16,
    "num_hidden_layers": 27,
    "patch_size": 14,
    "vision_use_head": False,
}


def gemma(hidden: int, width: int, layers: int, **told: int) -> dict[str, Any]:
    """As Gemma 3's own configurations are: heads, their size, vocabulary and context only where they differ
    from the class's defaults."""
    text = {"hidden_size": hidden, "intermediate_size": width, "num_hidden_layers": layers} | told
    return {
        "architectures": ["Gemma3ForConditionalGeneration"],
        "mm_tokens_per_image": 256,
        "model_type": "gemma3",
        "text_config": text | {"model_type": "gemma3_text", "sliding_window": 1024},
        "torch_dtype": "bfloat16",
        "vision_config": SIGLIP,
    }


def qwen3_vl(
    hidden: int, width: int, layers: int, heads: int, kv: int, *, tied: bool, small_tower: bool
) -> dict[str, Any]:
    tower = {
        "depth": 24,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "deepstack_visual_indexes": [5, 11, 17],
    }
    text = _sizes(hidden, width, layers, heads, kv, 151936) | {
        "head_dim": 128,
        "max_position_embeddings": 262144,
    }
    return {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "model_type": "qwen3_vl",
        "text_config": text
        | {"dtype": "bfloat16", "model_type": "qwen3_vl_text", "tie_word_embeddings": tied},
        "tie_word_embeddings": tied,
        "vision_config": {"model_type": "qwen3_vl", "out_hidden_size": hidden}
        | (tower if small_tower else {}),
    }


def _mllama() -> dict[str, Any]:
    document = config("llama-3.2-11b-vision")
    document["vision_config"]["image_size"] = 560  # the instruct model's
    return document


def _molmo() -> dict[str, Any]:
    document = config("molmo-7b-d-nf4")
    del document["quantization_config"]
    return document | {"torch_dtype": "float32"}


LLAVA_NEXT = {
    "architectures": ["LlavaNextForConditionalGeneration"],
    "model_type": "llava_next",
    "text_config": {
        "model_type": "mistral",
        "intermediate_size": 14336,
        "max_position_embeddings": 32768,
        "num_key_value_heads": 8,
        "sliding_window": None,
        "vocab_size": 32064,
    },
    "torch_dtype": "float16",
    "vision_config": {
        "hidden_size": 1024,
        "image_size": 336,
        "intermediate_size": 4096,
        "model_type": "clip_vision_model",
        "num_attention_heads": 16,
        "num_hidden_layers": 24,
        "patch_size": 14,
    },
    "vision_feature_select_strategy": "default",
}
LLAVA_ONEVISION = {
    "architectures": ["LlavaOnevisionForConditionalGeneration"],
    "image_grid_pinpoints": [[384 * rows, 384 * columns] for rows in range(1, 7) for columns in range(1, 7)],
    "model_type": "llava_onevision",
    "text_config": {
        "model_type": "qwen2",
        "max_position_embeddings": 32768,
        **_sizes(3584, 18944, 28, 28, 4, 152128),
    },
    "torch_dtype": "float16",
    "vision_aspect_ratio": "anyres_max_9",
    "vision_config": SIGLIP | {"image_size": 384, "num_hidden_layers": 26},
    "vision_feature_select_strategy": "full",
}


@pytest.mark.parametrize(
    ("entry", "document"),
    [
        ("gemma-3-4b-it", gemma(2560, 10240, 34)),
        ("gemma-3-12b-it", gemma(3840, 15360, 48, num_attention_heads=16, num_key_value_heads=8)),
        (
            "gemma-3-27b-it",
            gemma(5376, 21504, 62, num_attention_heads=32, num_key_value_heads=16, head_dim=128),
        ),
        ("gpt-oss-20b", config("gpt-oss-20b")),
        ("llama-3.2-11b-vision-instruct", _mllama()),
        ("llava-1.5-7b", config("llava-1.5-7b-hf")),
        ("llava-1.6-mistral-7b", LLAVA_NEXT),
        ("llava-onevision-qwen2-7b", LLAVA_ONEVISION),
        ("molmo-7b-d", _molmo()),
        ("qwen2.5-vl-7b-instruct", config("qwen2.5-vl-7b-instruct")),
        ("qwen3-vl-4b-instruct", qwen3_vl(2560, 9728, 36, 32, 8, tied=True, small_tower=True)),
        ("qwen3-vl-8b-instruct", qwen3_vl(4096, 12288, 36, 32, 8, tied=False, small_tower=False)),
        ("qwen3-vl-32b-instruct", qwen3_vl(5120, 25600, 64, 64, 8, tied=False, small_tower=False)),
    ],
)
def test_the_catalog_says_the_same(entry: str, document: dict[str, Any], catalog: Catalog) -> None:
    """Two ways to the same numbers: written by people with their sources, and read from the configuration."""
    known, found = catalog.models[entry], read(document)
    assert found.architecture.model_dump(exclude={"source"}) == known.architecture.model_dump(
        exclude={"source"}
    )
    if known.vision is None:
        assert found.vision is None
    else:
        assert found.vision is not None
        aside = {"source", "tower"}
        assert found.vision.model_dump(exclude=aside) == known.vision.model_dump(exclude=aside)


def test_what_is_left_out_is_as_the_class_fills_it_in() -> None:
    told = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "torch_dtype": "float16"}
    model = read(told | {"num_hidden_layers": 32, "hidden_size": 4096})
    assert model.architecture.parameters == 6_738_415_616  # Llama 2 7B
    assert model.architecture.dtype == "F16"


@pytest.mark.parametrize("missing", ["num_hidden_layers", "hidden_size"])
def test_a_class_is_no_model(missing: str) -> None:
    """transformers would make a Llama 7B of next to nothing."""
    with pytest.raises(UnknownArchitecture, match=f"config.json: {missing} is missing") as caught:
        read(llama(**{missing: None}))
    assert "catalog entry" in caught.value.hint


def test_windows() -> None:
    base = llama(model_type="mistral", architectures=["MistralForCausalLM"])
    assert groups(read(base)) == [("sliding", 4, 2, 16, 4096)]  # Mistral's class has one by default
    assert groups(read(base | {"sliding_window": None})) == [("full", 4, 2, 16, None)]
    qwen = llama(
        model_type="qwen2", architectures=["Qwen2ForCausalLM"], sliding_window=512, max_window_layers=3
    )
    assert groups(read(qwen)) == [("full", 4, 2, 16, None)]  # told, and switched off
    assert groups(read(qwen | {"use_sliding_window": True})) == [
        ("sliding", 1, 2, 16, 512),
        ("full", 3, 2, 16, None),
    ]
    gemma3 = llama(model_type="gemma3_text", architectures=["Gemma3ForCausalLM"], sliding_window_pattern=2)
    assert groups(read(gemma3 | {"head_dim": 32}))[0] == ("sliding", 2, 2, 32, 4096)
    listed = ["full_attention", "full_attention", "full_attention", "sliding_attention"]
    assert groups(read(gemma3 | {"layer_types": listed}))[0] == ("sliding", 1, 2, 256, 4096)


def test_yarn_is_what_a_model_was_trained_for() -> None:
    scaling = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048}
    assert read(llama(rope_scaling=scaling)).architecture.context == 8192
    linear = {"rope_type": "linear", "factor": 8.0}
    assert read(llama(rope_scaling=linear)).architecture.context == 2048


def test_headers_make_counts_exact() -> None:
    model = read(llama(), tensors=facts(llama_tensors()))
    assert model.architecture.parameters == LLAMA_PARAMETERS
    assert "sum of its tensors' elements" in model.sources["files"].note
    native = model.weights[0]
    assert (native.name, native.size, native.tensors) == ("bf16", LLAMA_PARAMETERS * 2, LLAMA_PARAMETERS * 2)
    assert [weights.name for weights in model.weights] == ["bf16", "fp8", "bnb4"]
    assert [weights.tensors for weights in model.weights[1:]] == [None, None]
    assert "shapes its configuration implies" in read(llama()).sources["files"].note


def test_a_total_makes_counts_exact() -> None:
    model = read(llama(), tensors=SafetensorsFacts(LLAMA_PARAMETERS * 2))
    assert model.architecture.parameters == LLAMA_PARAMETERS
    assert model.weights[0].size == LLAMA_PARAMETERS * 2


def test_a_tied_head_that_is_stored_all_the_same_is_not_loaded() -> None:
    model = read(llama(tie_word_embeddings=True), tensors=facts(llama_tensors(head=True)))
    assert model.architecture.parameters == LLAMA_PARAMETERS - 64_000
    assert model.weights[0].tensors == (LLAMA_PARAMETERS - 64_000) * 2
    assert model.weights[0].size == LLAMA_PARAMETERS * 2  # downloaded it is


def test_a_head_that_is_not_stored_is_tied() -> None:
    model = read(llama(vocab_size=1000), tensors=facts(llama_tensors(head=True)))
    assert not model.architecture.tied_embeddings
    small = llama(vocab_size=16, tie_word_embeddings=False)
    tensors = llama_tensors(head=False) | {"model.embed_tokens.weight": ("BF16", (16, 64))}
    assert read(small, tensors=facts(tensors)).architecture.tied_embeddings


def test_files_in_32_bits_are_loaded_in_16() -> None:
    """The trap of Molmo: its configuration is believed less than its files."""
    model = read(llama(torch_dtype="bfloat16"), tensors=facts(llama_tensors("F32")))
    assert model.architecture.dtype == "F32"
    assert [weights.name for weights in model.weights] == ["bf16", "fp8", "bnb4", "f32"]
    assert {weights.size for weights in model.weights} == {LLAMA_PARAMETERS * 4}


def test_files_that_hold_another_model_are_told() -> None:
    tensors = llama_tensors() | {"model.layers.0.mixer.weight": ("BF16", (64, 640))}
    with pytest.raises(
        UnknownArchitecture, match=r"describes 276,032 parameters, and the files hold 316,992"
    ):
        read(llama(), tensors=facts(tensors))


def test_vision_is_counted_in_the_files() -> None:
    document = config("llava-1.5-7b-hf")
    model = read(document)
    assert model.vision is not None
    assert model.inputs == ("text", "image")
    assert model.vision.parameters == 324_487_168
    assert model.text_parameters == 6_738_939_904


def test_limits_of_images_come_from_the_preprocessor() -> None:
    document = config("qwen2.5-vl-7b-instruct")
    by_default = read(document)
    assert by_default.vision is not None
    assert by_default.vision.image_tokens.model_dump()["most"] == 16384
    assert "limits of images are those its class has by default" in by_default.sources["files"].note
    told = read(document, preprocessor={"min_pixels": 3136, "max_pixels": 1_003_520})
    assert told.vision is not None
    assert told.vision.image_tokens.model_dump() == {
        "kind": "area",
        "token_size": 28,
        "least": 4,
        "most": 1280,
    }
    assert told.vision.image_size == 35 * 28
    other = read(document, preprocessor={"size": {"shortest_edge": 784, "longest_edge": 7840}})
    assert other.vision is not None
    assert other.vision.image_tokens.model_dump()["most"] == 10
    with pytest.raises(UnknownArchitecture, match=r"preprocessor_config.json: max_pixels should be a number"):
        read(document, preprocessor={"max_pixels": -1})


def test_engines() -> None:
    assert read(llama()).engines.keys() == {"vllm"}
    mllama = read(config("llama-3.2-11b-vision"))
    assert mllama.engines["vllm"].until == "0.10.2"
    assert read(config("molmo-7b-d-nf4")).engines["vllm"].remote_code


def test_names() -> None:
    model = model_from_config(llama(), name="Org/Some.Model_7B+")
    assert (model.id, model.title) == ("some.model_7b", "Some.Model_7B+")
    assert model.weights[0].local[0].path == "config.json"


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({}, "model_type is missing"),
        (
            config("qwen3-next-80b-a3b-thinking"),
            r"'qwen3_next' is not understood \(full_attention_interval is 4",
        ),
        ({"model_type": "mamba2", "state_size": 128}, "'mamba2' is not understood .*state of fixed size"),
        (
            {"model_type": "deepseek_v3", "kv_lora_rank": 512},
            "'deepseek_v3' .*attention keeps a compressed state",
        ),
        ({"model_type": "t5", "is_encoder_decoder": True}, "'t5' .*an encoder stands before"),
        ({"model_type": "gemma3n", "text_config": {"num_kv_shared_layers": 15}}, "keys and values of others"),
        ({"model_type": "../llama"}, "'../llama' is not understood"),
        (llama(kv_lora_rank=512), "kv_lora_rank is 512: .*models of this type have none such"),
        (llama(num_local_experts=8), "num_local_experts is 8"),
        (
            llama(architectures=["LlamaForSequenceClassification"]),
            "only LlamaForCausalLM and LLaMAForCausalLM",
        ),
        (llama(layer_types=["full_attention"] * 3), "layer_types should list 4 layers"),
        (llama(layer_types=["full_attention", "linear_attention"] * 2), "layer_types holds linear_attention"),
        (llama(hidden_size="64"), "hidden_size should be a number, and is '64'"),
        (llama(hidden_size="=9"), "hidden_size should be a number, and is '=9'"),
        (llama(hidden_size=64.5), "hidden_size should be a whole number"),
        (llama(hidden_size=-64), "hidden_size should be a number"),
        (llama(vocab_size=0), "vocab_size should be a whole number, and is 0"),
        (llama(num_hidden_layers=10**9), "num_hidden_layers is 1000000000, which no model has"),
        (llama(hidden_size=10**40), "hidden_size should be a number"),
        (
            llama(hidden_size=100, num_attention_heads=3),
            "head_dim is missing, and hidden_size is no multiple",
        ),
        (llama(tie_word_embeddings="yes"), "tie_word_embeddings should be true or false"),
        (llama(torch_dtype=None), "torch_dtype is missing"),
        (llama(torch_dtype="int3"), "torch_dtype is 'int3', which is not understood"),
        (
            llama(model_type="qwen3_moe", architectures=["Qwen3MoeForCausalLM"], decoder_sparse_step=2),
            "decoder_sparse_step is 2, which is not understood",
        ),
        (
            {"model_type": "llava", "vision_config": {"model_type": "vit_mae"}},
            "tower is of the type 'vit_mae'",
        ),
        (
            {"model_type": "llava", "text_config": {"model_type": "mamba"}},
            "text_config: the model_type 'mamba'",
        ),
        ({"model_type": "llava", "text_config": [1]}, "text_config should be a mapping"),
        (LLAVA_NEXT | {"image_grid_pinpoints": [[100, 200]]}, "should list multiples of 336 pixels"),
        (
            config("llava-1.5-7b-hf") | {"vision_feature_select_strategy": "full"},
            "vision_feature_select_strategy is 'full', which is not understood",
        ),
        (
            _mllama() | {"text_config": _mllama()["text_config"] | {"cross_attention_layers": [99]}},
            r"cross_attention_layers should list layers, and is \[99\]",
        ),
    ],
)
def test_refused(document: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UnknownArchitecture, match=complaint) as caught:
        read(copy.deepcopy(document))
    assert caught.value.hint
    assert caught.value.exit_code == 1
