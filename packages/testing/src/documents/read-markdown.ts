import { fromMarkdown } from "mdast-util-from-markdown";

type Root = ReturnType<typeof fromMarkdown>;
/** A piece of a document, https://github.com/syntax-tree/mdast */
export type MarkdownNode = Root | Root["children"][number];

/** All pieces of a Markdown document, in the order in which they begin. */
export function readMarkdown(text: string): MarkdownNode[] {
  return within(fromMarkdown(text));
}

/** A piece and all those in it. */
function within(node: MarkdownNode): MarkdownNode[] {
  return [node, ...("children" in node ? node.children.flatMap(within) : [])];
}

/** The text in a piece, without its markup. */
export function textOf(node: MarkdownNode): string {
  return within(node)
    .map((inner) => ("value" in inner ? inner.value : ""))
    .join("");
}
