import { Broken, HeadgateError } from "./errors.ts";
import { isEnd, isFinal } from "./events.ts";
import type { Notice, RunView } from "./generated/api.ts";
import type { RunEvent } from "./generated/events.ts";
import type { Http } from "./http.ts";
import type { Reading } from "./transport.ts";

const LINGER = 5000;
const REFUSED = 4401;

type Said =
  | { notice: Notice }
  | { ref: number; ok: unknown }
  | { ref: number; error: Record<string, unknown> & { status: number } }
  | ({ run_id: string } & (RunEvent | { event: "end"; data: { reason: string } }));

/** What one reader has been told and has not read yet. */
interface Feed {
  after: number;
  readonly events: RunEvent[];
  /** The feed is over: well (null), or for this reason. */
  over?: Error | null;
  wake(): void;
}

export type Listening = Pick<Reading, "signal" | "silence" | "opened">;

/** One WebSocket for all the runs that somebody follows, open for as long as somebody does. */
export class SharedSocket {
  readonly #http: Http;
  readonly #WebSocket: typeof WebSocket;
  #link: Promise<Link> | undefined;
  #refused: string | undefined;

  constructor(http: Http, kind: typeof WebSocket) {
    this.#http = http;
    this.#WebSocket = kind;
  }

  /** A run's events over the shared socket. */
  async *read({ run, after, signal, silence, opened }: Reading): AsyncGenerator<RunEvent> {
    const feed: Feed = { after, events: [], wake: () => undefined };
    const aborted = () => end(feed, signal.reason);
    signal.throwIfAborted();
    signal.addEventListener("abort", aborted);
    let link: Link | undefined;
    try {
      this.#link ??= this.#connect(silence);
      link = await this.#link;
      signal.throwIfAborted();
      opened(await link.follow(run, feed));
      for (;;) {
        yield* feed.events.splice(0);
        if (feed.events.length) continue;
        if (feed.over) throw feed.over;
        if (feed.over === null) return;
        await new Promise<void>((resolve) => {
          feed.wake = resolve;
        });
      }
    } finally {
      signal.removeEventListener("abort", aborted);
      link?.leave(run, feed);
    }
  }

  /** What concerns the user, until the signal is aborted, for which it does not throw, or the connection is lost. */
  async listen(heard: (notice: Notice) => void, { signal, silence, opened }: Listening): Promise<void> {
    this.#link ??= this.#connect(silence);
    const link = await this.#link;
    if (signal.aborted) return link.rest();
    opened();
    await link.listen(heard, signal);
  }

  close(): void {
    void this.#link?.then(
      (link) => link.close(),
      () => undefined,
    );
  }

  async #connect(silence: number): Promise<Link> {
    try {
      const token = await this.#http.token(this.#refused);
      // A second refusal, or no other token to show: coming again is of no use.
      if (this.#refused !== undefined && (token === undefined || token === this.#refused)) {
        this.#refused = undefined;
        throw new HeadgateError(401, { code: "invalid_token", detail: "The access token was refused." });
      }
      return await new Promise<Link>((resolve, reject) => {
        const link: Link = new Link(new this.#WebSocket(this.#http.socket), token, silence, {
          ready: () => {
            this.#refused = undefined;
            resolve(link);
          },
          gone: (code, why) => {
            this.#link = undefined;
            if (code === REFUSED) this.#refused = token;
            reject(why);
          },
        });
      });
    } catch (error) {
      this.#link = undefined;
      throw error;
    }
  }
}

function end(feed: Feed, why: Error | null): void {
  if (feed.over === undefined) feed.over = why;
  feed.wake();
}

interface Fate {
  ready(): void;
  gone(code: number, why: Error): void;
}

class Link {
  readonly #socket: WebSocket;
  readonly #silence: number;
  readonly #fate: Fate;
  readonly #feeds = new Map<string, Set<Feed>>();
  readonly #asked = new Map<number, { ok(value: unknown): void; no(error: Error): void }>();
  readonly #ears = new Map<(notice: Notice) => void, (why: Error) => void>();
  #ref = 0;
  #heard = Date.now();
  #lonely: ReturnType<typeof setTimeout> | undefined;
  readonly #pulse: ReturnType<typeof setInterval>;
  #gone = false;

