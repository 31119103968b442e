"""What lies beyond the owner's machines, kept as the owner's file says it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from kanoa_mlops.gateway.backends import Backends, granted
from kanoa_mlops.gateway.books.budget import Payer, caps
from kanoa_mlops.gateway.burst.grant import Burst, Grant
from kanoa_mlops.gateway.burst.unserved import unserved
from kanoa_mlops.gateway.purse import Purse

log = logging.getLogger(__name__)


@dataclass
class Beyond:
    backends: Backends
    purse: Purse

    def allow(self, burst: Burst) -> None:
        """From now on this, and nothing that was allowed before. Answers under way are finished."""
        self.purse.caps = caps(Payer.ALL, burst.micro_per_day, burst.micro_per_month)
        self.purse.after_seconds = burst.after_seconds
        wanted = {grant.id: granted(self._named(grant)) for grant in burst.grants}
        for backend in self.backends.all():
            if backend.grant and backend.id not in wanted:
                log.info("%s answers no more for %s", backend.id, backend.model)
                self.backends.remove(backend.id)
        own = [backend for backend in self.backends.all() if not backend.grant]
        here = [name for backend in own for name in (backend.model, *backend.aliases)]
        for backend in wanted.values():
            if self.backends.get(backend.id) != backend:
                if warning := unserved(backend.model, here):
                    log.warning("burst: %s (%s)", warning, backend.id)
                log.info("%s may leave to %s (%s)", backend.model, backend.engine, backend.id)
            # Also where it is as it was: who waits for its model may leave by the new rules.
            self.backends.put(backend)

    def _named(self, grant: Grant) -> Grant:
        """Behind the model that is served, where it was allowed for an alias of it."""
        served = self.backends.find(grant.model)
        return replace(grant, model=served.model) if served else grant
