import type { ASTNode, Environment, ParseResult, TypeCheckResult } from "@marcbachmann/cel-js";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { LIST_KINDS } from "@tripline/contracts/generated/payment-fields";
import { LIST_EFFECTS } from "@tripline/contracts/lists/list-kinds";
import { celEnvironment, LISTS, SCORE, TEXT_VARIABLES } from "../policy-variables.js";
import type { Evaluation } from "./checked-node.js";
import { evaluationIn, nodesIn } from "./checked-node.js";
import { Condition } from "./condition.js";
import { PatternCompiler } from "./linear-pattern.js";
import type { StepEstimate } from "./prepare-steps.js";
import { RULE_STEPS_MAX } from "./step-meter.js";

export interface ExpressionFault {
  /** The message, which follows the name of the field. */
  readonly sentence: string;
  /** Offset in the expression; undefined if the whole expression is at fault. */
  readonly pos?: number;
}

export interface CheckedExpression {
  /** Undefined if there are faults. */
  readonly condition: Condition | undefined;
  /** Whether it reads lists but no features. */
  readonly readsListsOnly: boolean;
  readonly readsLists: boolean;
  readonly faults: readonly ExpressionFault[];
  /**
   * Why the expression may be too expensive; empty if it is always cheap enough. A new policy with such a rule is
   * rejected. In a stored policy, the rule is skipped for payments for which it is too expensive.
   */
  readonly costFaults: readonly ExpressionFault[];
}

interface Parsed {
  readonly result: TypeCheckResult;
  readonly parsed: ParseResult | undefined;
  readonly isBounded: boolean;
}

const READS_LISTS = new RegExp(`\\b${LISTS}\\.`);
const MENTIONS_SCORE = new RegExp(`\\b${SCORE}\\b`);
const KEYS_SENTENCE = "has a map whose keys are not literals, so its type may grow without limit: use literal keys";
const TOO_DEEP: TypeCheckResult = { valid: true, type: "bool" };

/** Checks and compiles the conditions of one policy's rules. */
export class ExpressionChecker {
  readonly #environment: Environment;
  readonly #environmentWithScore: Environment;
  readonly #environmentWithoutFeatures: Environment;
  readonly #patterns = new PatternCompiler();

  /** Opens an evaluation for the values of a payment. */
  readonly evaluationOf: (values: Readonly<Record<string, unknown>>) => Evaluation;

  constructor(spec: FeatureSpec) {
    this.#environment = celEnvironment(spec, { withScore: false });
    this.#environmentWithScore = celEnvironment(spec, { withScore: true });
    this.#environmentWithoutFeatures = celEnvironment({ ...spec, features: [] }, { withScore: false });
    this.evaluationOf = evaluationIn(this.#environmentWithScore);
  }

  check(text: string, needsScore: boolean): CheckedExpression {
    // All rules are compiled in one environment, so that they can share one evaluation.
    const withScore = parse(this.#environmentWithScore, text);
    const withoutScore = MENTIONS_SCORE.test(text) ? parse(this.#environment, text) : withScore;
    const { parsed, isBounded } = withScore;
    const { result } = needsScore ? withScore : withoutScore;
    if (parsed === undefined || !result.valid) return invalid(this.#explain(result, text, needsScore));
    if (result.type !== "bool") {
      return invalid({ sentence: `must be true or false, but has the type ${result.type ?? "unknown"}` });
    }
    if (needsScore && withoutScore.result.valid && isBounded) {
      return invalid({
        sentence: "does not read the score, so needs_score: true would only skip the rule for payments without a score",
      });
    }
    const condition = new Condition(parsed, isBounded, { texts: TEXT_VARIABLES, patterns: this.#patterns });
    const { estimate } = condition;
    const costFaults = estimate === undefined ? [{ sentence: KEYS_SENTENCE }] : costFaultsOf(estimate);
    const readsLists = READS_LISTS.test(text);
    const readsListsOnly = readsLists && parse(this.#environmentWithoutFeatures, text).result.valid;
    return { condition, readsListsOnly, readsLists, faults: [], costFaults };
  }

  #explain({ error }: TypeCheckResult, text: string, needsScore: boolean): ExpressionFault {
    const summary = error?.summary ?? "it cannot be read";
    const hint =
      !needsScore && parse(this.#environmentWithScore, text).result.valid
        ? "; to read the score, add needs_score: true to the rule"
        : summary.startsWith("No such key")
          ? `; ${LISTS} contains ${LIST_EFFECTS.join(", ")}, and each of these contains ${LIST_KINDS.join(", ")} and any`
          : "";
    return { sentence: `is not a valid expression: ${summary}${hint}`, pos: error?.range?.start ?? 0 };
  }
}

function invalid(fault: ExpressionFault): CheckedExpression {
  return { condition: undefined, readsListsOnly: false, readsLists: false, faults: [fault], costFaults: [] };
}

/** Skips the type check if it could take extremely long. */
function parse(environment: Environment, text: string): Parsed {
  let parsed: ParseResult;
  try {
    parsed = environment.parse(text);
  } catch {
    return { result: environment.check(text), parsed: undefined, isBounded: false };
  }
  const isBounded = !text.includes("{") || hasLiteralKeys(parsed.ast);
  return { result: isBounded ? parsed.check() : TOO_DEEP, parsed, isBounded };
}

/**
 * The type of a map contains the types of its keys and values. If both come from the same variable, the type doubles in
 * size with each nested map: checking `[1].map(x, {x: x}).map(y, {y: y})…` with 269 characters took 6 s and 500 MB.
 */
function hasLiteralKeys(ast: ASTNode): boolean {
  const { op, args } = ast;
  if (op === "map" && !args.every(([key]) => key.op === "value")) return false;
  return nodesIn(args).every(hasLiteralKeys);
}

function costFaultsOf({ stepsMax, loops, pos, patternFaults }: StepEstimate): ExpressionFault[] {
  const patterns = patternFaults.map(({ why, pos: at }) => ({
    sentence: `has a pattern that ${why}; matches() requires a literal in RE2 syntax, without lookaheads or backreferences`,
    pos: at,
  }));
  if (stepsMax <= RULE_STEPS_MAX) return patterns;
  const because = loops.length === 0 ? "" : `: it iterates over ${loops.map(written).join(" × ")} items`;
  const fix = loops.length < 2 ? "shorten its lists, texts and patterns" : "compare with `in`, or shorten the lists";
  const limit = `more than the limit of ${written(RULE_STEPS_MAX)} per rule`;
  return [...patterns, { sentence: `can take ${written(stepsMax)} steps, ${limit}${because}; ${fix}`, pos }];
}

/** `312,500,000`. */
export function written(steps: number): string {
  return steps > 1e12 ? "more than a trillion" : steps.toLocaleString("en");
}
