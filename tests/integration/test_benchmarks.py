"""The benchmarks' own parts, with tiny numbers: a comparison that does not run any more compares nothing."""

import re
from pathlib import Path

import pytest

from benchmarks import servers
from benchmarks.comparison import Delay, Figures, Pair
from benchmarks.load import open_stream
from benchmarks.measures import Broken, Load, flow, start_cost
from benchmarks.report import table

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
