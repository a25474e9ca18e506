import { type RefObject, useCallback, useEffect, useRef, useState } from "react";

/** So near to the end counts as being there. */
const NEAR = 48;

/** Keeps the end of a growing content in view, until the user scrolls up; coming back to the end takes it up again. */
export function useStickToEnd(container: RefObject<HTMLElement | null>, content: RefObject<HTMLElement | null>) {
  const [isAtEnd, setAtEnd] = useState(true);
  const pinned = useRef(true);
  const lastTop = useRef(0);

  const toEnd = useCallback(() => {
    const element = container.current;
    if (!element) return;
    pinned.current = true;
    setAtEnd(true);
    element.scrollTop = element.scrollHeight;
  }, [container]);

  useEffect(() => {
    const element = container.current;
    const inner = content.current;
    if (!element || !inner) return;

    const scrolled = () => {
      const near = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
      // Only a move upwards lets go: when the content shrinks or grows, the position changes by itself.
      if (near) pinned.current = true;
      else if (element.scrollTop < lastTop.current - 2) pinned.current = false;
      lastTop.current = element.scrollTop;
      setAtEnd(pinned.current || near);
    };
    const grown = new ResizeObserver(() => {
      if (pinned.current) element.scrollTop = element.scrollHeight;
    });
    element.addEventListener("scroll", scrolled, { passive: true });
    grown.observe(inner);
    grown.observe(element);
    return () => {
      element.removeEventListener("scroll", scrolled);
      grown.disconnect();
    };
  }, [container, content]);

  return { isAtEnd, toEnd };
}
