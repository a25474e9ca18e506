export { type ClientOptions, HeadgateClient } from "./client.ts";
export { HeadgateError } from "./errors.ts";
export { isEnd, isFinal, type RunEnd } from "./events.ts";
export type { Connection, FollowOptions } from "./follow.ts";
export type * from "./generated/api.ts";
export type { RunEvent, StoredRunEvent } from "./generated/events.ts";
export type { Asking, Given, Token } from "./http.ts";
export type { StartOptions } from "./runs.ts";
export type { Transport } from "./transport.ts";
