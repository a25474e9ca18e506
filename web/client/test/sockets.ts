/** Plays the server's side of a WebSocket. */
export interface Peer {
  readonly heard: { op: string; ref: number; run_id?: string; after?: number; token?: string }[];
  say(message: unknown): void;
  close(code: number): void;
}

/** A WebSocket constructor whose sockets talk to `serve`, called with each message of the page. */
export function fakeSockets(serve: (message: Peer["heard"][number], peer: Peer) => void) {
  const peers: Peer[] = [];
  class FakeSocket {
    readyState = 0;
    onopen?: () => void;
    onmessage?: (event: { data: string }) => void;
    onclose?: (event: { code: number }) => void;
    onerror?: () => void;
    readonly #peer: Peer;

    constructor(readonly url: string) {
      this.#peer = {
        heard: [],
        say: (message) =>
          queueMicrotask(() => this.readyState === 1 && this.onmessage?.({ data: JSON.stringify(message) })),
        close: (code) => queueMicrotask(() => this.#closed(code)),
      };
      peers.push(this.#peer);
      queueMicrotask(() => {
        this.readyState = 1;
        this.onopen?.();
      });
    }

    send(data: string): void {
      const message = JSON.parse(data);
      this.#peer.heard.push(message);
      serve(message, this.#peer);
    }

    close(): void {
      this.#closed(1000);
    }

    #closed(code: number): void {
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.onclose?.({ code });
    }
  }
  return { peers, WebSocket: FakeSocket as unknown as typeof WebSocket };
}
