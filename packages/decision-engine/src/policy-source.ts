import type { Document } from "yaml";
import { isMap, isScalar, isSeq, LineCounter, parseDocument, Scalar } from "yaml";

type Path = readonly PropertyKey[];

/** A policy file that was read, and the lines of its parts. */
export class PolicySource {
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;

  readonly #text: string;

  constructor(
    text: string,
    readonly fileName: string,
  ) {
    this.#text = text;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
  }

  /** Faults of the YAML itself, a sentence each. */
  syntaxFaults(): string[] {
    return this.#document.errors.map((error) => `${this.#place(error.pos[0])} ${error.message}`);
  }

  toObject(): unknown {
    return this.#document.toJS();
  }

  /** `file:line:column` of the deepest part of `path` that exists: of its key in a mapping, of the item in a list. */
  at(path: Path): string {
    for (let depth = path.length; depth > 0; depth -= 1) {
      const offset = this.#offsetOf(path.slice(0, depth));
      if (offset !== undefined) return this.#place(offset);
    }
    return `${this.fileName}:1:1`;
  }

  /**
   * `file:line:column` of a character inside a string value. Exact in a literal block (`|`), where the lines of the value are
   * those of the file, and on one line without escapes; elsewhere where the value begins.
   */
  insideText(path: Path, value: string, character: number): string {
    const node = this.#document.getIn(path, true);
    if (!isScalar(node) || !node.range) return this.at(path);
    const [start, end] = node.range;
    const written = this.#text.slice(start, end);
    if (node.type !== Scalar.BLOCK_LITERAL) {
      const inside = written.indexOf(value);
      return this.#place(inside < 0 ? start : start + inside + character);
    }
    const before = value.slice(0, character).split("\n");
    const line = this.#lines.linePos(start).line + before.length;
    const indent = /\S/.exec(this.#text.slice(this.#lines.lineStarts[line - 1] ?? 0))?.index ?? 0;
    return `${this.fileName}:${line}:${indent + (before.at(-1)?.length ?? 0) + 1}`;
  }

  #offsetOf(path: Path): number | undefined {
    const last = path.at(-1);
    const parent = path.length === 1 ? this.#document.contents : this.#document.getIn(path.slice(0, -1), true);
    if (isMap(parent)) {
      const key = parent.items.find((pair) => isScalar(pair.key) && pair.key.value === last)?.key;
      return isScalar(key) ? key.range?.[0] : undefined;
    }
    if (!isSeq(parent) || typeof last !== "number") return undefined;
    const item = parent.items[last];
    return isMap(item) || isScalar(item) || isSeq(item) ? item.range?.[0] : undefined;
  }

  #place(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.fileName}:${line}:${col}`;
  }
}
