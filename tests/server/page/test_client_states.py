"""The table of the client's states, walked through whole: every way that events take, with socket and timers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.page.javascript import JavaScript

#: The badges of the client protocol.
BADGES = {"Initializing…", "Connected", "Reconnecting", "Fallback", "Error"}
MESSAGES = ("initializing", "ready", "fallback_ready", "reconnecting", "closed", "no_session", "failed_later", "failed")
PEOPLE_AND_PAGE = ("start", "stop", "offline", "online", "freeze", "resume")


@pytest.fixture(scope="module")
def table(javascript: JavaScript) -> dict[str, Any]:
    found: dict[str, Any] = javascript.run("table")
    return found


@dataclass(frozen=True)
class World:
    """A state, and what the actions on the way left behind."""

    state: str = "idle"
    socket: str = "none"
    due: bool = False
    watch: bool = False
    asked: bool = False

    def possible_events(self) -> Iterator[str]:
        """Yield what can happen in this world."""
        yield from PEOPLE_AND_PAGE
        if self.due:
            yield "due"
        if self.watch:
            yield "late"
        if self.socket == "opening":
            yield "opened"
        if self.socket != "none":
            yield "lost"
        if self.socket == "open":
            yield "stalled"
            yield from MESSAGES

    def perform(self, action: str) -> World:
        """Return the world after an action; an action that makes no sense fails."""
        match action:
            case "open":
                assert self.socket == "none"
                return replace(self, socket="opening", asked=False)
            case "close":
                return replace(self, socket="none", asked=False)
            case "create":
                assert self.socket == "open"
                return replace(self, asked=True)
            case "watch":
                return replace(self, watch=True)
            case "wait" | "wait_second" | "wait_retry":
                return replace(self, due=True)
            case "settle":
                return replace(self, due=False, watch=False)
            case "flush" | "restore":
                assert self.socket == "open"
                return self
            case "keep" | "drop":
                return self
        raise AssertionError(action)


def after(table: dict[str, Any], world: World, event: str) -> World:
    """Return the world after an event."""
    state, actions = table["transitions"][world.state].get(event, [world.state, []])
    now = replace(world, state=state)
    match event:
        case "opened":
            now = replace(now, socket="open")
        case "lost":
            now = replace(now, socket="none", asked=False)
        case "due":
            now = replace(now, due=False)
        case "late":
            now = replace(now, watch=False)
    for action in actions:
        now = now.perform(action)
    return now


def every_world(table: dict[str, Any]) -> set[World]:
    """Return every world that events can lead to."""
    found, left = {World()}, [World()]
    while left:
        world = left.pop()
        for event in world.possible_events():
            following = after(table, world, event)
            if following not in found:
                found.add(following)
                left.append(following)
    return found


def test_every_state_action_and_badge_is_known(table: dict[str, Any]) -> None:
    states = set(table["transitions"])
    assert {state for rows in table["transitions"].values() for state, _ in rows.values()} == states
    assert {one for rows in table["transitions"].values() for _, all_ in rows.values() for one in all_} == set(
        table["actions"]
    )
    assert set(table["badges"]) == states
    assert set(table["badges"].values()) == BADGES | {None}
    assert set(table["sending"]) <= states


def test_every_state_can_be_reached(table: dict[str, Any]) -> None:
    assert {world.state for world in every_world(table)} == set(table["transitions"])


def test_no_action_comes_at_a_wrong_moment_and_no_state_waits_for_nothing(table: dict[str, Any]) -> None:
    for world in every_world(table):
        match world.state:
            case "idle" | "failed" | "offline" | "frozen":
                assert (world.socket, world.due, world.watch) == ("none", False, False), world
            case "connecting" | "reopening":
                assert (world.socket, world.watch) == ("opening", True), world
            case "initializing" | "reinitializing" | "recovering":
                assert (world.socket, world.watch, world.asked) == ("open", True, True), world
            case "ready" | "fallback":
                assert (world.socket, world.asked) == ("open", True), world
            case "waiting":
                assert (world.socket, world.due) == ("none", True), world
            case "asking" | "failed_later":
                assert (world.socket, world.due) == ("open", True), world


def test_a_person_can_always_end_it(table: dict[str, Any]) -> None:
    for world in every_world(table):
        assert after(table, world, "stop").state == "idle"


def test_from_everywhere_a_working_bridge_leads_to_a_session(table: dict[str, Any]) -> None:
    """Play what a working bridge and an idle person do; where the client gave up or was ended, a person starts it."""
    for world in every_world(table):
        now = world
        for event in ("online", "resume", "start", "due", "opened", "ready"):
            if event in now.possible_events():
                now = after(table, now, event)
        assert now.state in ("ready", "recovering", "fallback"), world
