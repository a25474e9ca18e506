import type { HeadgateClient } from "./client.ts";
import { HeadgateError } from "./errors.ts";
import type { HistoryEntry, RunView, StartRun } from "./generated/api.ts";
import type { RunFailure } from "./snapshot.ts";
import { type Recent, Store } from "./store.ts";
import { failed, type RunWatch } from "./watch.ts";

export interface SessionState {
  /** The conversation before the run that is shown live. */
  readonly history: readonly HistoryEntry[];
  /** False until the history was read once. */
  readonly loaded: boolean;
  /** The last run, active or just ended, whose parts `history` does not hold. */
  readonly run: string | null;
  /** What the user said that the last run answers. */
  readonly input: string | null;
  /** A start is on its way. */
  readonly starting: boolean;
  /** Why the last start, or reading the history, failed. */
  readonly failure: RunFailure | null;
}

export interface SendOptions extends Pick<StartRun, "model" | "secret_id" | "replaces" | "on_disconnect"> {
  readonly agent?: string;
}

interface Announcement {
  readonly session: string;
}

const PAGE = 1000;
const CHANNEL = "headgate";
const quiet: SessionState = { history: [], loaded: false, run: null, input: null, starting: false, failure: null };

/** One session as a page shows it: its history, and the run that is going on. */
export class Conversation extends Store<SessionState> {
  readonly #client: HeadgateClient;
  readonly #session: string;
  readonly #runs: Recent<RunWatch>;
  #channel: BroadcastChannel | undefined;
  #unlisten: (() => void) | undefined;
  #unwatch: (() => void) | undefined;
  #sent: { readonly agent: string; readonly options: SendOptions } | undefined;

  constructor(client: HeadgateClient, session: string, runs: Recent<RunWatch>) {
    super(quiet);
    this.#client = client;
    this.#session = session;
    this.#runs = runs;
  }

  /** Say something, and follow what comes of it. Throws where the start is refused: what was said is still the caller's. */
  async send(content: string, { agent, ...rest }: SendOptions = {}): Promise<RunView> {
    const options = { agent: agent ?? this.#sent?.agent ?? "chat", ...rest };
    this.set({ starting: true, failure: null });
    try {
      const body: StartRun = { ...rest, session_id: this.#session, messages: [{ role: "user", content }] };
      const run = await this.#client.runs.start(options.agent, body);
      this.#sent = { agent: options.agent, options };
      this.#runs.get(run.id).begun();
      this.#show(run.id, content, rest.replaces ?? null);
      this.#announce();
      return run;
    } catch (error) {
      this.set({ failure: failed(error) });
      // Another tab was faster: what goes on there is shown here too.
      if (error instanceof HeadgateError && error.code === "session_busy") void this.#load();
      throw error;
    } finally {
      this.set({ starting: false });
    }
  }

  /** The same again, or other words in their place: the conversation branches off before that run. */
  async retry(run: string | null = this.get().run, words?: string): Promise<RunView> {
    const id = run ?? this.get().history.findLast((entry) => entry.run_id)?.run_id;
    if (!id) throw new Error("There is no run to repeat.");
    const view = await this.#client.runs.get(id);
    const content = words ?? this.#said(id) ?? view.input;
    if (!content) throw new Error("What that run was asked is not known.");
    const { agent, model, secret_id } = view;
    const again = this.#sent?.options ?? {};
    return this.send(content, { agent, model, ...(secret_id && { secret_id }), ...again, replaces: id });
  }

  /** Read the history again. */
  async reload(): Promise<void> {
    await this.#load();
  }

  protected begin(): void {
    this.#listen();
    void this.#load();
  }

  protected leave(): void {
    this.#channel?.close();
    this.#channel = undefined;
    this.#unlisten?.();
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  #said(run: string): string | null {
    const { run: live, input, history } = this.get();
    if (run === live) return input;
    return history.find((entry) => entry.run_id === run && entry.role === "user")?.content ?? null;
  }

  #listen(): void {
    let missed = false;
    this.#unlisten = this.#client.notices(
      (notice) => {
        const { run, starting } = this.get();
        if (notice.kind !== "run_started" || notice.session_id !== this.#session) return;
        if (notice.run_id !== run && !starting) void this.#load();
      },
      (connected) => {
        if (connected && missed) void this.#load();
        missed = !connected;
      },
    );
    if (typeof BroadcastChannel === "undefined" || this.#channel) return;
    this.#channel = new BroadcastChannel(CHANNEL);
    // In Node it would keep the process alive.
    (this.#channel as { unref?: () => void }).unref?.();
    this.#channel.onmessage = ({ data }: MessageEvent<Announcement>) => {
      if (data.session === this.#session) void this.#load();
    };
  }

  #announce(): void {
    this.#channel?.postMessage({ session: this.#session } satisfies Announcement);
  }

  async #load(): Promise<void> {
    const before = this.get().run;
    try {
      const active = await this.#client.runs.list({ query: { state: "active", session_id: this.#session, limit: 1 } });
      const history = await this.#read();
      const [run] = active.items;
      // Something was sent meanwhile, so this tells of what is past.
      if (this.get().starting || this.get().run !== before) return;
      if (run) {
        this.set({ history, loaded: true, failure: null });
        this.#show(run.id, run.input ?? null, run.replaces);
      } else {
        // A run that ended is in the history now: it is shown from its log as long as nothing follows it.
        this.#settle(history);
      }
    } catch (error) {
      const unknown = error instanceof HeadgateError && error.status === 404;
      // A session begins with its first run.
      this.set(unknown ? { loaded: true, failure: null } : { failure: failed(error) });
    }
  }

  async #read(): Promise<HistoryEntry[]> {
    const entries: HistoryEntry[] = [];
    for (;;) {
      const page = await this.#client.sessions.history(this.#session, { limit: PAGE, offset: entries.length });
      entries.push(...page.items);
      if (!page.items.length || entries.length >= page.total) return entries;
    }
  }

