import type { ASTNode } from "@marcbachmann/cel-js";
import { serialize } from "@marcbachmann/cel-js";
import { mentionsAttributes } from "../attributes/absent-attributes.js";
import type { Condition } from "./condition.js";

/** One requirement of a condition. A case is true if all its requirements are met. */
export type Demand =
  | { readonly of: "number"; readonly term: string; readonly op: Order; readonly bound: number }
  | { readonly of: "text"; readonly term: string; readonly values: readonly string[]; readonly isIn: boolean }
  /** Any other boolean: a list, a comparison of two variables, or a call. */
  | { readonly of: "flag"; readonly term: string; readonly holds: boolean };

export type Order = "<" | "<=" | ">" | ">=";
export type Case = readonly Demand[];

/** A condition with more cases is not analysed. */
const CASES_MAX = 64;

const NEGATED: Readonly<Record<Order, Order>> = { "<": ">=", "<=": ">", ">": "<=", ">=": "<" };
const MIRRORED: Readonly<Record<Order, Order>> = { "<": ">", "<=": ">=", ">": "<", ">=": "<=" };

/**
 * A condition as cases (its disjunctive normal form): whenever the condition is true, at least one case is. Undefined
 * for a condition with more than 64 cases. Sound for variables that are never NaN, as features are. Computed values can
 * be NaN, so a comparison of a computed value becomes a single flag, and is not negated into the opposite comparison.
 */
export function casesOf(condition: Pick<Condition, "ast">): readonly Case[] | undefined {
  try {
    return expand(condition.ast, true);
  } catch (error) {
    if (error instanceof TooManyCases) return undefined;
    throw error;
  }
}

class TooManyCases extends Error {}

function expand(node: ASTNode, holds: boolean): readonly Case[] {
  // If the attribute was not sent, `==`, `<` and `>=` are all false.
  if (node.op !== "!_" && node.op !== "&&" && node.op !== "||" && mentionsAttributes(node))
    return [[flag(serialize(node), holds)]];
  switch (node.op) {
    case "!_":
      return expand(node.args, !holds);
    case "&&":
    case "||": {
      const [left, right] = [expand(node.args[0], holds), expand(node.args[1], holds)];
      const cases = (node.op === "&&") === holds ? cross(left, right) : [...left, ...right];
      if (cases.length > CASES_MAX) throw new TooManyCases();
      return cases;
    }
    case "value":
      if (typeof node.args !== "boolean") break;
      return node.args === holds ? [[]] : [];
    case "<":
    case "<=":
    case ">":
    case ">=":
      return [[order(node, node.op, holds)]];
    case "==":
      return equality(node.args, holds);
    case "!=":
      return equality(node.args, !holds);
    case "in":
      return [[membership(node, node.args, holds)]];
  }
  return [[flag(serialize(node), holds)]];
}

function cross(left: readonly Case[], right: readonly Case[]): readonly Case[] {
  return left.flatMap((one) => right.map((other) => [...one, ...other]));
}

function order(node: Extract<ASTNode, { op: Order }>, op: Order, holds: boolean): Demand {
  const [left, right] = node.args;
  const sides = [
    { side: left, bound: numberOf(right), op },
    { side: right, bound: numberOf(left), op: MIRRORED[op] },
  ];
  for (const { side, bound, op: read } of sides) {
    if (bound === undefined || (!holds && side.op !== "id")) continue;
    return { of: "number", term: serialize(side), op: holds ? read : NEGATED[read], bound };
  }
  return flag(serialize(node), holds);
}

function equality([left, right]: [ASTNode, ASTNode], holds: boolean): readonly Case[] {
  const text = textOf(right) ?? textOf(left);
  const side = textOf(right) === undefined ? right : left;
  if (text !== undefined) return [[{ of: "text", term: serialize(side), values: [text], isIn: holds }]];
  const [bound, term] = [numberOf(right), serialize(left)];
  // The same term represents `a == b` and `a != b`, which are opposites.
  if (bound === undefined || !holds) return [[flag(`${term} == ${serialize(right)}`, holds)]];
  const ends = (["<=", ">="] as const).map((op): Demand => ({ of: "number", term, op, bound }));
  return [ends];
}

function membership(node: ASTNode, [item, list]: [ASTNode, ASTNode], isIn: boolean): Demand {
  const values = list.op === "list" ? list.args.map(textOf) : [undefined];
  if (!values.every((value) => value !== undefined)) return flag(serialize(node), isIn);
  return { of: "text", term: serialize(item), values, isIn };
}

const flag = (term: string, holds: boolean): Demand => ({ of: "flag", term, holds });

function textOf(node: ASTNode): string | undefined {
  return node.op === "value" && typeof node.args === "string" ? node.args : undefined;
}

function numberOf(node: ASTNode): number | undefined {
  if (node.op === "-_") {
    const positive = numberOf(node.args);
    return positive === undefined ? undefined : -positive;
  }
  if (node.op !== "value") return undefined;
  return typeof node.args === "number" || typeof node.args === "bigint" ? Number(node.args) : undefined;
}
