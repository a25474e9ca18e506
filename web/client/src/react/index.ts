export { begun, forget } from "../cache.ts";
export type { SendOptions, SessionState } from "../conversation.ts";
export type { RunState, RunStatus, Seen } from "../watch.ts";
export { HeadgateProvider, useHeadgate } from "./context.ts";
export { type RunControls, type UseRun, useRun } from "./useRun.ts";
export { type UseSession, useSession } from "./useSession.ts";
