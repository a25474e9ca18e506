import { createContext, createElement, type ReactNode, useContext } from "react";
import type { HeadgateClient } from "../client.ts";

const Context = createContext<HeadgateClient | null>(null);

/** Gives the hooks below it their client. */
export function HeadgateProvider({ client, children }: { client: HeadgateClient; children?: ReactNode }) {
  return createElement(Context.Provider, { value: client }, children);
}

export function useHeadgate(): HeadgateClient {
  const client = useContext(Context);
  if (!client) throw new Error("There is no <HeadgateProvider client={…}> around this component.");
  return client;
}
