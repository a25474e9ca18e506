import { memo, type ReactNode, useMemo, useRef } from "react";
import { type Block, BlockReader, sameToken, type Token, type Tokens } from "./blocks";
import { CodeBlock } from "./code-block";
import { decoded } from "./entities";
import { inline } from "./inline";

/** Markdown as React elements, also of a text that still grows (`open`): syntax that is not whole yet is held back. */
export default function Markdown({ text, open = false }: { text: string; open?: boolean }) {
  const reader = useRef<BlockReader>(null);
  reader.current ??= new BlockReader();
  const current = reader.current;
  const blocks = useMemo(() => current.read(text, open), [current, text, open]);
  const levels = levelsOf(blocks);
  return (
    <div className="prose-chat">
      {blocks.map((block, index) => (
        <MarkdownBlock
          key={block.key}
          block={block}
          level={levels[index] ?? 3}
          open={open && index === blocks.length - 1}
        />
      ))}
    </div>
  );
}

/** Of the page's outline, in which an answer stands below two titles: no level is left out, whatever the text does. */
function levelsOf(blocks: readonly Block[]): number[] {
  let last = 2;
  return blocks.map(({ token }) => {
    if (token.type === "heading") last = Math.min(6, last + 1, (token as Tokens.Heading).depth + 2);
    return last;
  });
}

const MarkdownBlock = memo(
  ({ block, open, level }: { block: Block; open: boolean; level: number }) => draw(block.token, open, level),
  (before, after) =>
    before.open === after.open && before.level === after.level && sameToken(before.block.token, after.block.token),
);

function draw(token: Token, open: boolean, level = 6): ReactNode {
  switch (token.type) {
    case "paragraph":
      return <p>{inline(token.tokens)}</p>;
    case "text":
      return token.tokens ? inline(token.tokens) : decoded((token as Tokens.Text).text);
    case "heading":
      return heading(token as Tokens.Heading, level);
    case "code":
      return <CodeBlock code={(token as Tokens.Code).text} language={(token as Tokens.Code).lang ?? ""} open={open} />;
    case "blockquote":
      return <blockquote>{draws(token.tokens, open)}</blockquote>;
    case "list":
      return list(token as Tokens.List, open);
    case "table":
      return table(token as Tokens.Table);
    case "hr":
      return <hr />;
    case "space":
    case "def":
      return null;
    case "html":
      return <p className="whitespace-pre-wrap">{token.raw.trimEnd()}</p>;
    default:
      return token.raw;
  }
}

function draws(tokens: readonly Token[] | undefined, open: boolean): ReactNode {
  return tokens?.map((token, index) => <Draw key={index} token={token} open={open && index === tokens.length - 1} />);
}

function Draw({ token, open }: { token: Token; open: boolean }) {
  return draw(token, open);
}

function heading(token: Tokens.Heading, level: number): ReactNode {
  const Tag = `h${level}` as "h3" | "h4" | "h5" | "h6";
  return <Tag data-depth={token.depth}>{inline(token.tokens)}</Tag>;
}

function list(token: Tokens.List, open: boolean): ReactNode {
  const items = token.items.map((item, index) => (
    <li key={index} className={item.task ? "task" : undefined}>
      {item.task && (
        <input
          type="checkbox"
          disabled
          checked={item.checked ?? false}
          aria-label={item.checked ? "Done" : "Not done"}
        />
      )}
      {draws(
        item.tokens.filter((part) => part.type !== "checkbox"),
        open && index === token.items.length - 1,
      )}
    </li>
  ));
  return token.ordered ? <ol start={token.start === "" ? undefined : token.start}>{items}</ol> : <ul>{items}</ul>;
}

const ALIGN = { left: "text-left", right: "text-right", center: "text-center" } as const;

function table(token: Tokens.Table): ReactNode {
  return (
    <div className="table-scroll" role="region" aria-label="Table" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {token.header.map((cell, index) => (
              <th key={index} scope="col" className={cell.align ? ALIGN[cell.align] : undefined}>
                {inline(cell.tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row, at) => (
            <tr key={at}>
              {row.map((cell, index) => (
                <td key={index} className={cell.align ? ALIGN[cell.align] : undefined}>
                  {inline(cell.tokens)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
