import { fromMarkdown } from "mdast-util-from-markdown";

type Root = ReturnType<typeof fromMarkdown>;
/** A node of a document, https://github.com/syntax-tree/mdast */
export type MarkdownNode = Root | Root["children"][number];

/** Texts that have been parsed. Several tests read each document, and parsing all of them takes seconds. */
const parsed = new Map<string, readonly MarkdownNode[]>();

/** All nodes of a Markdown document, ordered by their start. */
export function readMarkdown(text: string): readonly MarkdownNode[] {
  const nodes = parsed.get(text) ?? within(fromMarkdown(text));
  parsed.set(text, nodes);
  return nodes;
}

/** A node and all its descendants. */
function within(node: MarkdownNode): MarkdownNode[] {
  return [node, ...("children" in node ? node.children.flatMap(within) : [])];
}

/** The text of a node, without markup. */
export function textOf(node: MarkdownNode): string {
  return within(node)
    .map((inner) => ("value" in inner ? inner.value : ""))
    .join("");
}
