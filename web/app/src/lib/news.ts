import type { Notice } from "@headgate/client";
import { useSyncExternalStore } from "react";
import { client } from "./client";
import { queryClient } from "./query";

/* The user's runs that begin and end, in whichever tab or program: what this page shows of them is fetched again. */

const listeners = new Set<() => void>();
let isTold = false;

/** From now on, until what it returns is called. */
export function watchRuns(): () => void {
  let missed = [["runs"], ["newest-runs"]];
  const stop = client.notices(heard, (connected) => {
    // What happened while nothing was told: at first since the page was loaded, a moment ago.
    if (connected) fetchAgain(...missed);
    missed = [["runs"], ["newest-runs"], ["history"], ["sessions"]];
    told(connected);
  });
  return () => {
    stop();
    told(false);
  };
}

function told(to: boolean) {
  isTold = to;
  for (const listener of listeners) listener();
}

function heard(notice: Notice) {
  if (notice.kind !== "run_started" && notice.kind !== "run_ended") return;
  const { session_id: session } = notice;
  fetchAgain(["runs", session], ["newest-runs"], ["history", session], ["sessions"], ["usage"]);
}

function fetchAgain(...keys: string[][]) {
  for (const queryKey of keys) void queryClient.invalidateQueries({ queryKey });
}

/** How often to look for news in milliseconds: only as long as nothing tells of them. */
export function useLook(every: number): number | false {
  const isBlind = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => !isTold,
  );
  return isBlind && every;
}
