import { currencyDecimals, isCurrency } from "@tripline/contracts/currency";
import { LIST_KINDS } from "@tripline/contracts/generated/payment-fields";
import { LIST_EFFECTS } from "@tripline/contracts/lists/list-kinds";
import { isTimeZone } from "@tripline/contracts/time-zone";
import { z } from "zod";
import { ACTIONS, BUDGETED_ACTIONS, RULE_MODES } from "./policy.js";
import { DEFAULT_GUARD } from "./rollouts/guard-in-effect.js";

/** The schema of a policy file. `parsePolicy` checks what its parts mean and whether they are consistent. */

const RULES_MAX = 500;
const BANDS_MAX = 20;
/** Per rule. */
const EXAMPLES_MAX = 50;
export const TENANTS_MAX = 10_000;
/** Maximum number of `by_amount` rows per tenant. */
const AMOUNTS_MAX = 100;
/** Maximum number of `when_spent` rows per budget. */
const SPENT_ROWS_MAX = 20;
/** Currencies with a limit for exploration. */
const LIMITS_MAX = 200;
const KEY_CHARACTERS_MIN = 16;
const PER_DAY_MAX = 1_000_000_000;
const list = (max: number) =>
  z.array(z.unknown(), "must be a list").max(max, `must have at most ${max} entries`).default([]);

const answer = {
  action: z.enum(ACTIONS, `must be one of ${ACTIONS.join(", ")}`),
  reason: z.string("must be a reason code").regex(/^[A-Z][A-Z0-9_]{1,63}$/, "must be upper case, such as BIG_AMOUNT"),
  text: z.string("must be a sentence").min(1, "must not be empty").max(500, "is longer than 500 characters"),
};
export const ruleSchema = z.strictObject(
  {
    id: z
      .string("must be an id")
      .regex(/^[a-z][a-z0-9-]{0,63}$/, "must be lower case with hyphens, such as big-amount"),
    when: z
      .string("must be a CEL expression")
      .min(1, "must not be empty")
      .max(2_000, "is longer than 2,000 characters"),
    needs_score: z.boolean("must be true or false").default(false),
    overrides_score: z.boolean("must be true or false").default(false),
    ignores_budget: z
      .boolean("must be true or false")
      .default(false)
      .meta({ description: "Its action applies even if the day's budget is spent, and counts against it." }),
    never_explored: z
      .boolean("must be true or false")
      .default(false)
      .meta({ description: "A payment on which the rule fires is never explored." }),
    mode: z
      .enum(RULE_MODES, `must be one of ${RULE_MODES.join(", ")}`)
      .default("live")
      .meta({
        description: "live: it decides. shadow: its result is recorded but has no effect. off: it is not evaluated.",
      }),
    percent: z
      .number("must be a number from 0 to 100")
      .min(0, "must be from 0 to 100")
      .max(100, "must be from 0 to 100")
      .default(100)
      .meta({
        description:
          "A live rule decides for this share of cards, always the same ones. For all other cards, it runs in shadow.",
      }),
    examples: list(EXAMPLES_MAX),
    ...answer,
  },
  "must be a mapping with id, when, reason, action and text",
);
const plainValue = z.union([z.number(), z.string(), z.boolean()], "must be a number, a string, true or false");
/** An example payment, and whether the rule fires on it. Omitted values have the defaults of the features. */
export const exampleSchema = z.strictObject(
  {
    fires: z.boolean("must be true or false"),
    values: z
      .record(z.string(), plainValue)
      .default({})
      .meta({ description: "Features, fields of the payment and `score`, by name." }),
    lists: z
      .array(
        z.strictObject({
          list: z.string().default(""),
          kind: z.enum(LIST_KINDS, `must be one of ${LIST_KINDS.join(", ")}`),
          effect: z.enum(LIST_EFFECTS, `must be one of ${LIST_EFFECTS.join(", ")}`),
        }),
      )
      .default([])
      .meta({ description: "Lists that the payment is on." }),
    attributes: z
      .record(z.string(), plainValue)
      .default({})
      .meta({ description: "Attributes that were sent with the payment, by name." }),
  },
  "must be a mapping with fires and values",
);
export const bandSchema = z.strictObject(
  {
    at_least: z.number("must be a number from 0 to 1").min(0, "must be from 0 to 1").max(1, "must be from 0 to 1"),
    ...answer,
  },
  "must be a mapping with at_least, action, reason and text",
);
export const staticSchema = z.strictObject(
  { by_amount: list(AMOUNTS_MAX), ...answer },
  "must be a mapping with action, reason and text",
);
export const amountSchema = z.strictObject(
  {
    below: z.number("must be an amount, such as 50.00").positive("must be above 0"),
    currency: z.string("must be a currency").refine(isCurrency, "must be an ISO 4217 currency, such as EUR"),
    ...answer,
  },
  "must be a mapping with below, currency, action, reason and text",
);
export const spentSchema = z.strictObject(
  {
    score_below: z
      .number("must be a number from 0 to 1")
      .min(0, "must be from 0 to 1")
      .max(1, "must be from 0 to 1")
      .optional()
      .meta({
        description:
          "Applies only to payments with a lower score. The last row applies to all others, so it has no limit.",
      }),
    ...answer,
  },
  "must be a mapping with action, reason and text, and score_below in all rows but the last",
);
const timeZone = z
  .string("must be a time zone, such as Europe/Berlin")
  .refine(isTimeZone, "must be a time zone, such as Europe/Berlin")
  .meta({ description: "Time zone whose midnight begins the day: an IANA name, or UTC." });
