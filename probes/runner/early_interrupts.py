"""Holds SIGINT and SIGTERM from its import on. `probes.cli` imports it first, so that imports can't be interrupted."""

from __future__ import annotations

from probes.runner.interrupts import INTERRUPTS

INTERRUPTS.hold()