  /** Everything before the live run. */
  #settle(history: readonly HistoryEntry[]): void {
    const { run } = this.get();
    const at = run === null ? -1 : history.findIndex((entry) => entry.run_id === run);
    const last = history.at(-1)?.run_id ?? null;
    if (at >= 0 && last === run) this.set({ history: history.slice(0, at), loaded: true, failure: null });
    else this.set({ history, run: null, input: null, loaded: true, failure: null });
  }

  #show(run: string, input: string | null, replaces: string | null): void {
    const before = this.get();
    const past =
      before.run === null || before.run === run || before.run === replaces ? [] : this.#past(before.run, before.input);
    const all = [...before.history, ...past];
    const from = replaces === null ? -1 : all.findIndex((entry) => entry.run_id === replaces);
    const cut = from < 0 ? all.findIndex((entry) => entry.run_id === run) : from;
    this.set({ history: cut < 0 ? all : all.slice(0, cut), run, input, loaded: true });
    if (before.run === run && this.#unwatch) return;
    this.#unwatch?.();
    const watch = this.#runs.get(run);
    const ended = () => {
      if (watch.get().outcome) this.#announce();
    };
    this.#unwatch = watch.subscribe(ended);
  }

  /** What the run before said, as the history will have it, so that nothing flickers until that was read. */
  #past(run: string, input: string | null): HistoryEntry[] {
    const { parts, outcome } = this.#runs.get(run).get();
    const entry = { seq: 0, created_at: "", run_id: run };
    const said = parts.flatMap((part): HistoryEntry[] => {
      if (part.kind === "text")
        return [{ ...entry, role: "assistant", content: part.content, partial: outcome !== "completed" }];
      if (part.kind !== "tool") return [];
      const call = { ...entry, tool_call_id: part.id, tool_name: part.name };
      const result = part.result;
      return [
        { ...call, role: "assistant", content: "", arguments: part.arguments },
        ...(result ? [{ ...call, role: "tool", content: text(result.output), is_error: result.isError }] : []),
      ];
    });
    return [...(input === null ? [] : [{ ...entry, role: "user", content: input }]), ...said];
  }
}

function text(output: unknown): string {
  return typeof output === "string" ? output : JSON.stringify(output);
}
