import type { ASTNode } from "@marcbachmann/cel-js";
import type { CheckedNode } from "../conditions/checked-node.js";
import { nodesIn, operandsOf, wrapEvaluate } from "../conditions/checked-node.js";
import { StepsExceeded } from "../conditions/step-meter.js";
import { ATTRIBUTES } from "../policy-variables.js";

/**
 * Thrown when an expression reads an attribute that was not sent. A single shared object, because nobody needs its
 * stack trace.
 */
export const ABSENT = new Error("The attribute was not sent.");

/** Number of steps for reading an attribute, including the cost of `ABSENT` and its handling. */
export const ATTRIBUTE_STEPS = 100;

/** The error that one of our own functions throws for an operand of the wrong type. */
export function mismatch(message: string): Error {
  return Object.assign(new Error(message), { code: "no_matching_overload" });
}

/** Whether an expression reads attributes. */
export function mentionsAttributes({ op, args }: ASTNode): boolean {
  return (op === "id" && args === ATTRIBUTES) || nodesIn(args).some(mentionsAttributes);
}

/** Whether the node is `attributes["name"]` or `attributes.name`. */
export function isAttributeRead(node: CheckedNode): boolean {
  if (node.op !== "[]" && node.op !== ".") return false;
  const [from] = operandsOf(node);
  return from?.op === "id" && from.args === ATTRIBUTES;
}

/** Makes the node throw `ABSENT` when it reads an attribute that was not sent. */
export function readAttribute(node: CheckedNode): void {
  node.handle = (attributes, name) => {
    const value = attributes instanceof Map ? (attributes.get(name) as unknown) : undefined;
    if (value === undefined) throw ABSENT;
    return value;
  };
}

/**
 * Gives a condition this value if it reads an attribute that was not sent, or if it fails because of an attribute, such
 * as a text that is not a number. Attributes are not declared in advance, so a client must not be able to make a rule
 * fail with them.
 */
export function whenAbsent(node: CheckedNode, value: boolean): void {
  wrapEvaluate(node, (evaluate) => (evaluator, one, context) => {
    try {
      const found = evaluate(evaluator, one, context);
      return typeof found === "boolean" ? found : value;
    } catch (error) {
      if (error === ABSENT || isEvaluationError(error)) return value;
      throw error;
    }
  });
}

/** Errors of cel-js have a code. */
function isEvaluationError(error: unknown): boolean {
  return error instanceof Error && "code" in error && !(error instanceof StepsExceeded);
}
