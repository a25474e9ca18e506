/** Something that changes and says so: what `useSyncExternalStore` wants, and nothing of React. */
export abstract class Store<State> {
  readonly #listeners = new Set<() => void>();
  #state: State;
  #leaving: ReturnType<typeof setTimeout> | undefined;

  constructor(state: State) {
    this.#state = state;
  }

  readonly get = (): State => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    clearTimeout(this.#leaving);
    this.#leaving = undefined;
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.begin();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size) return;
      // A page that is left for another view of the same thing comes back within a moment.
      this.#leaving = setTimeout(() => this.leave(), 1000);
    };
  };

  protected set(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of [...this.#listeners]) listener();
  }

  /** Somebody looks, possibly again. */
  protected abstract begin(): void;
  /** Nobody looks any more. */
  protected abstract leave(): void;
}

/** The `size` things that were used last. */
export class Recent<Value> {
  readonly #kept = new Map<string, Value>();
  readonly #size: number;
  readonly #make: (key: string) => Value;

  constructor(size: number, make: (key: string) => Value) {
    this.#size = size;
    this.#make = make;
  }

  get(key: string): Value {
    const value = this.#kept.get(key) ?? this.#make(key);
    this.#kept.delete(key);
    this.#kept.set(key, value);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > this.#size && oldest !== undefined) this.#kept.delete(oldest);
    return value;
  }

  delete(key: string): void {
    this.#kept.delete(key);
  }
}
