import type { ASTNode, Environment } from "@marcbachmann/cel-js";
import { TriplineError } from "@tripline/contracts/error-table";

/** What evaluates the operands of a node into its value. The operands come first; what follows differs by operation. */
export type Handle = (...operands: unknown[]) => unknown;

/** What cel-js evaluates with. It is made once for all rules of a payment, which takes a third of the time of a short one. */
export interface Evaluation {
  readonly evaluator: unknown;
  readonly context: unknown;
}

/** How a node is evaluated as a whole. */
export type Evaluate = (evaluator: unknown, node: CheckedNode, context: unknown) => unknown;

/**
 * A node of an expression after its types were checked, as cel-js 8.0.0 keeps it. Its own types leave out what is written while
 * checking; `checked-node.test.ts` fails if a new version keeps it elsewhere.
 */
export interface CheckedNode {
  readonly op: string;
  readonly args: unknown;
  /** Offset in the expression. */
  readonly pos: number;
  readonly checkedType?: { readonly name: string; readonly kind: string };
  handle?: Handle;
  readonly meta: {
    /** Evaluated in place of the node: what a macro such as `all` stands for. */
    readonly alternate?: CheckedNode;
    /** Evaluates the node: `has` and `cel.bind`. */
    readonly macro?: object;
    readonly evaluate: Evaluate;
  };
  readonly evaluate: Evaluate;
  setMeta(key: "evaluate", evaluate: Evaluate): this;
}

/** What `all`, `exists`, `exists_one`, `map` and `filter` stand for. */
export interface Comprehension {
  readonly iterable: CheckedNode;
  readonly iterVarName: string;
  readonly init: CheckedNode;
  /** Evaluated once per item. */
  readonly step: CheckedNode;
  /** Called before each item; false ends the loop. */
  condition?: (accumulated: unknown) => boolean;
}

/** `cel.bind(name, value, expression)`. */
export interface Bind {
  readonly var: string;
  readonly val: CheckedNode;
  readonly exp: CheckedNode;
}

/** @throws TriplineError `internal` where cel-js keeps its nodes in another shape */
export function asNode(value: unknown): CheckedNode {
  if (typeof value !== "object" || value === null || !("op" in value && "meta" in value && "setMeta" in value)) {
    throw new TriplineError("internal", "cel-js keeps the nodes of an expression in another shape than 8.0.0.");
  }
  return value as CheckedNode;
}

/** Opens an evaluation of expressions of an environment, for the values of its variables. */
export function evaluationIn(environment: Environment): (values: Readonly<Record<string, unknown>>) => Evaluation {
  const probe = environment.parse("true");
  probe.check();
  asNode(probe.ast).setMeta("evaluate", (evaluator, _node, context): Evaluation => ({ evaluator, context }));
  return (values) => probe(values);
}

/** The node that is evaluated for an expression. */
export function rootOf(ast: ASTNode): CheckedNode {
  return evaluated(asNode(ast));
}

function evaluated(node: CheckedNode): CheckedNode {
  return node.meta.alternate === undefined ? node : evaluated(node.meta.alternate);
}

export function comprehensionOf({ op, args }: CheckedNode): Comprehension | undefined {
  if (op !== "comprehension") return undefined;
  const found = args as Comprehension;
  return { ...found, iterable: nodeOf(found.iterable), init: nodeOf(found.init), step: nodeOf(found.step) };
}

/** Ends the loop of a comprehension where `goesOn` is false before an item. */
export function beforeEachItem({ args }: CheckedNode, goesOn: () => boolean): void {
  const comprehension = args as Comprehension;
  const { condition } = comprehension;
  comprehension.condition = condition === undefined ? goesOn : (accumulated) => goesOn() && condition(accumulated);
}

export function bindOf({ meta: { macro } }: CheckedNode): Bind | undefined {
  if (macro === undefined || !("val" in macro && "exp" in macro)) return undefined;
  const { var: name, val, exp } = macro as Bind;
  return { var: name, val: nodeOf(val), exp: nodeOf(exp) };
}

/** The name of the function that a node calls. */
export function calledBy({ op, args }: CheckedNode): string | undefined {
  return (op === "call" || op === "rcall") && Array.isArray(args) ? String(args[0]) : undefined;
}

/** The parts whose values a node works on, in the order of its `handle`; not those of a comprehension or of a macro. */
export function operandsOf({ op, args }: CheckedNode): CheckedNode[] {
  switch (op) {
    case "value":
    case "id":
    case "accuValue":
    case "accuInc":
      return [];
    case "call":
      return nodesOf((args as unknown[])[1]);
    case "rcall": {
      const [, receiver, rest] = args as unknown[];
      return [nodeOf(receiver), ...nodesOf(rest)];
    }
    case ".":
      return [nodeOf((args as unknown[])[0])];
    case "map":
      return (args as unknown[]).flatMap(nodesOf);
    default:
      return nodesOf(args);
  }
}

/** Of several parts or a single one. */
function nodesOf(args: unknown): CheckedNode[] {
  return Array.isArray(args) ? args.map(nodeOf) : [nodeOf(args)];
}

function nodeOf(value: unknown): CheckedNode {
  return evaluated(asNode(value));
}
