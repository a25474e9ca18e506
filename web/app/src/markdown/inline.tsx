import { Fragment, type ReactNode } from "react";
import type { Token, Tokens } from "./blocks";
import { decoded } from "./entities";
import { safeHref } from "./safe";

/** Words within a block. What is not on the list is shown as the text it was written as. */
export function inline(tokens: readonly Token[] | undefined): ReactNode {
  return tokens?.map((token, index) => <Fragment key={index}>{element(token)}</Fragment>);
}

function element(token: Token): ReactNode {
  switch (token.type) {
    case "text":
      return (token as Tokens.Text).tokens
        ? inline((token as Tokens.Text).tokens)
        : decoded((token as Tokens.Text).text);
    case "escape":
      return (token as Tokens.Escape).text;
    case "strong":
      return <strong>{inline(token.tokens)}</strong>;
    case "em":
      return <em>{inline(token.tokens)}</em>;
    case "del":
      return <del>{inline(token.tokens)}</del>;
    case "codespan":
      return <code>{(token as Tokens.Codespan).text}</code>;
    case "br":
      return <br />;
    case "link":
      return link(token as Tokens.Link);
    case "image":
      return picture(token as Tokens.Image);
    default:
      return token.raw;
  }
}

function link(token: Tokens.Link): ReactNode {
  const href = safeHref(token.href);
  if (!href) return <span title="This link leads nowhere safe.">{inline(token.tokens)}</span>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow" referrerPolicy="no-referrer" title={href}>
      {inline(token.tokens)}
    </a>
  );
}

/** Never loaded: that would tell its server who reads what, and an agent could send data out in its address. */
function picture(token: Tokens.Image): ReactNode {
  const words = `🖼 ${decoded(token.text) || "image"}`;
  const href = safeHref(token.href);
  if (!href) return words;
  return (
    <a
      href={href}
      target="_blank"
      rel="noopener noreferrer nofollow"
      referrerPolicy="no-referrer"
      title={`Not loaded: ${href}`}
    >
      {words}
    </a>
  );
}
