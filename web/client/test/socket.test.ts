import { describe, expect, test, vi } from "vitest";
import { HeadgateClient, type Notice, type RunEvent } from "../src/index.ts";
import { begun, numbered, usage } from "./events.ts";
import { Scripted } from "./server.ts";
import { fakeSockets, type Peer } from "./sockets.ts";

const log = numbered([
  begun,
  { event: "message_delta", data: { content: "Milk" } },
  { event: "message_delta", data: { content: "." } },
  { event: "completed", data: { final_message: "Milk.", usage, finish_reason: "stop" } },
]);
const SOCKET = { transports: ["socket"] } as const;
const running = { state: "running", last_seq: 0 };

function clientOf(
  WebSocket: typeof globalThis.WebSocket,
  options: ConstructorParameters<typeof HeadgateClient>[0] = {},
) {
  const backoff = { base: 1, cap: 2 };
  return new HeadgateClient({
    baseUrl: "http://headgate",
    token: "t",
    fetch: new Scripted().fetch,
    WebSocket,
    backoff,
    silence: 150,
    ...options,
  });
}

function tell(peer: Peer, run: string, events: readonly RunEvent[]): void {
  for (const event of events) peer.say({ run_id: run, ...event });
}

async function all(events: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
  const read: RunEvent[] = [];
  for await (const event of events) read.push(event);
  return read;
}

/** Lets everybody in, and tells each run that is followed from where it was asked to. */
function honest(upTo = log.length) {
  return fakeSockets(({ op, ref, run_id, after = 0 }, peer) => {
    peer.say({ ref, ok: op === "follow" ? running : true });
    if (op === "follow" && run_id) tell(peer, run_id, log.slice(after, upTo));
  });
}

