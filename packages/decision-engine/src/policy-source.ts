import type { Document } from "yaml";
import { isMap, isScalar, isSeq, LineCounter, parseDocument, Scalar } from "yaml";

type Path = readonly PropertyKey[];

/** A policy file that was read, and the lines of its parts. */
export class PolicySource {
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;

  constructor(
    text: string,
    readonly fileName: string,
  ) {
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
  }

  /** Faults of the YAML itself, a sentence each. */
  syntaxFaults(): string[] {
    return this.#document.errors.map((error) => `${this.#place(error.pos[0])} ${error.message}`);
  }

  toObject(): unknown {
    return this.#document.toJS();
  }

  /** `file:line` of the deepest part of `path` that exists: of its key in a mapping, of the item in a list. */
  at(path: Path): string {
    for (let depth = path.length; depth > 0; depth -= 1) {
      const offset = this.#offsetOf(path.slice(0, depth));
      if (offset !== undefined) return this.#place(offset);
    }
    return `${this.fileName}:1`;
  }

  /**
   * `file:line` of a character inside a string value. Exact in a literal block (`|`), where the lines of the value are
   * those of the file; elsewhere the line on which the value begins.
   */
  insideText(path: Path, value: string, character: number): string {
    const node = this.#document.getIn(path, true);
    if (!isScalar(node) || !node.range) return this.at(path);
    const first = this.#lines.linePos(node.range[0]).line;
    if (node.type !== Scalar.BLOCK_LITERAL) return `${this.fileName}:${first}`;
    const linesBefore = value.slice(0, character).split("\n").length;
    return `${this.fileName}:${first + linesBefore}`;
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
    return `${this.fileName}:${this.#lines.linePos(offset).line}`;
  }
}
