import type { CST, ParsedNode, YAMLMap } from "yaml";
import { isAlias, isMap, isScalar, isSeq } from "yaml";

/** No policy needs more than seven levels. */
const DEPTH_MAX = 32;
/** Mappings, lists, keys and values in one file, including everything to which its aliases expand. */
const NODES_MAX = 100_000;
/** Per mapping. The largest mapping is the one that names every tenant. */
const KEYS_MAX = 10_000;
const ALIASES_MAX = 100;
/** Anchors, tags and commas before one value. */
const MARKS_MAX = 16;
/** Further faults are not listed. */
const FAULTS_MAX = 100;

export interface YamlFault {
  readonly offset: number;
  readonly sentence: string;
}

interface Size {
  readonly nodes: number;
  readonly depth: number;
}

const SCALAR: Size = { nodes: 1, depth: 0 };

/**
 * The first place at which a text exceeds what any policy needs. Only tokens are inspected, in linear time and without
 * recursion, so that a hostile text is rejected before anything is built from it.
 */
export function tokenFault(tokens: readonly CST.Token[]): YamlFault | undefined {
  const errors = tokens.filter((token) => token.type === "error");
  if (errors.length > FAULTS_MAX && errors[0]) return { offset: errors[0].offset, sentence: errors[0].message };
  const open = tokens.flatMap((token) => (token.type === "document" ? [{ token: token as CST.Token, depth: 0 }] : []));
  let [nodes, aliases] = [0, 0];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    const { offset } = token;
    nodes += "items" in token ? token.items.length : 1;
    if (nodes > NODES_MAX) return { offset, sentence: `The file has more than ${NODES_MAX} values.` };
    if (depth > DEPTH_MAX) return { offset, sentence: `The file is nested more than ${DEPTH_MAX} levels deep.` };
    if (token.type === "alias") aliases += 1;
    if (aliases > ALIASES_MAX) return { offset, sentence: `The file has more than ${ALIASES_MAX} aliases.` };
    if (token.type === "document") {
      if (marksOf(token.start) > MARKS_MAX) return tooManyMarks(token);
      if (token.value !== undefined) open.push({ token: token.value, depth });
    } else if ("items" in token) {
      const { items } = token;
      const isMapping = token.type === "block-map" || (token.type === "flow-collection" && token.start.source === "{");
      if (isMapping && items.length > KEYS_MAX) {
        return { offset, sentence: `The mapping has more than ${KEYS_MAX} keys.` };
      }
      for (const { start, key, value } of items) {
        if (marksOf(start) > MARKS_MAX) return tooManyMarks(start[0] ?? token);
        if (key) open.push({ token: key, depth: depth + 1 });
        if (value) open.push({ token: value, depth: depth + 1 });
      }
    }
  }
  return undefined;
}

/**
 * Faults of a document that passed `tokenFault`: duplicate keys, and aliases that make it too large or too deep.
 * Linear, whereas the library compares each key with every other key.
 */
export function documentFaults(contents: ParsedNode | null): YamlFault[] {
  const faults: YamlFault[] = [];
  const anchors = new Map<string, Size>();
  let isOver = false;
  const fault = (node: unknown, sentence: string): void => {
    if (faults.length < FAULTS_MAX) faults.push({ offset: startOf(node), sentence });
  };
  const measure = (node: unknown): Size => {
    const size = sizeOf(node);
    if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined) anchors.set(node.anchor, size);
    if (!isOver && size.nodes > NODES_MAX) {
      fault(node, `With its aliases expanded, the file has more than ${NODES_MAX} values.`);
    } else if (!isOver && size.depth > DEPTH_MAX) {
      fault(node, `With its aliases expanded, the file is nested more than ${DEPTH_MAX} levels deep.`);
    }
    isOver ||= size.nodes > NODES_MAX || size.depth > DEPTH_MAX;
    return size;
  };
  const sizeOf = (node: unknown): Size => {
    if (isSeq(node)) return sumOf(node.items.map(measure));
    if (isMap(node)) return sizeOfMap(node);
    if (!isAlias(node)) return SCALAR;
    const size = anchors.get(node.source);
    if (size === undefined) fault(node, `The alias *${node.source} has no complete anchor before it.`);
    return size ?? SCALAR;
  };
  const sizeOfMap = ({ items }: YAMLMap): Size => {
    const names = new Set<string>();
    const sizes = items.map(({ key, value }) => {
      const name = keyName(key);
      if (!isScalar(key)) fault(key, "A key must be plain text.");
      else if (names.has(name)) fault(key, `The key ${name} occurs twice.`);
      names.add(name);
      return measure(value);
    });
    return sumOf([...sizes, { nodes: sizes.length, depth: 0 }]);
  };
  measure(contents);
  return faults;
}

const BLANK: ReadonlySet<string> = new Set(["space", "newline", "comment"]);

const tooManyMarks = ({ offset }: CST.Token): YamlFault => ({
  offset,
  sentence: `More than ${MARKS_MAX} indicators precede one value.`,
});

const marksOf = (start: readonly CST.SourceToken[]): number => start.filter(({ type }) => !BLANK.has(type)).length;

/** The property name in an object. */
export function keyName(key: unknown): string {
  return isScalar(key) ? String(key.value ?? "") : "";
}

function sumOf(sizes: readonly Size[]): Size {
  const nodes = sizes.reduce((sum, size) => sum + size.nodes, 1);
  return { nodes, depth: 1 + sizes.reduce((deepest, size) => Math.max(deepest, size.depth), 0) };
}

function startOf(node: unknown): number {
  return isAlias(node) || isScalar(node) || isMap(node) || isSeq(node) ? (node.range?.[0] ?? 0) : 0;
}
