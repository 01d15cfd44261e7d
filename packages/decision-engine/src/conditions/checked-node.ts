import type { ASTNode, Environment } from "@marcbachmann/cel-js";
import { TriplineError } from "@tripline/contracts/error-table";

/** Computes a node's value from its operands. The operands come first; the other arguments depend on the operation. */
export type Handle = (...operands: unknown[]) => unknown;

/**
 * Input of cel-js's evaluation. It is created once for all rules of a payment, because creating it is a third of the
 * cost of a short rule.
 */
export interface Evaluation {
  readonly evaluator: unknown;
  readonly context: unknown;
}

/** Evaluates a node as a whole. */
export type Evaluate = (evaluator: unknown, node: CheckedNode, context: unknown) => unknown;

/**
 * A node of a type-checked expression, as stored by cel-js 8.0.0. The library's own types omit what the check adds;
 * `checked-node.test.ts` fails if a new version stores it elsewhere.
 */
export interface CheckedNode {
  readonly op: string;
  readonly args: unknown;
  /** Offset in the expression. */
  readonly pos: number;
  readonly checkedType?: { readonly name: string; readonly kind: string };
  handle?: Handle;
  readonly meta: {
    /** Evaluated instead of the node: the expansion of a macro such as `all`. */
    readonly alternate?: CheckedNode;
    /** Evaluates the node, for `has` and `cel.bind`. */
    readonly macro?: object;
    readonly evaluate: Evaluate;
  };
  readonly evaluate: Evaluate;
  setMeta(key: "evaluate", evaluate: Evaluate): this;
}

/** The expansion of `all`, `exists`, `exists_one`, `map` and `filter`. */
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

/** @throws TriplineError `internal` if the structure of cel-js's nodes has changed */
export function asNode(value: unknown): CheckedNode {
  if (typeof value !== "object" || value === null || !("op" in value && "meta" in value && "setMeta" in value)) {
    throw new TriplineError("internal", "cel-js represents expressions differently than in 8.0.0.");
  }
  return value as CheckedNode;
}

/** Opens an evaluation of an environment's expressions, for the values of its variables. */
export function evaluationIn(environment: Environment): (values: Readonly<Record<string, unknown>>) => Evaluation {
  const probe = environment.parse("true");
  probe.check();
  asNode(probe.ast).setMeta("evaluate", (evaluator, _node, context): Evaluation => ({ evaluator, context }));
  return (values) => probe(values);
}

/** Wraps the evaluation of a whole node. For a macro, this is the macro's own evaluation. */
export function wrapEvaluate(node: CheckedNode, wrap: (evaluate: Evaluate) => Evaluate): void {
  const macro = node.meta.macro as { evaluate: Evaluate } | undefined;
  if (macro === undefined) node.setMeta("evaluate", wrap(node.meta.evaluate));
  else macro.evaluate = wrap(macro.evaluate);
}

/** The nodes directly below a node, as parsed, that is, before macros are expanded. @param args of the node */
export function nodesIn(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(nodesIn);
  return typeof args === "object" && args !== null && "op" in args ? [args as ASTNode] : [];
}

/** The node that an expression evaluates. */
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

/** Ends the loop of a comprehension if `goesOn` returns false before an item. */
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

/** The operands of a node, in the order of its `handle`; none for a comprehension or a macro. */
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

/** Accepts several parts or a single one. */
function nodesOf(args: unknown): CheckedNode[] {
  return Array.isArray(args) ? args.map(nodeOf) : [nodeOf(args)];
}

function nodeOf(value: unknown): CheckedNode {
  return evaluated(asNode(value));
}