  constructor(socket: WebSocket, token: string | undefined, silence: number, fate: Fate) {
    this.#socket = socket;
    this.#silence = silence;
    this.#fate = fate;
    socket.onopen = () => {
      const refused = (error: Error) => {
        const code = error instanceof HeadgateError && error.status === 401 ? REFUSED : 0;
        this.#end(code, code ? new Broken("The token was refused.") : error);
      };
      this.#ask({ op: "auth", token }).then(fate.ready, refused);
    };
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(String(data)) as Said);
    socket.onclose = ({ code }) => this.#end(code, new Broken(`The socket was closed (${code}).`));
    socket.onerror = () => this.#end(0, new Broken("The socket failed."));
    // A page cannot see the protocol's own pings, so it asks for a sign of life itself.
    this.#pulse = setInterval(() => this.#check(), silence / 3);
  }

  /** The number of its last event. */
  async follow(run: string, feed: Feed): Promise<number> {
    clearTimeout(this.#lonely);
    const feeds = this.#feeds.get(run) ?? new Set();
    this.#feeds.set(run, feeds.add(feed));
    // The server follows a run once: from where the reader stands that knows least. The others drop what they know.
    const after = Math.min(...[...feeds].map((each) => each.after));
    const view = (await this.#ask({ op: "follow", run_id: run, after })) as RunView;
    if (isFinal(view.state) && view.last_seq === feed.after) end(feed, null);
    return view.last_seq;
  }

  leave(run: string, feed: Feed): void {
    const feeds = this.#feeds.get(run);
    if (!feeds?.delete(feed) || feeds.size) return;
    this.#feeds.delete(run);
    if (this.#gone) return;
    if (!feed.events.some(isEnd) && feed.over !== null) {
      this.#ask({ op: "unfollow", run_id: run }).catch(() => undefined);
    }
    this.rest();
  }

  listen(heard: (notice: Notice) => void, signal: AbortSignal): Promise<void> {
    clearTimeout(this.#lonely);
    return new Promise((done, lost) => {
      this.#ears.set(heard, lost);
      signal.addEventListener("abort", () => {
        this.#ears.delete(heard);
        this.rest();
        done();
      });
    });
  }

  /** Where nobody needs the connection it is closed in a while. */
  rest(): void {
    clearTimeout(this.#lonely);
    if (!this.#feeds.size && !this.#ears.size) this.#lonely = setTimeout(() => this.close(), LINGER);
  }

  close(): void {
    this.#end(1000, new Broken("The socket was closed."));
  }

  #ask(message: Record<string, unknown>): Promise<unknown> {
    return new Promise((ok, no) => {
      if (this.#gone) return no(new Broken("The socket was closed."));
      this.#ref += 1;
      this.#asked.set(this.#ref, { ok, no });
      this.#socket.send(JSON.stringify({ ...message, ref: this.#ref }));
    });
  }

  #hear(said: Said): void {
    this.#heard = Date.now();
    if ("notice" in said) {
      for (const heard of this.#ears.keys()) heard(said.notice);
    } else if ("run_id" in said) {
      for (const feed of this.#feeds.get(said.run_id) ?? []) tell(feed, said);
    } else if ("ref" in said) {
      const asked = this.#asked.get(said.ref);
      this.#asked.delete(said.ref);
      if ("ok" in said) asked?.ok(said.ok);
      else asked?.no(new HeadgateError(said.error.status, said.error, waitOf(said.error)));
    }
  }

  #check(): void {
    const quiet = Date.now() - this.#heard;
    if (quiet > this.#silence) this.#end(0, new Broken("The socket fell silent."));
    else if (quiet > this.#silence / 3 && this.#socket.readyState === 1) {
      this.#ask({ op: "ping" }).catch(() => undefined);
    }
  }

  #end(code: number, why: Error): void {
    if (this.#gone) return;
    this.#gone = true;
    clearInterval(this.#pulse);
    clearTimeout(this.#lonely);
    this.#socket.close();
    this.#fate.gone(code, why);
    for (const asked of this.#asked.values()) asked.no(why);
    for (const lost of this.#ears.values()) lost(why);
    for (const feeds of this.#feeds.values()) for (const feed of feeds) end(feed, why);
  }
}

function tell(feed: Feed, { run_id: _, ...said }: Extract<Said, { run_id: string }>): void {
  if (said.event === "end") {
    end(feed, new Broken("The run cannot be read on just now."));
    return;
  }
  if (said.id !== undefined) feed.after = said.id;
  feed.events.push(said);
  feed.wake();
}

function waitOf({ retry_after: seconds }: Record<string, unknown>): number | undefined {
  return typeof seconds === "number" ? seconds * 1000 : undefined;
}
