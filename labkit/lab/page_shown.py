"""A page of a notebook's own server, shown in the notebook: a frame, and its address for a window of its own.

Rule: knows addresses only; nothing is asked of the server here.
"""

from __future__ import annotations

import os
from html import escape

PREFIX = "JUPYTERHUB_SERVICE_PREFIX"
"""What JupyterHub sets for a user's programs: the path under which all of the user's pages are, ``"/user/ada/"``."""


def url_for(host: str, port: int, path: str, proxied: bool | None) -> str:
    """The address of a page. proxied: by jupyter-server-proxy; None: if JupyterHub runs this notebook.

    A notebook under JupyterHub is on another machine than the browser, so the browser does not reach its loopback.
    """
    prefix = os.environ.get(PREFIX)
    if proxied or (proxied is None and prefix):
        return f"{(prefix or '/').rstrip('/')}/proxy/{port}{path}"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{path}"


class PageShown:
    """A page in a frame. url: its address. height: in pixels. As text it is the address."""

    def __init__(self, url: str, height: int) -> None:
        self.url, self.height = url, height

    def __repr__(self) -> str:
        return f"page {self.url}"

    def _repr_html_(self) -> str:
        url = escape(self.url, quote=True)
        return (
            f'<iframe src="{url}" title="page {url}" width="100%" height="{self.height}" style="border:1px solid #888">'
            f'</iframe><div><a href="{url}" target="_blank" rel="noopener">Open it in a tab of its own</a></div>'
        )
