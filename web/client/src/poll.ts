import { isFinal } from "./events.ts";
import type { RunEvent } from "./generated/events.ts";
import type { Http } from "./http.ts";
import { type Reading, Retreat } from "./transport.ts";
import { sleep } from "./waiting.ts";

const EVERY = 1500;

/** Without a stream: asks how the run is until it has ended, and then tells all that it said as one `reset`. */
export async function* byPolling(http: Http, { run, signal, patience, opened }: Reading): AsyncGenerator<RunEvent> {
  const until = Date.now() + patience;
  for (;;) {
    const view = await http.request("GET /api/runs/{run_id}", { path: { run_id: run }, signal });
    opened();
    if (isFinal(view.state)) {
      const text = view.final_message ?? "";
      yield { event: "reset", data: { reason: "log_purged", run: view, text, next_seq: view.last_seq + 1 } };
      return;
    }
    if (Date.now() >= until) throw new Retreat();
    await sleep(EVERY, signal);
  }
}
