"""A hub shaped as the real one answers: its listing, its redirects, its refusals and their headers.

Small files are in Git and given by a redirect to the same host; large ones are pointers in Git and given
by a redirect to another host with a signed address. Headers and words are those of huggingface.co, as its
own client reads them and as public reports quote them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.weights.server import FileServer, Served

COMMIT = "89abcdef0123456789abcdef0123456789abcdef"
_LARGE = (".safetensors", ".gguf", ".bin", ".pth", "tokenizer.json", ".model")

GRANTED, STRANGER, WAITING, NARROW = "hf_granted", "hf_stranger", "hf_waiting", "hf_narrow"
"""Tokens the hub knows: of accounts that were let in, were not, wait; and one without the right to read."""


@dataclass
class Hub:
    server: FileServer
    cdn: FileServer
    gated: set[str] = field(default_factory=set)
    """Repositories whose licence must be accepted."""

    def publish(self, repo: str, files: Mapping[str, bytes], commit: str = COMMIT, **about: Any) -> None:
        """A repository whose main branch is at this commit."""
        if about.get("gated"):
            self.gated.add(repo)
        listing = {
            "_id": "6578687469",
            "id": repo,
            "modelId": repo,
            "sha": commit,
            "gated": False,
            "private": False,
            "usedStorage": sum(map(len, files.values())),
            **about,
            "siblings": [_sibling(path, body) for path, body in files.items()],
        }
        for revision in ("main", commit):
            self._offer(repo, f"/api/models/{repo}/revision/{revision}?blobs=true", listing, open_to_all=True)
        self._offer(repo, f"/api/models/{repo}/auth-check", "OK")
        for path, body in files.items():
            self._give(repo, commit, path, body)

    def rename(self, old: str, new: str, files: Mapping[str, bytes]) -> None:
        """What was published under a new name is still reached by the old one."""
        self.publish(new, files)
        for path in list(self.server.files):
            if f"/{new}/" in path and "resolve-cache" not in path:
                self.server.files[path.replace(new, old)] = Served(status=307, location=path)

    def withdraw(self, repo: str) -> None:
        """Gone; to somebody unknown it might as well be private."""
        for path in list(self.server.files):
            if f"/{repo}/" in path:
                self.server.files[path] = Served(guard=lambda shown: _missing(bool(shown)))

    def asked(self) -> list[str]:
        return [seen.path.partition("&etag")[0] for seen in self.server.log]

    def _offer(self, repo: str, path: str, document: object, *, open_to_all: bool = False) -> None:
        self.server.files[path] = Served(
            json.dumps(document).encode(),
            media_type="application/json; charset=utf-8",
            # Who is unknown may still read what a gated repository holds, only not the files themselves.
            guard=lambda shown: self._turn_away(repo, shown, open_to_all),
        )

    def _give(self, repo: str, commit: str, path: str, body: bytes) -> None:
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes", "X-Linked-Size": str(len(body))}
        sha256 = hashlib.sha256(body).hexdigest()
        if path.endswith(_LARGE):
            there = f"/xet-bridge-us/{sha256}?X-Xet-Signed=1&Expires=1781098782"
            self.cdn.files[there] = Served(body)
            # Another name for the same host: credentials do not go there.
            location = self.cdn.url.replace("127.0.0.1", "localhost") + there
            headers |= {"X-Linked-Etag": f'"{sha256}"', "X-Xet-Hash": sha256[::-1]}
            status = 302
        else:
            there = f"/api/resolve-cache/models/{repo}/{commit}/{path}?&etag=%22{_git_blob(body)}%22"
            self.server.files[there] = Served(body, guard=lambda shown: self._turn_away(repo, shown, False))
            location, status = there, 307
        self.server.files[f"/{repo}/resolve/{commit}/{path}"] = Served(
            status=status,
            location=location,
            headers=headers,
            guard=lambda shown: self._turn_away(repo, shown, False),
        )

    def _turn_away(self, repo: str, shown: str, open_to_all: bool) -> Served | None:
        token = shown.removeprefix("Bearer ")
        if token not in ("", GRANTED, STRANGER, WAITING, NARROW):
            return _refusal(401, "", "Invalid credentials in Authorization header")
        if open_to_all or repo not in self.gated or token == GRANTED:
            return None
        restricted = f"Access to model {repo} is restricted"
        if not token:
            said = (
                f"{restricted}. You must have access to it and be authenticated to access it. Please log in."
            )
            return _refusal(401, "GatedRepo", said)
        if token == NARROW:
            said = (
                "Please enable access to public gated repositories in your fine-grained token settings "
                "to view this repository."
            )
            return _refusal(403, "", said)
        if token == WAITING:
            said = f"Your request to access model {repo} is awaiting a review from the repo authors."
            return _refusal(403, "GatedRepo", said)
        said = f"{restricted} and you are not in the authorized list. Visit the page to ask for access."
        return _refusal(403, "GatedRepo", said)


def _sibling(path: str, body: bytes) -> dict[str, Any]:
    if not path.endswith(_LARGE):
        return {"rfilename": path, "size": len(body), "blobId": _git_blob(body)}
    sha256 = hashlib.sha256(body).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(body)}\n".encode()
    return {
        "rfilename": path,
        "size": len(body),
        "blobId": _git_blob(pointer),
        "lfs": {"sha256": sha256, "size": len(body), "pointerSize": len(pointer)},
    }


def _git_blob(body: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


def _refusal(status: int, code: str, said: str) -> Served:
    headers = {"X-Error-Message": said} | ({"X-Error-Code": code} if code else {})
    return Served(status=status, headers=headers)


def _missing(known: bool) -> Served:
    return _refusal(404 if known else 401, "RepoNotFound", "Repository not found")
