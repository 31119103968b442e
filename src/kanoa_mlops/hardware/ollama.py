"""The Ollama daemon."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

from kanoa_mlops.hardware.findings import Findings
from kanoa_mlops.hardware.patience import Patience

_PORT = 11434


def find_ollama(address: str, patience: Patience) -> Findings:
    """The version it answers with; nothing where nobody listens.

    Args:
        address: as in OLLAMA_HOST: 'http://127.0.0.1:11434', '127.0.0.1:11434' or '127.0.0.1'.
    """
    url = urlsplit(address if "://" in address else f"http://{address}")
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    host = url.hostname or "127.0.0.1"
    connection = kind("127.0.0.1" if host == "0.0.0.0" else host, _port(address), timeout=patience.left)
    try:
        connection.request("GET", f"{url.path.rstrip('/')}/api/version")
        return Findings(ollama=str(json.loads(connection.getresponse().read())["version"]))
    except ConnectionRefusedError:
        return Findings()
    except TimeoutError:
        return Findings(unknown=(f"Ollama at {address} did not answer within {patience}",))
    except (OSError, http.client.HTTPException) as error:
        return Findings(unknown=(f"Ollama at {address}: {error}",))
    except (ValueError, KeyError, TypeError):
        return Findings(unknown=(f"what listens at {address} is not Ollama",))
    finally:
        connection.close()


def _port(address: str) -> int:
    """Without one, Ollama's own; with a scheme and none, that scheme's, as Ollama reads it."""
    url = urlsplit(address if "://" in address else f"http://{address}")
    if url.port:
        return url.port
    return _PORT if "://" not in address else 443 if url.scheme == "https" else 80
