import { createHash } from "node:crypto";
import { TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import type { Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { z } from "zod";
import { SHARED_SENTENCE, sharedReasons } from "./attributes/shared-reasons.js";
import { dayIn } from "./budgets.js";
import type { ExpressionFault } from "./conditions/check-expression.js";
import { ExpressionChecker } from "./conditions/check-expression.js";
import { sumFault } from "./conditions/sum-of-steps.js";
import { parseExploration } from "./exploration/parse-exploration.js";
import { featureUnits, featureWords } from "./feature-words.js";
import type { Unit } from "./format-value.js";
import { PERSONAL_VARIABLES } from "./generated/field-variables.js";
import { ENTRY_PLACEHOLDERS } from "./lists/list-facts.js";
import type {
  AmountRow,
  Answer,
  Band,
  Budget,
  Exploration,
  Policy,
  Rule,
  RuleExample,
  SpentAnswer,
  StaticAnswer,
} from "./policy.js";
import { OUTCOME_OF } from "./policy.js";
import {
  amountSchema,
  bandSchema,
  budgetSchema,
  exampleSchema,
  explorationSchema,
  fileSchema,
  guardSchema,
  minorUnits,
  missingHint,
  ruleSchema,
  rulesOf,
  spentSchema,
  staticSchema,
  TENANTS_MAX,
} from "./policy-file.js";
import { PolicySource } from "./policy-text/policy-source.js";
import {
  BY_SCORECARD,
  HAS_SCORE,
  PAYMENT_VARIABLES,
  PER_DAY,
  RESERVED_NAMES,
  SCORE,
  VARIABLE_UNITS,
} from "./policy-variables.js";
import { readFeatures } from "./read-features.js";
import type { Template } from "./render-text.js";
import { parseTemplate } from "./render-text.js";
import { wordingVersion } from "./wording-version.js";

const FILE_CHARACTERS_MAX = 1_000_000;
/** Further faults are not listed, because the author checks again after fixing these. */
const FAULTS_MAX = 100;

type AnswerFile = Omit<z.infer<typeof staticSchema>, "by_amount">;
type Path = readonly PropertyKey[];

/**
 * Parses and checks a policy: one YAML file with rules, score bands and default decisions. Expressions and sentences
 * are checked against the features of `spec`, so that every detectable fault is found here and not later on a payment.
 *
 * @param revision the policy's number in the control plane
 * @throws TriplineError `policy-invalid`; its message and `fields` contain one sentence per fault, each with
 *   `file:line:column`.
 */
export function parsePolicy(text: string, spec: FeatureSpec, fileName = "policy.yaml", revision = 0): Policy {
  const { policy, faults, costFaults } = checkText(text, spec, fileName);
  if (policy === undefined || faults.length + costFaults.length > 0) throw invalid([...faults, ...costFaults]);
  return { ...policy, revision };
}

/**
 * Parses a policy that was valid when it was stored, possibly by a release with other cost limits. If it exceeds
 * today's limits, it is still accepted, with `costFaults`.
 */
export function parseStoredPolicy(text: string, spec: FeatureSpec, fileName = "policy.yaml", revision = 0): Policy {
  const { policy, faults } = checkText(text, spec, fileName);
  if (policy === undefined || faults.length > 0) throw invalid(faults);
  return { ...policy, revision };
}

interface CheckedText {
  readonly policy: Omit<Policy, "revision"> | undefined;
  readonly faults: readonly string[];
  readonly costFaults: readonly string[];
}

function checkText(text: string, spec: FeatureSpec, fileName: string): CheckedText {
  const none = { policy: undefined, costFaults: [] };
  if (text.length > FILE_CHARACTERS_MAX) {
    return { ...none, faults: [`${fileName}:1:1 The file is longer than ${FILE_CHARACTERS_MAX} characters.`] };
  }
  const source = new PolicySource(text, fileName);
  const syntax = source.syntaxFaults();
  if (syntax.length > 0) return { ...none, faults: syntax };
  const checker = new PolicyChecker(source, spec);
  const policy = checker.check(createHash("sha256").update(text).digest("hex").slice(0, 8));
  return { policy, faults: checker.faults, costFaults: checker.costFaults };
}

/** Its `fields` contain the first `FAULTS_MAX` faults. */
function invalid(faults: readonly string[]): TriplineError {
  const listed = faults.slice(0, FAULTS_MAX);
  const fields = listed.map((detail) => ({ pointer: "", detail }));
  return new TriplineError("policy-invalid", listed.join("\n"), fields);
}

/** Collects every fault instead of stopping at the first, so that all of them can be fixed in one go. */
class PolicyChecker {
  readonly faults: string[] = [];
  readonly costFaults: string[] = [];
  readonly #source: PolicySource;
  readonly #spec: FeatureSpec;
  readonly #expressions: ExpressionChecker;
  readonly #ruleNames: ReadonlySet<string>;
  readonly #units: ReadonlyMap<string, Unit>;
  readonly #staticNames: ReadonlySet<string> = new Set(
    Object.keys(PAYMENT_VARIABLES).filter((name) => !PERSONAL_VARIABLES.includes(name)),
  );

  constructor(source: PolicySource, spec: FeatureSpec) {
    this.#source = source;
    this.#spec = spec;
    const clash = spec.features.find((feature) => RESERVED_NAMES.includes(feature.name));
    if (clash !== undefined) throw invalid([`${source.fileName}:1:1 A feature must not be named "${clash.name}".`]);
    this.#units = new Map([...featureUnits(spec), ...VARIABLE_UNITS]);
    this.#expressions = new ExpressionChecker(spec);
    const names = spec.features.flatMap(({ kind, name }) => (kind === "category" ? [] : [name]));
    this.#ruleNames = new Set([...this.#staticNames, HAS_SCORE, BY_SCORECARD, ...ENTRY_PLACEHOLDERS, ...names]);
  }

  check(digest: string): Omit<Policy, "revision"> | undefined {
    const value = this.#source.toObject();
    const file = this.#shape(fileSchema, value, []);
    if (file === undefined) {
      // A fault in the top-level structure of the file must not hide faults in its rules.
      this.#rules(rulesOf(value));
      return undefined;
    }
    if (file.rules.length + file.bands.length === 0) {
      this.faults.push(`${this.#source.fileName}:1:1 A policy without rules and bands would approve every payment.`);
    }
    const staticByTenant = new Map<string, StaticAnswer>();
    for (const [tenant, value] of Object.entries(file.default_decision.tenants).slice(0, TENANTS_MAX)) {
      const item = this.#static(value, ["default_decision", "tenants", tenant]);
      if (item !== undefined) staticByTenant.set(tenant, item);
    }
    if (Object.keys(file.default_decision.tenants).length > TENANTS_MAX) {
      this.#fault(["default_decision", "tenants"], `must have at most ${TENANTS_MAX} entries`);
    }
    const staticDefault = this.#static(file.default_decision.default, ["default_decision", "default"]);
    const rules = this.#rules(file.rules);
    const costly = this.costFaults.length === 0 ? sumFault(rules) : undefined;
    if (costly !== undefined) this.costFaults.push(`${this.#source.at(["rules"])} ${costly}`);
    const bands = this.#bands(file.bands);
    const budgets = this.#budgets(file.budgets);
    const exploration = file.exploration === undefined ? undefined : this.#exploration(file.exploration);
    const guard = file.guard === undefined ? undefined : this.#shape(guardSchema, file.guard, ["guard"]);
    if (staticDefault === undefined) return undefined;
    for (const path of sharedReasons(file, rules)) this.#fault(path, SHARED_SENTENCE);
    const words = featureWords(this.#spec);
    return {
      version: `${file.version}+${digest}`,
      specVersion: this.#spec.version,
      featureNames: this.#spec.features.map((feature) => feature.name),
      readFeatures: readFeatures(this.#spec, rules, bands),
      featureWords: words,
      wordingVersion: wordingVersion(words),
      rules,
      evaluationOf: this.#expressions.evaluationOf,
      bands,
      budgets,
      exploration,
      guard: guard && {
        watchSeconds: guard.watch_seconds,
        cardsMin: guard.cards_min,
        outcomePointsMax: guard.outcome_points_max,
      },
      staticDefault,
      staticByTenant,
      costFaults: this.costFaults,
    };
  }

  #static(value: unknown, path: Path): StaticAnswer | undefined {
    const item = this.#shape(staticSchema, value, path);
    const said = item === undefined ? undefined : this.#answer(item, path, this.#staticNames);
    if (item === undefined || said === undefined) return undefined;
    return { ...said, byAmount: this.#amounts(item.by_amount, said, [...path, "by_amount"]) };
  }

  #amounts(values: readonly unknown[], otherwise: Answer, listPath: Path): AmountRow[] {
    const rows: AmountRow[] = [];
    values.forEach((value, index) => {
      const path = [...listPath, index];
      const item = this.#shape(amountSchema, value, path);
      const said = item === undefined ? undefined : this.#answer(item, path, this.#staticNames);
      if (item === undefined || said === undefined) return;
      const { below, currency } = item;
      const belowMinor = minorUnits(below, currency, (sentence) => this.#fault([...path, "below"], sentence));
      const lower = rows.findLast((row) => row.currency === currency);
      if (lower !== undefined && belowMinor <= lower.belowMinor) {
        this.#fault([...path, "below"], `must be greater than that of the previous row in ${currency}`);
      }
      // A smaller amount must not get a stricter outcome than a larger one.
      if (said.outcome > otherwise.outcome) {
        this.#fault([...path, "action"], "must not be stricter than the outcome for larger amounts");
      } else if (lower !== undefined && said.outcome < lower.outcome) {
        this.#fault([...path, "action"], `must not be milder than that of the previous row in ${currency}`);
      }
      rows.push({ ...said, currency, belowMinor });
    });
    return rows;
  }

  #rules(values: readonly unknown[]): Rule[] {
    const lineById = new Map<string, string>();
    const rules: Rule[] = [];
    values.forEach((value, index) => {
      const path = ["rules", index];
      const item = this.#shape(ruleSchema, value, path);
      if (item === undefined) return;
      const first = lineById.get(item.id);
      if (first !== undefined) this.#fault([...path, "id"], `"${item.id}" is already defined at ${first}`);
      else lineById.set(item.id, this.#source.at([...path, "id"]));
      const whenPath = [...path, "when"];
      const {
        condition: when,
        readsListsOnly,
        readsLists,
        ...checked
      } = this.#expressions.check(item.when, item.needs_score);
      for (const fault of checked.faults) this.faults.push(this.#expressionFault(item.when, whenPath, fault));
      for (const fault of checked.costFaults) this.costFaults.push(this.#expressionFault(item.when, whenPath, fault));
      const names = item.needs_score ? new Set([...this.#ruleNames, SCORE]) : this.#ruleNames;
      const said = this.#answer(item, path, names);
      if (when !== undefined && said !== undefined) {
        const { id, needs_score: needsScore, overrides_score: overridesScore, mode, percent } = item;
        const { ignores_budget: ignoresBudget, never_explored: neverExplored } = item;
        const named = { id, needsScore, overridesScore, ignoresBudget, neverExplored, mode, percent };
        const examples = this.#examples(item.examples, names, [...path, "examples"]);
        rules.push({ ...said, ...named, when, readsListsOnly, readsLists, examples });
      }
    });
    return rules;
  }

  #examples(values: readonly unknown[], names: ReadonlySet<string>, listPath: Path): RuleExample[] {
    return values.flatMap((value, index) => {
      const path = [...listPath, index];
      const item = this.#shape(exampleSchema, value, path);
      if (item === undefined) return [];
      const unknown = Object.keys(item.values).filter((name) => !names.has(name));
      for (const name of unknown) this.#fault([...path, "values", name], "is not a value that this rule can read");
      return [{ ...item, at: this.#source.at(path) }];
    });
  }

  #expressionFault(text: string, path: Path, { sentence, pos }: ExpressionFault): string {
    const place = pos === undefined ? this.#source.at(path) : this.#source.insideText(path, text, pos);
    return `${place} ${path.join(".")} ${sentence}.`;
  }

  #bands(values: readonly unknown[]): Band[] {
    const names = new Set([...this.#ruleNames, SCORE]);
    const bands: Band[] = [];
    values.forEach((value, index) => {
      const path = ["bands", index];
      const item = this.#shape(bandSchema, value, path);
      if (item === undefined) return;
      const said = this.#answer(item, path, names);
      if (said === undefined) return;
      const band = { ...said, atLeast: item.at_least };
      const above = bands.at(-1);
      if (above !== undefined && band.atLeast >= above.atLeast) {
        this.#fault([...path, "at_least"], `must be below the ${above.atLeast} of the previous band`);
      }
      if (above !== undefined && band.outcome > above.outcome) {
        this.#fault([...path, "action"], "must not be stricter than that of the previous band");
      }
      bands.push(band);
    });
    return bands;
  }

  #exploration(value: unknown): Exploration | undefined {
    const item = this.#shape(explorationSchema, value, ["exploration"]);
    if (item === undefined) return undefined;
    const answer = { action: "approve", reason: item.reason, text: item.text } as const;
    const said = this.#answer(answer, ["exploration"], new Set([...this.#staticNames, SCORE]));
    if (said === undefined) return undefined;
    return parseExploration(item, said, (path, sentence) => this.#fault(["exploration", ...path], sentence));
  }

  #budgets(values: readonly unknown[]): Budget[] {
    const budgets: Budget[] = [];
    values.forEach((value, index) => {
      const path = ["budgets", index];
      const item = this.#shape(budgetSchema, value, path);
      if (item === undefined) return;
      const outcome = OUTCOME_OF[item.action];
      if (budgets.some((other) => other.outcome === outcome)) {
        this.#fault([...path, "action"], `"${item.action}" already has a budget`);
      }
      const whenSpent = this.#whenSpent(item.when_spent, outcome, [...path, "when_spent"]);
      const { per_day: perDay, time_zone: timeZone } = item;
      const perDayByTenant = new Map(Object.entries(item.tenants));
      budgets.push({ outcome, perDay, perDayByTenant, dayOf: dayIn(timeZone), whenSpent });
    });
    const [one, other] = budgets;
    const sends = (from: Budget, to: Budget) => from.whenSpent.some(({ outcome }) => outcome === to.outcome);
    if (one !== undefined && other !== undefined && sends(one, other) && sends(other, one)) {
      this.#fault(["budgets"], "must not refer to each other: the outcome is undefined when both are spent");
    }
    return budgets;
  }

  /** A payment must not be approved just because there was neither time to review it nor a score. */
  #whenSpent(values: readonly unknown[], budgeted: Outcome, listPath: Path): SpentAnswer[] {
    const rows: SpentAnswer[] = [];
    values.forEach((value, index) => {
      const path = [...listPath, index];
      const item = this.#shape(spentSchema, value, path);
      if (item === undefined) return;
      const isLast = index === values.length - 1;
      const scoreBelow = item.score_below;
      const names = new Set([...this.#staticNames, PER_DAY, ...(scoreBelow === undefined ? [] : [SCORE])]);
      const said = this.#answer(item, path, names);
      if (said === undefined) return;
      const above = rows.at(-1)?.scoreBelow;
      if (isLast !== (scoreBelow === undefined)) {
        const rest = "the last row applies to all other payments";
        this.#fault(path, isLast ? `must not have score_below: ${rest}` : `must have score_below: only ${rest}`);
      } else if (scoreBelow !== undefined && above !== undefined && scoreBelow <= above) {
        this.#fault([...path, "score_below"], `must be greater than the ${above} of the previous row`);
      }
      if (said.outcome === budgeted)
        this.#fault([...path, "action"], "must differ from the action that the budget limits");
      if (isLast && said.outcome === OUTCOME_OF.approve) {
        this.#fault([...path, "action"], "must not approve payments without a score: approve with score_below");
      }
      rows.push({ ...said, scoreBelow });
    });
    if (values.length === 0) this.#fault(listPath, "must define what applies when the budget is spent");
    return rows;
  }

  #answer(item: AnswerFile, path: Path, names: ReadonlySet<string>): Answer | undefined {
    const text = this.#template(item.text, [...path, "text"], names);
    return text === undefined ? undefined : { outcome: OUTCOME_OF[item.action], code: item.reason, text };
  }

  #template(text: string, path: Path, names: ReadonlySet<string>): Template | undefined {
    const template = parseTemplate(text, (name) => this.#units.get(name));
    if (template === undefined) {
      this.#fault(path, "has a brace that is not part of a {placeholder} or {placeholder:one/other}");
      return undefined;
    }
    const unknown = template.names.filter((name) => !names.has(name));
    for (const name of new Set(unknown)) this.#fault(path, `contains the unknown placeholder {${name}}`);
    return unknown.length === 0 ? template : undefined;
  }

  #shape<S extends z.ZodType>(schema: S, value: unknown, path: Path): z.infer<S> | undefined {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      const at = [...path, ...issue.path];
      if (issue.code === "unrecognized_keys") {
        for (const key of issue.keys.slice(0, FAULTS_MAX)) this.#fault([...at, key], "is not a known field");
      } else {
        this.#fault(at, `${issue.message}${issue.code === "invalid_type" ? missingHint(value, issue.path) : ""}`);
      }
    }
    return undefined;
  }

  #fault(path: Path, sentence: string): void {
    const subject = path.length === 0 ? "The file" : this.#source.inFile(path).join(".");
    this.faults.push(`${this.#source.at(path)} ${subject} ${sentence}.`);
  }
}
