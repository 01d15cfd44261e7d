import {
  ABSENT,
  ATTRIBUTE_STEPS,
  isAttributeRead,
  mismatch,
  readAttribute,
  whenAbsent,
} from "../attributes/absent-attributes.js";
import { ATTRIBUTE_TEXT_MAX, ATTRIBUTES_MAX } from "../attributes/sent-attributes.js";
import { ATTRIBUTES } from "../policy-variables.js";
import type { CheckedNode, Comprehension } from "./checked-node.js";
import { beforeEachItem, bindOf, calledBy, comprehensionOf, operandsOf } from "./checked-node.js";
import type { Extent } from "./extent.js";
import { entriesOf, extentOf, SCALAR, textOf, VARIABLE_TEXT } from "./extent.js";
import type { LinearPattern } from "./linear-pattern.js";
import { compileSteps, matchSteps, PatternCompiler } from "./linear-pattern.js";
import type { StepMeter } from "./step-meter.js";
import { BUDGET_EXCEEDED, ERROR_STEPS, StepsExceeded, stepsExceeded } from "./step-meter.js";
import { COMPARED_PER_STEP, workOf } from "./work-of.js";

/** Shared by all expressions of a policy. */
export interface Known {
  /** Variables of type string. */
  readonly texts: ReadonlySet<string>;
  readonly patterns: PatternCompiler;
}

/** The cost of an expression, estimated from its text. */
export interface StepEstimate {
  /** Maximum number of steps. Includes evaluation errors only in conditions on attributes. */
  readonly stepsMax: number;
  /** Counted in advance for each evaluation: work outside loops that does not depend on sizes. */
  readonly stepsFixed: number;
  /** Number of items in each loop around the most expensive part, outermost loop first. */
  readonly loops: readonly number[];
  /** Offset of the most expensive part of the expression. */
  readonly pos: number;
  /** Invalid regular expressions, each with its offset and the text after "which". */
  readonly patternFaults: readonly PatternFault[];
  /** Whether some steps are counted during evaluation. */
  readonly isMetered: boolean;
}

export interface PatternFault {
  readonly pos: number;
  readonly why: string;
  /** Whether the pattern is a literal, so that its fault is permanent. Other patterns can be used, at a higher cost. */
  readonly isLiteral: boolean;
}

/** The cost of a part of an expression. */
interface Cost {
  readonly stepsMax: number;
  readonly stepsFixed: number;
  readonly made: Extent;
  readonly loops: readonly number[];
  readonly pos: number;
  /** Whether it has no value if an attribute was not sent. */
  readonly mayBeAbsent: boolean;
}

/** Extents of bound names, and of the values that `map` or `filter` appends to its list. */
interface Scope {
  readonly bound: ReadonlyMap<string, Extent>;
  pushed?: Extent;
}

/** Work of at most this many steps is charged in advance at its maximum, regardless of the actual size. */
const FIXED_STEPS_MAX = 64;
/** Steps are counted by UTF-16 code units, of which a character has at most two. */
const ATTRIBUTE_TEXT = textOf(2 * ATTRIBUTE_TEXT_MAX);
const ATTRIBUTE_VALUES = entriesOf(ATTRIBUTES_MAX, ATTRIBUTE_TEXT);
/** Operators whose operands are themselves conditions. */
const LOGICAL: ReadonlySet<string> = new Set(["&&", "||", "!_", "?:"]);
const CANNOT_THROW = new Set(["==", "!=", "startsWith", "endsWith", "contains", "size", "named", "lowerAscii", "trim"]);
const NEEDS_LITERAL = "is not a literal";

/**
 * Makes a checked expression count its steps in `meter`, and estimates how many steps it may take. cel-js provides no
 * hook for that, so this function wraps the functions that the check stored in the nodes: those of loops, of work that
 * depends on sizes, and of operations that may throw. It replaces `matches`, which runs a backtracking RegExp.
 */
export function prepareSteps(root: CheckedNode, known: Known, meter: StepMeter): StepEstimate {
  const preparation = new Preparation(known, meter);
  const { stepsMax, stepsFixed, loops, pos, mayBeAbsent } = preparation.visit(root, { bound: new Map() });
  if (mayBeAbsent) whenAbsent(root, false);
  const { patternFaults, isMetered } = preparation;
  return { stepsMax, stepsFixed, loops, pos, patternFaults, isMetered };
}

class Preparation {
  readonly patternFaults: PatternFault[] = [];
  isMetered = false;

  constructor(
    private readonly known: Known,
    private readonly meter: StepMeter,
  ) {}

