"""A page that opens a WebSocket to any server, of this origin or not, and writes down all that happens.

Rule: short enough to be read in a lesson; the page adds nothing to what the browser does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from labkit import http

PORT = 12031
PAGE = """<!doctype html>
<meta charset="utf-8">
<title>A visitor</title>
<link rel="icon" href="data:,">
<pre></pre>
<script>
  const write = (line) => document.querySelector("pre").append(line + "\\n");
  const socket = new WebSocket(...ARGUMENTS);
  socket.onopen = () => write(socket.protocol ? `open, subprotocol ${socket.protocol}` : "open");
  socket.onmessage = (event) => write(`message: ${event.data}`);
  socket.onerror = () => write("error");
  socket.onclose = (event) => {
    write(event.reason ? `close: code ${event.code}, ${event.reason}` : `close: code ${event.code}`);
    window.done = true;
  };
</script>
"""


def create(url: str, protocols: Sequence[str] = ()) -> http.Server:
    """Make the server of the page. url: where its WebSocket goes, ``"ws://127.0.0.1:12030/"``. protocols: its offers.

    After ``close`` the page sets ``window.done``.
    """
    arguments = json.dumps([url, list(protocols)] if protocols else [url]).replace("<", "\\u003c")

    def page(_: http.IncomingMessage, response: http.ServerResponse) -> None:
        response.set_header("Content-Type", "text/html; charset=utf-8")
        response.end(PAGE.replace("ARGUMENTS", arguments))

    return http.create_server(page)