describe("the shared socket", () => {
  test("carries many runs at once", async () => {
    const { peers, WebSocket } = honest();
    const client = clientOf(WebSocket);

    const read = await Promise.all(Array.from({ length: 20 }, (_, n) => all(client.runs.follow(`r${n}`, SOCKET))));

    expect(read).toEqual(Array(20).fill(log));
    expect(peers).toHaveLength(1);
    expect(peers[0]?.heard[0]).toMatchObject({ op: "auth", token: "t" });
    client.close();
  });

  test("gives two readers of one run each all of it", async () => {
    const { WebSocket } = honest();
    const client = clientOf(WebSocket);

    const [first, second] = await Promise.all([
      all(client.runs.follow("r", SOCKET)),
      all(client.runs.follow("r", { ...SOCKET, after: 2 })),
    ]);

    expect(first).toEqual(log);
    expect(second).toEqual(log.slice(2));
    client.close();
  });

  test("comes back after the last id when the server restarts", async () => {
    let cut = 0;
    const { peers, WebSocket } = fakeSockets(({ op, ref, run_id, after = 0 }, peer) => {
      peer.say({ ref, ok: op === "follow" ? running : true });
      if (op !== "follow" || !run_id) return;
      tell(peer, run_id, log.slice(after, after + 1));
      if (after < log.length - 1) {
        cut += 1;
        peer.close(1012);
      }
    });
    const client = clientOf(WebSocket);

    expect(await all(client.runs.follow("r", SOCKET))).toEqual(log);

    expect(cut).toBe(3);
    expect(peers.map(({ heard }) => heard[1]?.after)).toEqual([0, 1, 2, 3]);
    client.close();
  });

  test("renews a token that it was refused with, and gives up where that is refused too", async () => {
    const { WebSocket } = fakeSockets(({ op, ref, token, run_id }, peer) => {
      if (op === "auth" && token !== "new") {
        peer.say({ ref, error: { status: 401, code: "token_expired", detail: "It has expired." } });
        return peer.close(4401);
      }
      peer.say({ ref, ok: op === "follow" ? running : true });
      if (op === "follow" && run_id) tell(peer, run_id, log);
    });
    const renewing = clientOf(WebSocket, { token: (refused) => (refused ? "new" : "old") });
    const helpless = clientOf(WebSocket, { token: "old" });

    expect(await all(renewing.runs.follow("r", SOCKET))).toEqual(log);
    await expect(all(helpless.runs.follow("r", SOCKET))).rejects.toMatchObject({ status: 401 });
    renewing.close();
  });

  test("is given up when nothing answers any more", async () => {
    let silent = true;
    const { peers, WebSocket } = fakeSockets(({ op, ref, run_id }, peer) => {
      if (op === "ping" && silent) return;
      peer.say({ ref, ok: op === "follow" ? running : true });
      if (op !== "follow" || !run_id) return;
      tell(peer, run_id, log.slice(0, peers.length === 1 ? 2 : log.length));
      silent = peers.length === 1;
    });
    const client = clientOf(WebSocket);

    expect(await all(client.runs.follow("r", SOCKET))).toEqual(log);

    expect(peers).toHaveLength(2);
    expect(peers[0]?.heard.some(({ op }) => op === "ping")).toBe(true);
    client.close();
  });

  test("says what the server refuses", async () => {
    const { WebSocket } = fakeSockets(({ op, ref }, peer) =>
      peer.say(
        op === "follow"
          ? { ref, error: { status: 404, code: "run_not_found", detail: "No such run." } }
          : { ref, ok: true },
      ),
    );
    const client = clientOf(WebSocket);
    await expect(all(client.runs.follow("r", SOCKET))).rejects.toMatchObject({ code: "run_not_found" });
    client.close();
  });

  test("leaves a run that nobody reads any more", async () => {
    const { peers, WebSocket } = honest(2);
    const client = clientOf(WebSocket);
    for await (const event of client.runs.follow("r", SOCKET)) if (event.id === 2) break;
    expect(peers[0]?.heard.map(({ op }) => op)).toEqual(["auth", "follow", "unfollow"]);
    client.close();
  });

  test("is no reason to wait for a run of which nothing is left", async () => {
    const { WebSocket } = fakeSockets(({ op, ref }, peer) =>
      peer.say({ ref, ok: op === "follow" ? { state: "completed", last_seq: log.length } : true }),
    );
    const client = clientOf(WebSocket);
    expect(await all(client.runs.follow("r", { ...SOCKET, after: log.length }))).toEqual([]);
    client.close();
  });

  test("is left for the next transport where it cannot be had", async () => {
    const { peers, WebSocket } = fakeSockets((_, peer) => peer.close(1006));
    const view = {
      id: "r",
      session_id: "s",
      state: "completed",
      last_seq: 4,
      final_message: "Milk.",
      usage,
      error: null,
    };
    const server = new Scripted().always(Response.json(view));
    const client = clientOf(WebSocket, { fetch: server.fetch });

    const read = await all(client.runs.follow("r", { transports: ["socket", "poll"] }));

    expect(read).toMatchObject([{ event: "reset", data: { text: "Milk." } }]);
    expect(peers).toHaveLength(3);
  });

  test("tells its user's notices for as long as somebody listens, over connections that break", async () => {
    const begun: Notice = { kind: "run_started", detail: "", run_id: "r", session_id: "s", agent: "chat" };
    const { peers, WebSocket } = fakeSockets(({ ref }, peer) => peer.say({ ref, ok: true }));
    const client = clientOf(WebSocket);
    const told: (Notice | boolean)[] = [];
    let opened = (): void => undefined;
    const again = () => new Promise<void>((resolve) => (opened = resolve));

    let connected = again();
    const stop = client.notices(
      (notice) => told.push(notice),
      (connected) => {
        told.push(connected);
        if (connected) opened();
      },
    );
    await connected;
    connected = again();
    peers[0]?.say({ notice: begun });
    await new Promise((resolve) => setTimeout(resolve));
    peers[0]?.close(1012);
    await connected;
    stop();
    peers[1]?.say({ notice: begun });
    await new Promise((resolve) => setTimeout(resolve));

    expect(told).toEqual([true, begun, false, true]);
    client.close();
  });

  test("is not asked for notices again by a login that is over", async () => {
    const { peers, WebSocket } = fakeSockets((_, peer) => peer.close(4401));
    const asked: (string | undefined)[] = [];
    const token = (refused?: string) => {
      asked.push(refused);
      return "t";
    };
    const client = clientOf(WebSocket, { token });

    client.notices(() => undefined);
    await vi.waitFor(() => expect(asked).toEqual([undefined, "t"]));

    expect(peers).toHaveLength(1);
    client.close();
  });
});
