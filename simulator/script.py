"""Which reply of the scenario comes next in a session."""

import re

from simulator.checking import Config
from simulator.scenario import Reply, Scenario, Trigger

NOTHING_LEFT = Reply(say="I'm afraid I have nothing more to say.", repeat=True)


class Reader:
    """Reads one session's script: a reply is given once, unless it may be repeated."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._used: set[tuple[str, int]] = set()
        self.name = ""
        """The script read last."""

    def next(self, session: Config, trigger: Trigger, heard: str) -> Reply:
        """The first reply left that fits what happened and what the session can do."""
        script = self._scenario.script(session.get("instructions") or "")
        self.name = script.name
        declared = {tool.get("name") for tool in session.get("tools") or []}
        for place, reply in enumerate(script.replies):
            used = (script.name, place) in self._used
            if not used and _fits(reply, trigger, heard) and all(call.name in declared for call in reply.call):
                if not reply.repeat:
                    self._used.add((script.name, place))
                return reply
        return NOTHING_LEFT


def _fits(reply: Reply, trigger: Trigger, heard: str) -> bool:
    right = reply.to == trigger or (reply.to == "any" and trigger != "out_of_band")
    return right and re.search(reply.heard, heard, re.IGNORECASE) is not None
