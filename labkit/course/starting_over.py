"""The notebook as the next class should find it: nothing open, nothing answered.

Rule: the progress file is a student's own and stays, unless `forget` says otherwise.
"""

from __future__ import annotations

from labkit import widgets
from labkit.core.calls import in_words
from labkit.core.checks import flag
from labkit.core.notebook import shell
from labkit.course import joining, polling, predictions


@in_words
def reset(*, forget: bool = False) -> str:
    """Put the notebook back to its start, for live demonstrations: the next class sees what the first one saw.

    Servers, sockets, wires and the poll are closed; predictions, questions and exercises are as if never answered;
    verdicts are shown at once again; names of tapes are taken away, so that no picture shows the packets of the class
    before.
    forget: take the exercises and questions out of the progress file too. Returns what was closed, in words.
    """
    from labkit import dgram, draw, exercises, http, net
    from labkit.lab import wire

    flag(forget, "forget")
    draw.end_live("labkit.reset() has ended it.")
    http.close_everything()  # connections of agents, which no variable of the notebook holds
    closed = {"server": net.close_everything() + dgram.close_everything(), "wire": wire.close_everything()}
    polling.end()
    joining.leave()
    predictions.forget()
    widgets.forget()
    exercises.restart(forget=forget)
    _forget_tapes()
    counts = [f"{count} {name if count == 1 else name + 's'}" for name, count in closed.items()]
    file = "; the progress file forgets them too" if forget else ""
    return f"{' and '.join(counts)} closed; predictions, questions and exercises start anew{file}"


def _forget_tapes() -> None:
    from labkit.packets import Tape

    names = getattr(shell(), "user_ns", {})
    for name in [name for name, value in names.items() if isinstance(value, Tape)]:
        del names[name]