  /** An attribute that was not sent makes the innermost condition that reads it false. */
  visit(node: CheckedNode, scope: Scope): Cost {
    const cost = this.#visit(node, scope);
    if (!cost.mayBeAbsent || node.checkedType?.name !== "bool" || LOGICAL.has(node.op)) return cost;
    whenAbsent(node, node.op === "!=");
    return { ...cost, mayBeAbsent: false, stepsMax: cost.stepsMax + ERROR_STEPS };
  }

  #visit(node: CheckedNode, scope: Scope): Cost {
    const comprehension = comprehensionOf(node);
    if (comprehension !== undefined) return this.#visitLoop(node, comprehension, scope);
    const bind = bindOf(node);
    if (bind !== undefined) {
      const value = this.visit(bind.val, scope);
      const inner: Scope = { ...scope, bound: new Map([...scope.bound, [bind.var, value.made]]) };
      const result = this.visit(bind.exp, inner);
      if (inner.pushed !== undefined) scope.pushed = inner.pushed;
      return together(node, [value, result], 1, 1, result.made);
    }
    // `has` inspects the fields of a variable.
    if (node.meta.macro !== undefined) return leaf(node, SCALAR);
    if (node.op === "id") return leaf(node, scope.bound.get(String(node.args)) ?? this.#variable(String(node.args)));
    if (node.op === "value") return leaf(node, extentOf(node.args, 0));
    const operands = operandsOf(node);
    const parts = operands.map((operand) => this.visit(operand, scope));
    if (node.op === "accuPush") scope.pushed = parts[0]?.made ?? SCALAR;
    if (isAttributeRead(node) && !scope.bound.has(ATTRIBUTES)) {
      readAttribute(node);
      const cost = together(node, parts, ATTRIBUTE_STEPS, ATTRIBUTE_STEPS, ATTRIBUTE_TEXT);
      return { ...cost, mayBeAbsent: true };
    }
    if (LOGICAL.has(node.op)) return this.#visitLogical(node, operands, parts);
    if (calledBy(node) === "matches") return this.#visitMatch(node, operands, parts);
    return this.#visitWork(node, operands, parts);
  }

