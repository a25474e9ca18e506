import { QueryClient } from "@tanstack/react-query";
import { problemOf } from "./problems";

/** Tried again only where the same request may succeed: a refusal stays one. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      retry: (failures, error) => failures < 2 && (problemOf(error).status ?? 503) >= 500,
    },
  },
});
