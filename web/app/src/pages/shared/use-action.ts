import { useCallback, useEffect, useRef, useState } from "react";

export interface Action<Args extends unknown[], Result> {
  /** What it came to; undefined where it failed, and then `error` says why. */
  run: (...args: Args) => Promise<Result | undefined>;
  busy: boolean;
  error: unknown;
  reset: () => void;
}

/**
 * Something that a button does. Unlike a mutation of TanStack Query it keeps neither what it was called with nor what
 * came of it, because that may be a key.
 */
export function useAction<Args extends unknown[], Result>(
  act: (...args: Args) => Promise<Result>,
): Action<Args, Result> {
  const [state, setState] = useState<{ busy: boolean; error: unknown }>({ busy: false, error: null });
  const latest = useRef(act);
  const mounted = useRef(true);
  useEffect(() => {
    latest.current = act;
  });
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);

  const run = useCallback(async (...args: Args) => {
    setState({ busy: true, error: null });
    try {
      const result = await latest.current(...args);
      if (mounted.current) setState({ busy: false, error: null });
      return result;
    } catch (error) {
      if (mounted.current) setState({ busy: false, error });
      return undefined;
    }
  }, []);
  const reset = useCallback(() => setState({ busy: false, error: null }), []);
  return { run, ...state, reset };
}