  /** An operand that is only an attribute is false if the attribute was not sent. */
  #visitLogical(node: CheckedNode, operands: readonly CheckedNode[], parts: readonly Cost[]): Cost {
    const conditions = node.op === "?:" ? operands.slice(0, 1) : operands;
    conditions.forEach((operand, index) => {
      if (parts[index]?.mayBeAbsent) whenAbsent(operand, false);
    });
    const cost = this.#visitWork(node, operands, parts);
    return { ...cost, mayBeAbsent: parts.slice(conditions.length).some(({ mayBeAbsent }) => mayBeAbsent) };
  }

  #variable(name: string): Extent {
    if (name === ATTRIBUTES) return ATTRIBUTE_VALUES;
    return this.known.texts.has(name) ? VARIABLE_TEXT : SCALAR;
  }

  #visitWork(node: CheckedNode, operands: readonly CheckedNode[], parts: readonly Cost[]): Cost {
    const name = calledBy(node) ?? node.op;
    if (name.startsWith("accu")) return together(node, parts, 1, 1, SCALAR);
    const work = workOf(
      name,
      parts.map(({ made }) => made),
    );
    if (name === "list" && operands.length > 0 && operands.every(({ op }) => op === "value")) {
      keepList(node, operands);
      return leaf(node, work.made());
    }
    const isFixed = work.steps <= FIXED_STEPS_MAX;
    if (!isFixed) this.#count(node, name);
    if (mayThrow(node, name, operands)) this.#countErrors(node);
    const [own, fixed] = isFixed ? [work.steps, work.steps] : [work.steps + 1, 1];
    return together(node, parts, own, fixed, work.made());
  }

  #visitLoop(node: CheckedNode, { iterable, iterVarName, init, step }: Comprehension, scope: Scope): Cost {
    const before = [this.visit(iterable, scope), this.visit(init, scope)];
    const items = before[0]?.made ?? SCALAR;
    const inner: Scope = { bound: new Map([...scope.bound, [iterVarName, items.item ?? items]]) };
    const each = this.visit(step, inner);
    const perItem = 1 + each.stepsFixed;
    this.isMetered = true;
    beforeEachItem(node, () => this.meter.take(perItem));
    if (iterable.checkedType?.kind !== "list") this.#countErrors(node);
    const own = items.length * (1 + each.stepsMax);
    const made = inner.pushed === undefined ? SCALAR : entriesOf(items.length, inner.pushed);
    const cost = together(node, [...before, { ...each, stepsMax: 0, stepsFixed: 0 }], own + 1, 1, made);
    return own < cost.stepsMax / 2 ? cost : { ...cost, loops: [items.length, ...each.loops], pos: node.pos };
  }

  #visitMatch(node: CheckedNode, [, pattern]: readonly CheckedNode[], parts: readonly Cost[]): Cost {
    const characters = parts[0]?.made.length ?? 0;
    const literal = pattern?.op === "value" && typeof pattern.args === "string" ? pattern.args : undefined;
    const compiled = literal === undefined ? NEEDS_LITERAL : this.known.patterns.compile(literal);
    if (typeof compiled === "string") {
      this.patternFaults.push({ pos: pattern?.pos ?? node.pos, why: compiled, isLiteral: literal !== undefined });
    }
    this.isMetered = true;
    const find = typeof compiled === "string" ? this.#findAny() : this.#find(compiled);
    node.handle = this.#counted((operands: unknown) => {
      const [subject, sought] = operands as unknown[];
      if (typeof subject !== "string") throw mismatch("matches() requires a string");
      return find(subject, sought);
    });
    const size = typeof compiled === "string" ? 1 : compiled.size;
    return together(node, parts, matchSteps(size, characters) + 1, 1, SCALAR);
  }

  #find(pattern: LinearPattern): (text: string) => boolean {
    return (text) => {
      this.meter.charge(matchSteps(pattern.size, text.length));
      return pattern.isFoundIn(text);
    };
  }

  /** For a policy that was stored before patterns had to be literals. */
  #findAny(): (text: string, pattern: unknown) => boolean {
    return (text, pattern) => {
      if (typeof pattern !== "string") throw new Error("matches() requires a pattern");
      this.meter.charge(compileSteps(pattern.length));
      const compiled = new PatternCompiler().compile(pattern);
      if (typeof compiled === "string") throw new Error(`Invalid regular expression: ${pattern}`);
      return this.#find(compiled)(text);
    };
  }

  #count(node: CheckedNode, name: string): void {
    const { handle } = node;
    if (handle === undefined) return;
    this.isMetered = true;
    const isCalled = isCall(node);
    node.handle = (first, second, third, fourth) => {
      const values = isCalled ? (first as readonly unknown[]) : [first, second];
      const deepMax = COMPARED_PER_STEP * Math.max(0, this.meter.left);
      const measured = values.map((value) => extentOf(value, deepMax));
      this.meter.charge(workOf(name, measured).steps);
      return handle(first, second, third, fourth);
    };
  }

  /** `all`, `exists`, `||` and `&&` continue after an error, and creating an error costs far more than a step. */
  #countErrors(node: CheckedNode): void {
    const { handle } = node;
    this.isMetered = true;
    if (handle !== undefined) node.handle = this.#counted(handle);
    else {
      const { evaluate } = node.meta;
      node.setMeta("evaluate", (evaluator, one, context) => this.#counted(evaluate)(evaluator, one, context));
    }
  }

  #counted<A extends unknown[]>(run: (...given: A) => unknown): (...given: A) => unknown {
    return (...given) => {
      try {
        return run(...given);
      } catch (error) {
        if (error === ABSENT) throw error;
        if (error instanceof StepsExceeded || !this.meter.takeError()) throw stepsExceeded(BUDGET_EXCEEDED);
        throw error;
      }
    };
  }
}

const isCall = ({ op }: CheckedNode): boolean => op === "call" || op === "rcall";

/** Builds a list of literals once instead of for each payment. No operation modifies a list in place. */
function keepList(node: CheckedNode, operands: readonly CheckedNode[]): void {
  const values = operands.map(({ args }) => args);
  node.setMeta("evaluate", () => values);
}

/** Types rule out most errors. */
function mayThrow(node: CheckedNode, name: string, operands: readonly CheckedNode[]): boolean {
  const types = operands.map(({ checkedType }) => checkedType);
  if (types.some((type) => type?.kind === "dyn")) return name !== "dyn" && name !== "list" && name !== "map";
  if (isCall(node)) return !CANNOT_THROW.has(name) && !name.startsWith("get");
  if (["+", "-", "*", "/", "%"].includes(name))
    return types.some((type) => type?.name === "int" || type?.name === "uint");
  return name === "[]" || (name === "." && types[0]?.kind !== "message");
}

function leaf({ pos }: CheckedNode, made: Extent): Cost {
  return { stepsMax: 1, stepsFixed: 1, made, loops: [], pos, mayBeAbsent: false };
}

function together({ pos }: CheckedNode, parts: readonly Cost[], own: number, fixed: number, made: Extent): Cost {
  const stepsMax = parts.reduce((sum, part) => sum + part.stepsMax, own);
  const stepsFixed = parts.reduce((sum, part) => sum + part.stepsFixed, fixed);
  const worst = parts.find((part) => part.stepsMax > stepsMax / 2);
  const mayBeAbsent = parts.some((part) => part.mayBeAbsent);
  return { stepsMax, stepsFixed, made, loops: worst?.loops ?? [], pos: worst?.pos ?? pos, mayBeAbsent };
}
