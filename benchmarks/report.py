"""The figures as a table for people and as JSON for programs."""

import importlib.metadata
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.adapters import Costs
from benchmarks.comparison import Figures
from benchmarks.crowd import Crowd
from benchmarks.gate import GateCost
from benchmarks.tasks import TaskFigures

AIMS = {"sqlite": (3.0, 0.0), "postgres": (3.0, 2.5)}
"""Of the ratio, and of the ratio with the database server's own CPU."""
_PACKAGES = ("litestar", "openai-agents", "uvicorn", "uvloop", "fastapi", "sse-starlette", "openai")
_ROW = "{:<46}{:>12}{:>12}{:>9}  {}"


def table(results: Sequence[Figures]) -> str:
    return "\n\n".join([_facts(), *(_of(figures) for figures in results)])


def save(
    results: Sequence[Figures],
    folder: Path,
    *,
    crowds: Sequence[Crowd] = (),
    costs: Sequence[Costs] = (),
    gates: Sequence[GateCost] = (),
    tasks: Sequence[TaskFigures] = (),
) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    content = {
        "facts": _facts(),
        "results": [
            {"ratio": f.ratio(), "ratio_with_database": f.ratio("with_database"), **msgspec.to_builtins(f)}
            for f in results
        ],
        "crowds": msgspec.to_builtins(list(crowds)),
        "adapters": msgspec.to_builtins(list(costs)),
        "gate": msgspec.to_builtins(list(gates)),
        "tasks": msgspec.to_builtins(list(tasks)),
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    return path


def crowd_table(found: Crowd) -> str:
    share = found.whole / found.runs
    lines = [
        f"{found.runs:,} active runs of {found.a_second} chunks a second, SQLite",
        _aimed("ms from provider to reader, p50", f"{found.p50:.1f}"),
        _aimed("ms from provider to reader, p99", f"{found.p99:.1f}", "under 100", reached=found.p99 < 100),
        _aimed("kB an active run with its reader", f"{found.run_kb:.0f}", "under 1,000", reached=found.run_kb < 1000),
        _aimed("complete", f"{share:.2%}", "99.9 % or more", reached=share >= 0.999),
        _aimed("chunks a second of all runs", f"{found.chunks_a_second:,.0f}"),
        _aimed("chunks joined into a delta", f"{found.chunks_a_delta:.3f}"),
        _aimed("cores that the server kept busy", f"{found.cores:.2f}"),
        _aimed("starts told to come back, that did", f"{found.refused}"),
    ]
    return "\n".join(lines)


def tasks_tables(found: Sequence[TaskFigures]) -> list[str]:
    """A2A: only ours has an aim."""
    tables = []
    for figures in found:
        aim, share = ("under 100" if figures.name == "Headgate" else ""), figures.whole / figures.streams
        lines = [
            f"{figures.streams:,} A2A task streams of an event a second, {figures.name}",
            _aimed("ms from chunk to reader, p50", f"{figures.p50:.1f}"),
            _aimed("ms from chunk to reader, p95", f"{figures.p95:.1f}", aim, reached=figures.p95 < 100),
            _aimed("ms from chunk to reader, p99", f"{figures.p99:.1f}"),
            _aimed("complete", f"{share:.2%}"),
            _aimed("cores that the server kept busy", f"{figures.cores:.2f}"),
        ]
        tables.append("\n".join(lines))
    return tables


def adapters_table(costs: Costs) -> str:
    """Of each wire, where a chunk comes in a read of its own, and where eight come together."""
    lines = [_ROW.format("µs of CPU for a chunk", "Headgate", "official", "ratio", "").rstrip()]
    for cost in costs.wires:
        for what, our, official, aim in (
            ("alone in a read", cost.single, cost.single_official, 50),
            ("eight in a read", cost.several, cost.several_official, 25),
        ):
            note = f"aim {aim}: {'reached' if our <= aim else 'MISSED'}"
            label = f"{cost.provider} beside {cost.client}, {what}"
            lines.append(_ROW.format(label, f"{our:.0f}", f"{official:.0f}", f"{official / our:.1f}", note))
    lines.append(f"of which socket and event loop alone: {costs.socket:.0f} and {costs.socket_several:.0f}")
    return "\n".join(lines)


def gates_table(gates: Sequence[GateCost]) -> str:
    lines = [_ROW.format("ms of CPU of the gate for a start", "median", "least", "", "").rstrip()]
    for cost in gates:
        note = f"aim under 1: {'reached' if cost.median < 1 else 'MISSED'}"
        lines.append(_ROW.format(cost.where, f"{cost.median:.2f}", f"{cost.least:.2f}", "", note))
    return "\n".join(lines)


def _aimed(label: str, value: str, aim: str = "", *, reached: bool = True) -> str:
    note = f"aim {aim}: {'reached' if reached else 'MISSED'}" if aim else ""
    return f"{label:<44}{value:>12}  {note}".rstrip()


def _facts() -> str:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}; {versions}"


def _of(figures: Figures) -> str:
    name = {"sqlite": "SQLite (embedded)", "postgres": "PostgreSQL"}[figures.database]
    aim, aim_with_database = AIMS[figures.database]
    rows = [_ROW.format(name, "Headgate", "baseline", "ratio", "").rstrip()]
    rows.append(_compared(figures, "chunks per CPU-second", "headgate", "baseline", aim))
    if figures.database != "sqlite":
        label = "  with the database server's own CPU"
        rows.append(_compared(figures, label, "with_database", "baseline", aim_with_database))
    rows.append(_compared(figures, "  whole runs, from start to end", "whole_runs", "baseline_whole_runs", 0.0))
    rows += [
        _row("CPU ms to start and end a run", figures.start_ms, figures.baseline_start_ms, "{:.1f}"),
        _row("ms from provider to reader, p50", figures.delay.p50, figures.baseline_delay.p50, "{:.1f}"),
        _row("ms from provider to reader, p99", figures.delay.p99, figures.baseline_delay.p99, "{:.1f}"),
        _row("ms from append to write, p50", figures.append_to_write.p50, None, "{:.1f}"),
        _row("ms from append to write, p99", figures.append_to_write.p99, None, "{:.1f}"),
        _row("chunks joined into a delta", figures.chunks_a_delta, None, "{:.3f}"),
    ]
    if figures.run_kb is not None:
        rows.append(_row("kB an active run with its reader", figures.run_kb, figures.baseline_run_kb, "{:.0f}"))
        rows.append(_row("kB an idle reader", figures.reader_kb, None, "{:.1f}"))
    crowd = figures.crowd
    rows.append(
        f"{crowd.streams} parallel streams of {crowd.chunks} chunks: all complete, ids without gaps "
        f"(provider to reader p50 {figures.crowd_delay.p50:.1f} ms, p99 {figures.crowd_delay.p99:.1f} ms)"
    )
    return "\n".join(rows)


def _compared(figures: Figures, label: str, ours: str, theirs: str, aim: float) -> str:
    ratio = figures.ratio(ours, theirs)
    note = "" if not aim else f"aim {aim:.1f}: {'reached' if ratio >= aim else 'MISSED'}"
    values = (f"{figures.of_pairs(name):,.0f}" for name in (ours, theirs))
    return _ROW.format(label, *values, f"{ratio:.2f}", note).rstrip()


def _row(label: str, ours: float | None, theirs: float | None, form: str) -> str:
    values = ("" if value is None else form.format(value) for value in (ours, theirs))
    return _ROW.format(label, *values, "", "").rstrip()
