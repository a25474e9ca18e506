import { Fragment, type ReactNode, useEffect, useReducer } from "react";
import { CopyButton } from "../ui/copy-button";
import type { Colour } from "./highlight";

type Node = ReturnType<Colour>["children"][number];

/** Colouring reads the whole block again, so a long one waits until it is whole. */
const LIVE_LIMIT = 6_000;
const LIMIT = 60_000;
/** By the name that stands at a block; null where there are none. */
const loaded = new Map<string, Colour | null>();

/** Code with its language, a button to copy it, and colours that come when the colouring is loaded. */
export function CodeBlock({ code, language, open }: { code: string; language: string; open: boolean }) {
  const name = /^[\w+#.-]{1,20}/.exec(language)?.[0] ?? "";
  const coloured = useColours(code, name, open);
  return (
    <div className="code-block">
      <div className="flex items-center justify-between border-b border-line px-3 py-1 text-xs text-muted">
        <span>{name || "code"}</span>
        <CopyButton text={code} label="Copy code" />
      </div>
      <pre tabIndex={0} role="group" aria-label={`Code${name && `, ${name}`}`}>
        <code>{coloured}</code>
      </pre>
    </div>
  );
}

function useColours(code: string, language: string, open: boolean): ReactNode {
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const colour = loaded.get(language);

  useEffect(() => {
    if (!language || loaded.has(language)) return;
    let wanted = true;
    void import("./highlight")
      .then(({ colours }) => colours(language))
      .catch(() => null) // without a connection it stays plain
      .then((found) => {
        loaded.set(language, found);
        if (wanted) redraw();
      });
    return () => {
      wanted = false;
    };
  }, [language]);

  if (!colour || code.length > (open ? LIVE_LIMIT : LIMIT)) return code;
  // The line that is being written takes its colours when it is whole: half a word has others.
  const whole = open ? code.lastIndexOf("\n") + 1 : code.length;
  return (
    <>
      {nodes(colour(code.slice(0, whole)).children)}
      {code.slice(whole)}
    </>
  );
}

function nodes(list: readonly Node[]): ReactNode {
  return list.map((node, index) => {
    if (node.type === "text") return <Fragment key={index}>{node.value}</Fragment>;
    if (node.type !== "element") return null;
    const classes = node.properties["className"];
    return (
      <span key={index} className={Array.isArray(classes) ? classes.join(" ") : undefined}>
        {nodes(node.children as Node[])}
      </span>
    );
  });
}
