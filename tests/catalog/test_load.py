"""The catalog is read strictly: a mistake names file and field."""

from pathlib import Path

import pytest
import yaml

from kanoa_mlops.catalog.load import Catalog, check, load_catalog, read_entry
from kanoa_mlops.catalog.types import Model
from kanoa_mlops.errors import CatalogError

SHIPPED = Path(str(__import__("kanoa_mlops.catalog").__path__[0])) / "catalog" / "data" / "models"


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """A copy of a shipped entry, to be spoiled."""
    file = tmp_path / "models" / "tiny.yaml"
    file.parent.mkdir()
    text = (SHIPPED / "smollm2-135m-instruct.yaml").read_text(encoding="utf-8")
    file.write_text(
        text.replace("aliases: [smollm2,", "aliases: [tiny2,").replace("smollm2-135m, Hug", "tiny3, Tiny")
    )
    return file


def spoil(file: Path, *path: str | int, value: object) -> None:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    place = document
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    file.write_text(yaml.safe_dump(document), encoding="utf-8")


def test_shipped_entries_load(catalog: Catalog) -> None:
    check(catalog)
    assert list(catalog.models) == sorted(path.stem for path in SHIPPED.glob("*.yaml"))
    assert len(catalog.models) > 20
    gemma = catalog.models["gemma-3-270m"]
    assert [(g.kind, g.layers, g.window) for g in gemma.architecture.attention] == [
        ("sliding", 15, 512),
        ("full", 3, None),
    ]


def test_a_person_adds_a_model_by_one_file(entry: Path) -> None:
    catalog = load_catalog(entry.parent.parent)
    assert "tiny" in catalog.models
    assert catalog.models["tiny"].weights[0].size == 98362432


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("colour",), "red", "colour: unknown key"),
        (("architecture", "colour"), "red", "architecture.colour: unknown key"),
        (("licence", "source"), "hearsay", "licence: source 'hearsay' is not among sources"),
        (("architecture", "source"), None, "architecture.source: Field required"),
        (("sources", "card", "checked"), None, "sources.card.checked: Field required"),
        (("architecture", "context"), "8192 B", "architecture.context: '8192 B' is not a number of tokens"),
        (("architecture", "context"), 8192, "architecture.context: 8192 is not a number of tokens"),
        (("weights", 0, "files", 0, "size"), "93.8", "weights.0.files.0.size: '93.8' is not a size"),
        (("weights", 0, "files", 0, "sha256"), "beef", "weights.0.files.0.sha256: String should match"),
        (("weights", 0, "files", 0, "name"), "../x.gguf", "must be the name of a file"),
        (
            ("weights", 0, "files", 0, "origins", 0, "hub", "revision"),
            "main",
            "hub.revision: String should match",
        ),
        (("architecture", "layers"), 31, "attention groups hold 30 layers, the model has 31"),
        (("architecture", "layers"), "30", "architecture.layers: Input should be a valid integer"),
        (("id",), "tiny", "the file name is the id"),
    ],
)
def test_a_mistake_names_file_and_field(
    entry: Path, path: tuple[str | int, ...], value: object, complaint: str
) -> None:
    spoil(entry, *path, value=value)
    with pytest.raises(CatalogError) as caught:
        read_entry(entry, Model)
    assert caught.value.message.startswith(str(entry))
    assert complaint in caught.value.message.replace("'93.8'", "'93.8'")


def test_a_key_written_twice_is_a_mistake(entry: Path) -> None:
    entry.write_text(entry.read_text(encoding="utf-8") + "\ntitle: again\n", encoding="utf-8")
    with pytest.raises(CatalogError, match="the key 'title' is written twice"):
        read_entry(entry, Model)


def test_two_models_may_not_share_a_name(entry: Path) -> None:
    spoil(entry, "aliases", value=["smollm2"])
    with pytest.raises(CatalogError, match="both answer to the name 'smollm2'"):
        load_catalog(entry.parent.parent)


def test_what_is_no_yaml_is_named(entry: Path) -> None:
    entry.write_text("title: [", encoding="utf-8")
    with pytest.raises(CatalogError, match=f"{entry} is not valid YAML"):
        read_entry(entry, Model)


@pytest.mark.e2e
def test_the_catalog_agrees_with_the_files_own_header(catalog: Catalog, weights_file: Path) -> None:
    from gguf import GGUFReader

    reader = GGUFReader(weights_file)
    header = {name: field.contents() for name, field in reader.fields.items() if name.startswith("llama.")}
    model = catalog.models["smollm2-135m-instruct"].architecture
    assert header["llama.block_count"] == model.layers
    assert header["llama.embedding_length"] == model.hidden_size
    assert header["llama.feed_forward_length"] == model.feed_forward_size
    assert header["llama.attention.head_count"] == model.heads
    assert header["llama.attention.head_count_kv"] == model.attention[0].kv_heads
    assert header["llama.rope.dimension_count"] == model.attention[0].head_dim
    assert header["llama.context_length"] == model.context
    assert header["llama.vocab_size"] == model.vocabulary
    assert sum(int(tensor.n_elements) for tensor in reader.tensors) == model.parameters
