import { useEffect, useState } from "react";
import { Button, IconButton } from "./button";
import { CheckIcon, CopyIcon } from "./icons";
import { toast } from "./toast";

/** Copies a text, which may be made at the moment of the click. */
export function CopyButton({
  text,
  label = "Copy",
  words,
}: {
  text: string | (() => string);
  label?: string;
  words?: boolean;
}) {
  const [copied, setCopied] = useState(false);

  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [copied]);

  async function copy() {
    try {
      await navigator.clipboard.writeText(typeof text === "string" ? text : text());
      setCopied(true);
    } catch {
      toast("The browser did not let us copy. Select the text and copy it by hand.", "error");
    }
  }

  const icon = copied ? <CheckIcon className="size-4 text-ok" /> : <CopyIcon className="size-4" />;
  if (words) {
    return (
      <Button size="sm" look="ghost" icon={icon} onClick={copy}>
        {copied ? "Copied" : label}
      </Button>
    );
  }
  return (
    <IconButton label={copied ? "Copied" : label} onClick={copy}>
      {icon}
    </IconButton>
  );
}
