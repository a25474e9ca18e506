"""The benchmarks' own parts, with tiny numbers: a comparison that does not run any more compares nothing."""

import asyncio
import re
from pathlib import Path

import pytest

from benchmarks import servers
from benchmarks.comparison import Delay, Figures, Pair
from benchmarks.crowd import Crowd, Plan, crowd
from benchmarks.load import admitted, get, open_stream
from benchmarks.measures import Broken, Load, flow, start_cost
from benchmarks.report import crowd_table, table

pytestmark = pytest.mark.timeout(90)


async def test_both_servers_stream_the_same_and_are_measured_at_the_same_time(tmp_path: Path) -> None:
    with (
        servers.provider(tmp_path) as provider,
        servers.baseline(tmp_path, provider) as plain,
        servers.headgate(tmp_path, provider) as ours,
    ):
        ours.tokens = await servers.sign_up(ours.url, 2)
        both = [ours, plain]
        texts = []
        for server in both:
            stream = await open_stream(server.url, server.request("5x1", 0), keeps_text=True)
            await stream.done
            texts.append(re.sub(r"\d{16}", "now", stream.said))
        flows = await flow(both, Load(3, 8, 5))
        costs = await start_cost(both, 4)
        with pytest.raises(Broken, match=r"baseline: stream 0 .* 5 of 6 chunks"):
            await flow([plain], Load(1, 6, 5), model="5x5")

    assert texts == [" ~now" * 5] * 2
    assert [each.whole.chunks for each in flows] == [24, 24]
    assert all(each.whole.cpu > 0 for each in flows)
    assert all(delay > 0 for each in flows for delay in each.delays)
    assert len(costs) == 2


def test_the_table_says_whether_an_aim_is_reached() -> None:
    pairs = [
        Pair(headgate=ratio * 1000, with_database=2400, whole_runs=2000, baseline=1000, baseline_whole_runs=1000)
        for ratio in (2.0, 3.2, 9.0)
    ]
    delay = Delay(p50=1, p99=2)
    figures = Figures(
        database="postgres",
        pairs=pairs,
        chunks_a_delta=1,
        delay=delay,
        baseline_delay=delay,
        append_to_write=delay,
        start_ms=8,
        baseline_start_ms=5,
        crowd=Load(200, 200, 50),
        crowd_delay=delay,
    )

    lines = table([figures]).splitlines()

    assert next(line for line in lines if line.startswith("chunks per CPU-second")).endswith("3.20  aim 3.0: reached")
    assert next(line for line in lines if "own CPU" in line).endswith("2.40  aim 2.5: MISSED")


async def test_a_busy_server_is_asked_again_when_it_said_so() -> None:
    answers = [
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop(0))
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        stream, refused = await admitted(url, get(url, "/"))
        await stream.done

    assert (stream.status, refused, answers) == (200, 1, [])


async def test_a_crowd_is_measured_while_all_of_it_is_active() -> None:
    found = await crowd(Plan(runs=5, a_second=10, starting_seconds=0.2, users=1, steady_seconds=1))

    assert (found.whole, found.refused) == (5, 0)
    assert 0 < found.p50 <= found.p99
    assert found.chunks_a_second > 0


def test_the_table_of_a_crowd_says_whether_its_aims_are_reached() -> None:
    found = Crowd(
        runs=1000,
        a_second=5,
        p50=20,
        p99=101,
        run_kb=150,
        whole=999,
        refused=3,
        steady_seconds=20,
        chunks_a_second=5000,
        chunks_a_delta=1,
        cores=0.9,
    )

    lines = crowd_table(found).splitlines()

    assert next(line for line in lines if "p99" in line).endswith("101.0  aim under 100: MISSED")
    assert next(line for line in lines if "complete" in line).endswith("99.90%  aim 99.9 % or more: reached")
