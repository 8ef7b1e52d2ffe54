"""The HTTP server of a trial: it has the marks that `Trial` asks of a server.

Rule: knows no exercise; an error is kept for the finding, and nothing is printed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from labkit import http


class TrialHttpServer(http.Server):
    """An HTTP server that keeps its errors, since they belong in the finding.

    answer: called with each request and its response. failures: what was raised in a handler, in order.
    served: for a server that runs a student's handler: set when the handler has been called for the first time.
    idle: whether that handler did nothing at all for the latest request.
    """

    def __init__(self, answer: Callable[[http.IncomingMessage, http.ServerResponse], Any]) -> None:
        self.failures: list[BaseException] = []
        self.served = threading.Event()
        self.idle = False
        super().__init__(answer)

    def _report(self, error: BaseException, about: object = None) -> None:
        self.failures.append(error)
