"""JupyterHub for a class on one Linux machine: the students are users of the machine. docs/deploying.md explains it.

Start it as root, in the environment that has labkit: ``jupyterhub -f jupyterhub_config.py``.
"""

import os
import sys

BIN = os.path.dirname(sys.executable)  # an environment that the students can read, so none below /root

c = get_config()  # type: ignore[name-defined]  # noqa: F821  # given by JupyterHub

# Who may log in: with the password that they have on this machine, the users of this group.
c.LocalAuthenticator.allowed_groups = {"students"}

c.Spawner.cmd = [f"{BIN}/jupyterhub-singleuser"]
# Kernels on Unix sockets: two students' kernels can never pick the same port, and no other user reaches a kernel.
c.Spawner.args = ["--KernelManager.transport=ipc"]
c.Spawner.environment = {
    "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin",  # terminals find `labkit`
    # The path of a Unix socket has at most 107 bytes, and Jupyter's usual folder leaves few of them.
    "JUPYTER_RUNTIME_DIR": lambda spawner: f"/tmp/jupyter-{spawner.user.name}",
}
c.Spawner.default_url = "/lab/tree/my-lessons/00-start-here.ipynb"
# A whole class starts at once. The hub answers 429 to those above the limit; it does not queue them.
c.JupyterHub.concurrent_spawn_limit = 64
c.Spawner.start_timeout = c.Spawner.http_timeout = 120
