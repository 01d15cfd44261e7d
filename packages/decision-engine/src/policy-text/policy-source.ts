import type { Document, Node, Pair, YAMLMap } from "yaml";
import { Composer, isMap, isNode, isScalar, isSeq, LineCounter, Parser, Scalar } from "yaml";
import { documentFaults, keyName, tokenFault } from "./bound-yaml.js";

type Path = readonly PropertyKey[];

/** The name of the section of default decisions, and its deprecated name, which files may use until 0.3.0. */
const DEFAULT_DECISION = "default_decision";
const STATIC_POLICY = "static_policy";

/** A parsed policy file, and the lines of its parts. Parsing the file and finding all its parts takes linear time. */
export class PolicySource {
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed | undefined;
  readonly #faults: string[];
  readonly #text: string;
  /** The entries of a mapping by key, created on first use. */
  readonly #entries = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();

  constructor(
    text: string,
    readonly fileName: string,
  ) {
    this.#text = text;
    const tokens = [...new Parser(this.#lines.addNewLine).parse(text)];
    const fault = tokenFault(tokens);
    if (fault !== undefined) {
      this.#faults = [`${this.#place(fault.offset)} ${fault.sentence}`];
      return;
    }
    const composer = new Composer({ lineCounter: this.#lines, prettyErrors: false, uniqueKeys: false });
    const [document, second] = composer.compose(tokens, true, text.length);
    this.#document = document as Document.Parsed;
    this.#faults = this.#document.errors.map((error) => `${this.#place(error.pos[0])} ${error.message}`);
    if (second !== undefined) {
      this.#faults.push(
        `${this.#place(second.range[0])} A file must contain one policy, but a second document begins here.`,
      );
    }
    if (this.#faults.length > 0) return;
    const faults = documentFaults(this.#document.contents);
    this.#faults.push(...faults.map(({ offset, sentence }) => `${this.#place(offset)} ${sentence}`));
  }

  /** YAML syntax errors and exceeded limits, one sentence each. */
  syntaxFaults(): readonly string[] {
    return this.#faults;
  }

  /** The file, with the current names of its sections. Call this only if there are no `syntaxFaults`. */
  toObject(): unknown {
    // The expansion of aliases was already counted.
    const file = this.#document?.toJS({ maxAliasCount: -1 });
    if (!this.#usesOldName()) return file;
    const { [STATIC_POLICY]: section, ...others } = file;
    return { ...others, [DEFAULT_DECISION]: section };
  }

  /**
   * `file:line:column` of the deepest existing part of `path`: the key if it is in a mapping, or the item if it is in a
   * list.
   */
  at(path: Path): string {
    let [node, offset] = [this.#root(), 0];
    for (const step of this.inFile(path)) {
      const pair = isMap(node) ? this.#entry(node, step) : undefined;
      const next = isSeq(node) && typeof step === "number" ? node.items[step] : pair?.value;
      const named = pair === undefined ? next : pair.key;
      if (!isNode(named) || !named.range) break;
      offset = named.range[0];
      node = isNode(next) ? next : undefined;
    }
    return this.#place(offset);
  }

  /**
   * `file:line:column` of a character inside a string value. Exact in a literal block (`|`), whose lines are those of
   * the file, and in a single line without escapes; otherwise, the start of the value.
   */
  insideText(path: Path, value: string, character: number): string {
    const node = this.#valueAt(path);
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

  /** `path` with the section names that the file uses. */
  inFile(path: Path): Path {
    return path[0] === DEFAULT_DECISION && this.#usesOldName() ? [STATIC_POLICY, ...path.slice(1)] : path;
  }

  #usesOldName(): boolean {
    const root = this.#root();
    return isMap(root) && !root.has(DEFAULT_DECISION) && root.has(STATIC_POLICY);
  }

  #root(): Node | undefined {
    return this.#document?.contents ?? undefined;
  }

  #valueAt(path: Path): Node | undefined {
    let node = this.#root();
    for (const step of path) {
      const next = isMap(node)
        ? this.#entry(node, step)?.value
        : isSeq(node) && typeof step === "number" && node.items[step];
      node = isNode(next) ? next : undefined;
    }
    return node;
  }

  #entry(map: YAMLMap, key: PropertyKey): Pair | undefined {
    let entries = this.#entries.get(map);
    if (entries === undefined) {
      entries = new Map(map.items.map((pair) => [keyName(pair.key), pair]));
      this.#entries.set(map, entries);
    }
    return entries.get(String(key));
  }

  #place(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.fileName}:${line}:${col}`;
  }
}
