import {
  emptyRun,
  HeadgateClient,
  type RunEvent,
  type RunSnapshot,
  reduce,
  type Token,
  type Transport,
} from "@headgate/client";
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { ask } from "./readme/ask.ts";
import { App } from "./readme/chat.tsx";

/* Runs as they are in life: in Node and in browsers, against Headgate itself. Each answers what it saw, and whoever
   started it says whether that is right. */

export interface World {
  /** Headgate. */
  readonly url: string;
  readonly token: string;
  /** The same with a network between that cuts, or falls silent. */
  readonly cut?: string;
  readonly expired?: string;
  readonly say: string;
  readonly transports?: readonly Transport[];
}

interface Seen {
  readonly text: string;
  readonly outcome: string | null;
  readonly ids: readonly number[];
  readonly reconnects: number;
  readonly transports: readonly Transport[];
}

const QUICK = { backoff: { base: 20, cap: 200 } };

function clientOf({ url, token }: { url: string; token: Token }, more = {}): HeadgateClient {
  return new HeadgateClient({ baseUrl: url, token, ...QUICK, ...more });
}

async function started(client: HeadgateClient, say: string): Promise<string> {
  return (await client.runs.start("chat", { messages: [{ role: "user", content: say }] })).id;
}

async function read(client: HeadgateClient, run: string, transports?: readonly Transport[]): Promise<Seen> {
  let snapshot: RunSnapshot = emptyRun;
  let reconnects = 0;
  const ids: number[] = [];
  const used = new Set<Transport>();
  const events = client.runs.follow(run, {
    ...(transports && { transports }),
    onConnection: (it) => {
      if (it.state === "reconnecting") reconnects += 1;
      if (it.state === "open") used.add(it.transport);
    },
  });
  for await (const event of events) {
    if (event.id !== undefined) ids.push(event.id);
    snapshot = reduce(snapshot, event);
  }
  return { text: snapshot.text, outcome: snapshot.outcome, ids, reconnects, transports: [...used] };
}

const cases = {
  /** The README's examples, as they stand there. */
  async readme(world: World) {
    const asked = await ask(world.url, world.token, world.say);
    return [asked, ...(typeof document === "undefined" ? [] : [await chatted(world)])];
  },

  /** An answer over each transport, and whatever comes of their order. */
  async answers(world: World) {
    const client = clientOf(world);
    const run = await started(client, world.say);
    const seen = [];
    for (const transport of ["stream", "socket", "poll"] as const) seen.push(await read(client, run, [transport]));
    client.close();
    return seen;
  },

  /** Many runs at once, while the page asks other things: a browser allows six connections. */
  async shares(world: World) {
    let sockets = 0;
    class Counted extends WebSocket {
      constructor(url: string | URL) {
        super(url);
        sockets += 1;
      }
    }
    const client = clientOf(world, { WebSocket: Counted });
    const runs = await Promise.all(Array.from({ length: 12 }, () => started(client, world.say)));
    const seen = runs.map((run) => read(client, run, ["socket"]));
    const usage = await client.usage.get();
    const texts = (await Promise.all(seen)).map(({ text }) => text);
    client.close();
    return { sockets, texts, asked: typeof usage };
  },

  /** Pause, resume and cancel in the middle of an answer. */
  async steers(world: World) {
    const client = clientOf(world);
    const run = await started(client, world.say);
    const told: string[] = [];
    let snapshot = emptyRun;
    let after: RunEvent["event"] | undefined;
    for await (const event of client.runs.follow(run)) {
      snapshot = reduce(snapshot, event);
      if (event.event === "message_delta" && !after) {
        after = "message_delta";
        await client.runs.pause(run);
      }
      if (["paused", "resumed", "cancelled"].includes(event.event)) told.push(event.event);
      if (event.event === "paused") await client.runs.resume(run);
      if (event.event === "resumed") await client.runs.cancel(run);
    }
    client.close();
    return { told, outcome: snapshot.outcome, state: (await client.runs.get(run)).state };
  },

  /** Aborting ends the reader and not the run. */
  async aborts(world: World) {
    const client = clientOf(world);
    const run = await started(client, world.say);
    const stop = new AbortController();
    let failed = "";
    try {
      for await (const event of client.runs.follow(run, { signal: stop.signal })) {
        if (event.event === "message_delta") stop.abort();
      }
    } catch (error) {
      failed = (error as Error).name;
    }
    const whole = await read(client, run);
    client.close();
    return { failed, outcome: whole.outcome };
  },

  /** The connection is cut again and again, and once the token has expired. */
  async survives(world: World) {
    const { url, token, cut = url, expired, say, transports } = world;
    let asked = 0;
    let renewed = 0;
    const renew = (refused?: string) => {
      if (refused !== undefined) renewed += 1;
      asked += 1;
      return expired !== undefined && asked >= 5 && !renewed ? expired : token;
    };
    const run = await started(clientOf(world), say);
    const client = clientOf({ url: cut, token: renew });
    const seen = await read(client, run, transports);
    client.close();
    return { ...seen, renewed, final: (await client.runs.get(run)).final_message };
  },

  /** The connection stays open, and nothing comes of it any more. */
  async notices(world: World) {
    const { cut = world.url, token, say, transports } = world;
    const run = await started(clientOf(world), say);
    const client = clientOf({ url: cut, token }, { silence: 700 });
    const seen = await read(client, run, transports);
    client.close();
    return seen;
  },
};

export function run(name: keyof typeof cases, world: World): Promise<unknown> {
  return cases[name](world);
}

/** Types into the React example and waits for what it shows. */
async function chatted(world: World): Promise<string> {
  const place = document.body.appendChild(document.createElement("main"));
  const root = createRoot(place);
  root.render(createElement(App, { client: clientOf(world) }));
  const input = await appears(() => place.querySelector("input"));
  const setter = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set;
  setter?.call(input, world.say);
  input.dispatchEvent(new Event("input", { bubbles: true }));
  place.querySelector("form")?.requestSubmit();
  const answered = () => place.querySelector("output")?.textContent?.includes(world.say) && input.value === "";
  await appears(() => answered() && place.querySelector("button")?.type === "submit");
  const shown = place.textContent ?? "";
  root.unmount();
  return shown;
}

function appears<T>(look: () => T | null | undefined | false | ""): Promise<T> {
  return new Promise((resolve) => {
    const check = () => {
      const found = look();
      if (found) resolve(found);
      else requestAnimationFrame(check);
    };
    check();
  });
}
