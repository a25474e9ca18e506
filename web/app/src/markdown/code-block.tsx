import { Fragment, type ReactNode, useEffect, useState } from "react";
import { CopyButton } from "../ui/copy-button";
import type { highlight } from "./highlight";

type Highlight = typeof highlight;
type Node = ReturnType<Highlight>["children"][number];

/** Colouring reads the whole block again, so a long one waits until it is whole. */
const LIVE_LIMIT = 6_000;
const LIMIT = 60_000;
let loaded: Highlight | null = null;

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
  const [highlight, setHighlight] = useState<Highlight | null>(() => loaded);

  useEffect(() => {
    if (highlight || !language) return;
    let wanted = true;
    void import("./highlight").then((module) => {
      loaded = module.highlight;
      if (wanted) setHighlight(() => module.highlight);
    });
    return () => {
      wanted = false;
    };
  }, [highlight, language]);

  if (!highlight || !language || code.length > (open ? LIVE_LIMIT : LIMIT)) return code;
  // The line that is being written takes its colours when it is whole: half a word has others.
  const whole = open ? code.lastIndexOf("\n") + 1 : code.length;
  return (
    <>
      {nodes(highlight(code.slice(0, whole), language).children)}
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
