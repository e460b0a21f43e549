"""Actors under a supervisor that note what happens to them."""

from __future__ import annotations

from retinue.actors.runtime import LightActor


class Noted:
    def __init__(self, log, name):
        self.log, self.name = log, name

    def on_start(self):
        self.log.append(f"start {self.name}")

    def on_stop(self):
        self.log.append(f"stop {self.name}")

    def on_receive(self, message):
        if message == "boom":
            raise ValueError(message)
        return message


class Light(Noted, LightActor):
    pass
