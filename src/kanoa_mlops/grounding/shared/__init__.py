"""Collections in a Postgres with pgvector, for those that are large or that several gateways share."""

from kanoa_mlops.errors import MissingExtra

try:
    from kanoa_mlops.grounding.shared.archive import SharedArchive
except ModuleNotFoundError as error:
    if error.name not in ("numpy", "psycopg"):
        raise
    raise MissingExtra(
        f"Collections in Postgres need {error.name}, which is not installed.",
        hint="pip install 'kanoa-mlops[grounding,postgres]'",
    ) from error

__all__ = ["SharedArchive"]