const perDay = z.int("must be a whole number").min(0, "must be 0 or more").max(PER_DAY_MAX, "is too large");
export const budgetSchema = z.strictObject(
  {
    action: z.enum(BUDGETED_ACTIONS, `must be one of ${BUDGETED_ACTIONS.join(", ")}`),
    per_day: perDay.meta({ description: "Maximum number of a tenant's payments per day with this action." }),
    tenants: z
      .record(z.string(), perDay, "must be a mapping of tenants to whole numbers")
      .default({})
      .meta({ description: "Other limits, by tenant." }),
    time_zone: timeZone,
    when_spent: list(SPENT_ROWS_MAX),
  },
  "must be a mapping with action, per_day, time_zone and when_spent",
);
const amountOf = z.number("must be an amount, such as 50.00").positive("must be above 0");
/** Approves a random share of the declines, so that training also learns from them. */
export const explorationSchema = z.strictObject(
  {
    share: z
      .number("must be a number above 0 and at most 1")
      .positive("must be above 0")
      .max(1, "must be at most 1")
      .meta({ description: "Share of the declines within the limits that are approved instead." }),
    key: z
      .string("must be random text")
      .min(KEY_CHARACTERS_MIN, `must have at least ${KEY_CHARACTERS_MIN} characters`)
      .max(200, "is longer than 200 characters")
      .meta({ description: "Random text that decides, together with the payment's id, which payments are approved." }),
    time_zone: timeZone,
    limits: z
      .array(
        z.strictObject(
          {
            currency: z.string("must be a currency").refine(isCurrency, "must be an ISO 4217 currency, such as EUR"),
            amount_max: amountOf.meta({ description: "Larger payments are not explored." }),
            daily_loss_max: amountOf.meta({
              description: "Maximum total amount of a tenant's explored payments per day.",
            }),
          },
          "must be a mapping with currency, amount_max and daily_loss_max",
        ),
        "must be a list",
      )
      .min(1, "must have an entry for at least one currency")
      .max(LIMITS_MAX, `must have at most ${LIMITS_MAX} entries`),
    reason: answer.reason,
    text: answer.text,
  },
  "must be a mapping with share, key, time_zone, limits, reason and text",
);
export type ExplorationFile = z.infer<typeof explorationSchema>;
export const guardSchema = z.strictObject(
  {
    watch_seconds: z
      .int("must be a whole number of seconds")
      .min(10, "must be 10 or more")
      .max(86_400, "must be at most one day")
      .default(DEFAULT_GUARD.watchSeconds)
      .meta({
        description: "How long an activation is monitored, compared with an equally long period before it.",
      }),
    cards_min: z
      .int("must be a whole number")
      .min(2, "must be 2 or more")
      .max(1_000_000, "is too large")
      .default(DEFAULT_GUARD.cardsMin)
      .meta({ description: "Minimum number of cards that must have paid before and after the activation." }),
    outcome_points_max: z
      .number("must be a number from 0 to 1")
      .min(0, "must be from 0 to 1")
      .max(1, "must be from 0 to 1")
      .default(DEFAULT_GUARD.outcomePointsMax)
      .meta({ description: "Maximum increase in the share of any outcome." }),
  },
  "must be a mapping with watch_seconds, cards_min and outcome_points_max",
);
export const fileSchema = z.strictObject({
  version: z
    .union([z.string(), z.int()], "must be a string or a whole number")
    .transform(String)
    .pipe(z.string().regex(/^[A-Za-z0-9._-]{1,40}$/, "must be 1 to 40 letters, digits, dots, hyphens or underscores")),
  rules: list(RULES_MAX),
  bands: list(BANDS_MAX),
  budgets: list(BUDGETED_ACTIONS.length),
  exploration: z.unknown().optional(),
  guard: z.unknown().optional(),
  default_decision: z.strictObject(
    { default: z.unknown().optional(), tenants: z.record(z.string(), z.unknown(), "must be a mapping").default({}) },
    "must be a mapping with default and tenants",
  ),
});

