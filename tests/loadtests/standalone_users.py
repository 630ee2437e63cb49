"""A Locust process with callers and nothing else, against a bridge of greenlets in the same process. Run by a test.

    python -m tests.loadtests.standalone_users ask|force

It calls for a second, has Locust stop everybody as asked or by force, and prints what was measured as JSON.
"""

from __future__ import annotations

import locust  # first: it patches the process

# isort: split

import json
import sys
import time
from typing import Any

import gevent
from locust.env import Environment

from loadtests.callers.call import CallTarget
from loadtests.locust_plugin.users import CallUser
from loadtests.metrics.recorder import ProcessRecorder
from loadtests.scenarios.behaviour import CallerBehaviour
from tests.loadtests.gevent_bridge import gevent_bridge, good_bridge

CALLERS = 5


class HurriedUser(CallUser):
    """A caller with short sentences."""

    behaviour = CallerBehaviour(chunk_ms=20, speech_ms=200, start_spread_ms=100)


def main(how: str) -> dict[str, Any]:
    """Run it."""
    environment = Environment(user_classes=[HurriedUser], events=locust.events)
    environment.stop_timeout = 5 if how == "ask" else 0
    HurriedUser.recorder = ProcessRecorder(environment.events.request.fire)
    CallUser.start_caller_ids(3)
    runner = environment.create_local_runner()
    with gevent_bridge(good_bridge) as running:
        HurriedUser.target = CallTarget(running.url, "gpt-realtime-2.1")
        runner.start(CALLERS, spawn_rate=100)
        gevent.sleep(1.0)
        began = time.monotonic()
        runner.stop()
        took = time.monotonic() - began
        goodbyes = sum("end_session" in caller.types() for caller in running.callers)
    exported = HurriedUser.recorder.export_and_clear()
    counts = {name: amount for _, name, amount in exported["measurements"]["counts"]}
    shown = sorted(name for name, _ in environment.stats.entries)
    runner.quit()
    return {"took": took, "goodbyes": goodbyes, "sent_audio": exported["sent_audio"], "counts": counts, "shown": shown}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1])))
