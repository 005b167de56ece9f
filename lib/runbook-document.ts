/** A document of headings, paragraphs, tables and commands, as Markdown or as one self-contained HTML page. Pure. */

/** Conditional commands are for a case that the text above them names; the others are run in their order. */
export type Block =
  | { kind: "heading"; level: 1 | 2 | 3; text: string }
  | { kind: "text"; text: string }
  | { kind: "list"; items: readonly string[] }
  | { kind: "commands"; lines: readonly string[]; isConditional: boolean };

export const heading = (level: 1 | 2 | 3, text: string): Block => ({ kind: "heading", level, text });
export const text = (words: string): Block => ({ kind: "text", text: words });
export const list = (...items: string[]): Block => ({ kind: "list", items });
export const commands = (...lines: string[]): Block => ({ kind: "commands", lines, isConditional: false });
/** Commands for the case that the text above them names. */
export const onlyIf = (...lines: string[]): Block => ({ kind: "commands", lines, isConditional: true });

/** The document as Markdown. Commands of the way through are `bash`, those for a special case `sh`. */
export function toMarkdown(blocks: readonly Block[]): string {
  return `${blocks.map(markdown).join("\n\n")}\n`;
}

function markdown(block: Block): string {
  if (block.kind === "heading") return `${"#".repeat(block.level)} ${block.text}`;
  if (block.kind === "text") return block.text;
  if (block.kind === "list") return block.items.map((item) => `- ${item}`).join("\n");
  return ["```".concat(block.isConditional ? "sh" : "bash"), ...block.lines, "```"].join("\n");
}

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
pre { background: #f4f4f2; border-left: 4px solid #3a6; padding: .7rem 1rem; overflow-x: auto; font-size: 13px }
pre.when { border-left-color: #c83; background: #fbf6ee }
code { font-family: ui-monospace, monospace } h2 { border-top: 1px solid #ccc; padding-top: 1.5rem; margin-top: 3rem }
@media print { pre { white-space: pre-wrap } h2 { break-before: page } }`;

/** The document as one HTML page that needs nothing else. */
export function toHtml(title: string, blocks: readonly Block[]): string {
  const head = `<meta charset="utf-8"><title>${escaped(title)}</title><style>${STYLE}</style>`;
  return `<!doctype html>\n<html lang="en"><head>${head}</head><body>\n${blocks.map(html).join("\n")}\n</body></html>\n`;
}

function html(block: Block): string {
  if (block.kind === "heading") return `<h${block.level}>${inline(block.text)}</h${block.level}>`;
  if (block.kind === "text") return `<p>${inline(block.text)}</p>`;
  if (block.kind === "list") return `<ul>${block.items.map((item) => `<li>${inline(item)}</li>`).join("")}</ul>`;
  return `<pre${block.isConditional ? ' class="when"' : ""}><code>${escaped(block.lines.join("\n"))}</code></pre>`;
}

/** The only Markdown that texts here use: \`code\` and **bold**. */
function inline(words: string): string {
  return escaped(words)
    .replace(/`([^`]+)`/g, "<code>$1</code>")
    .replace(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>");
}

function escaped(words: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return words.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}