/** The rules of a file whose other parts may be invalid; empty if `rules` is not a list. */
export function rulesOf(file: unknown): readonly unknown[] {
  const found = z.object({ rules: fileSchema.shape.rules }).safeParse(file);
  return found.success ? found.data.rules : [];
}

/** States that a field is missing, which "must be …" alone does not make clear. */
export function missingHint(value: unknown, path: readonly PropertyKey[]): string {
  let current: unknown = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null) return "";
    current = Reflect.get(current, key);
  }
  return current === undefined ? " (it is missing)" : "";
}

/**
 * The whole file, for editors. `parsePolicy` checks the parts one by one, so that a fault in one part does not hide
 * faults in other parts.
 */
export const policyFile = fileSchema.extend({
  rules: z
    .array(ruleSchema.extend({ examples: z.array(exampleSchema).max(EXAMPLES_MAX).default([]) }))
    .max(RULES_MAX)
    .default([]),
  bands: z.array(bandSchema).max(BANDS_MAX).default([]),
  budgets: z
    .array(budgetSchema.extend({ when_spent: z.array(spentSchema).min(1).max(SPENT_ROWS_MAX) }))
    .max(BUDGETED_ACTIONS.length)
    .default([]),
  exploration: explorationSchema.optional().meta({
    description: "Approves a random share of the declines, so that training learns from them too. Off by default.",
  }),
  guard: guardSchema.optional().meta({
    description:
      "An activation is monitored, and rolled back if it changes the outcomes too much. Without this section, the defaults apply.",
  }),
  default_decision: z.strictObject({
    default: staticSchema.extend({ by_amount: z.array(amountSchema).max(AMOUNTS_MAX).default([]) }),
    tenants: z
      .record(z.string(), staticSchema.extend({ by_amount: z.array(amountSchema).max(AMOUNTS_MAX).default([]) }))
      .default({}),
  }),
});

export type PolicyFile = z.infer<typeof policyFile>;

/** The JSON Schema that editors use to complete and validate a policy file. */
export function policyFileSchema(): object {
  return { title: "Tripline policy", ...z.toJSONSchema(policyFile, { io: "input", target: "draft-7" }) };
}

/**
 * Converts an amount from a policy file, in major units, to minor units, as in payments.
 *
 * @param fault called with a sentence if the amount has more decimals than the currency; the result is then rounded
 */
export function minorUnits(major: number, currency: string, fault: (sentence: string) => void): number {
  const decimals = currencyDecimals(currency);
  const minor = Math.round(major * 10 ** decimals);
  if (minor / 10 ** decimals !== major || !Number.isSafeInteger(minor)) {
    fault(`must have at most ${decimals} decimals in ${currency}`);
  }
  return minor;
}
