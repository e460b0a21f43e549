"""A graph of three nodes on langgraph's SQLite checkpointer; prints µs for each run.

Runs in an environment of its own, which has langgraph and not Retinue. One run after the other,
and a hundred at once on the asynchronous checkpointer, are both measured: the faster one counts.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph

IN_FLIGHT = 100


class State(TypedDict):
    """What the nodes pass on."""

    text: str


def pass_on(state: State) -> State:
    """Hand over what came."""
    return {"text": state["text"]}


async def pass_on_async(state: State) -> State:
    """Hand over what came."""
    return {"text": state["text"]}


def main() -> None:
    """Warm up, measure both ways, print the faster one."""
    count, folder = int(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory(dir=folder) as own:
        print(min(_in_turn(Path(own), count), asyncio.run(_at_once(Path(own), count))))


def _in_turn(folder: Path, count: int) -> float:
    with SqliteSaver.from_conn_string(str(folder / "in-turn.db")) as saver:
        graph = _graph(pass_on).compile(checkpointer=saver)
        for number in range(IN_FLIGHT):
            graph.invoke({"text": "hello"}, _thread(f"warm-{number}"))
        started = time.perf_counter()
        for number in range(count):
            graph.invoke({"text": "hello"}, _thread(str(number)))
        return (time.perf_counter() - started) / count * 1e6


async def _at_once(folder: Path, count: int) -> float:
    async with AsyncSqliteSaver.from_conn_string(str(folder / "at-once.db")) as saver:
        graph = _graph(pass_on_async).compile(checkpointer=saver)

        async def some(kind: str) -> None:
            runs = (
                graph.ainvoke({"text": "hello"}, _thread(f"{kind}-{n}")) for n in range(IN_FLIGHT)
            )
            await asyncio.gather(*runs)

        await some("warm")
        started = time.perf_counter()
        rounds = max(1, count // IN_FLIGHT)
        for number in range(rounds):
            await some(str(number))
        return (time.perf_counter() - started) / (rounds * IN_FLIGHT) * 1e6


def _graph(node: Any) -> StateGraph:
    graph = StateGraph(State)
    names = ["first", "middle", "last"]
    for name in names:
        graph.add_node(name, node)
    for name, following in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(name, following)
    return graph


def _thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


if __name__ == "__main__":
    main()
