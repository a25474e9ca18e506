/** Does it when the page has nothing else to do; what this returns calls it off. */
export function whenIdle(what: () => void): () => void {
  // Safari has no idle callbacks.
  if (typeof requestIdleCallback === "undefined") {
    const timer = setTimeout(what, 300);
    return () => clearTimeout(timer);
  }
  const handle = requestIdleCallback(what, { timeout: 2000 });
  return () => cancelIdleCallback(handle);
}
