import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { StepBudget } from "@tripline/decision-engine/conditions/step-meter";
import { decide, NOTHING_UNUSUAL } from "@tripline/decision-engine/decide-payment";
import type { Policy } from "@tripline/decision-engine/policy";
import { celEnvironment } from "@tripline/decision-engine/policy-variables";
import type { Engine } from "json-rules-engine";
import { prepareWorld } from "../e2e/world/prepare-world.js";
import type { BenchContext } from "../harness/bench-context.js";
import { BenchError } from "../harness/bench-error.js";
import { ownCpu } from "../harness/cpu-meter.js";
import { versionsOf } from "../harness/package-versions.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { ratioOf, samplesOf } from "../harness/run-contestants.js";
import { asCel, asEngine, asPolicy, makeRules } from "./make-rules.js";
import type { VectorPayment } from "./read-vectors.js";
import { readVectors } from "./read-vectors.js";

const ROUNDS = 7;
const PAYMENTS = 2_000;
const FEW = 8;
/** A typical number for a payments team. */
const USUAL = 25;
const MANY = 100;
const OURS_PASSES = 10;
const SHORT_PAYMENTS = 100;
const [BUDGETED, UNBOUNDED] = ["with budgets", "without budgets"];
const NO_SCORE = { missing: "this measures rules" };

/** Measures only the rules. Both engines get the same rules and payments, and the same rules must fire. */
export const rulesPart: BenchPart = {
  name: "rules",
  title: `${FEW}, ${USUAL} and ${MANY} rules of two conditions over 69 features: packages/decision-engine compared with json-rules-engine`,
  run: runRules,
};

async function runRules(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  Object.assign(context.versions, versionsOf(["json-rules-engine"]));
  const world = await prepareWorld(context, isShort);
  const payments = await readVectors(world, isShort ? SHORT_PAYMENTS : PAYMENTS);
  const contestants: Contestant[] = [];
  for (const count of [FEW, USUAL, MANY]) {
    const rules = makeRules(payments, count);
    const [policy, engine] = [asPolicy(rules), asEngine(rules)];
    await expectSame(policy, engine, payments);
    contestants.push(tripline(`tripline ${count}`, policy, payments), peer(`peer ${count}`, engine, payments));
  }
  contestants.push(...budgetContestants(makeRules(payments, MANY), payments));
  const measured = await context.measure(contestants, { roundsDefault: isShort ? 1 : ROUNDS, warmUpRounds: 2 });
  return {
    contestants: measured,
    summary: {
      rules_ratio: ratioOf(measured, "cpu_us_per_op", `peer ${MANY}`, `tripline ${MANY}`),
      few_rules_ratio: ratioOf(measured, "cpu_us_per_op", `peer ${FEW}`, `tripline ${FEW}`),
      budgets_ratio: ratioOf(measured, "cpu_us_per_op", BUDGETED, UNBOUNDED),
      rules_us: samplesOf(measured, `tripline ${USUAL}`, "cpu_us_per_op"),
    },
    notes: [
      `rules_us: CPU time of a decision with ${USUAL} rules, without a score.`,
      "budgets_ratio: CPU time of conditions with a step budget divided by CPU time of the same conditions in unmodified cel-js. An operation is one condition.",
      "rules_ratio, few_rules_ratio: CPU time of json-rules-engine divided by ours. An operation is a decision. Ours returns a Decision with its reasons in sentences; json-rules-engine returns the events of the rules that fired.",
      "A check before the rounds ensures that the same rules fire in both engines for every payment.",
    ],
  };
}

function decided(policy: Policy, { transaction, values }: VectorPayment): string[] {
  const features = { specVersion: currentFeatureSpec().version, values, incomplete: false };
  const { reasons } = decide(policy, { transaction, features, score: NO_SCORE, listHits: [], decidedAtMs: 0 });
  return reasons.map(({ code }) => code);
}

function tripline(name: string, policy: Policy, payments: readonly VectorPayment[]): Contestant {
  return {
    name,
    meters: [ownCpu()],
    async run() {
      for (let pass = 0; pass < OURS_PASSES; pass += 1) for (const payment of payments) decided(policy, payment);
      return { operations: OURS_PASSES * payments.length };
    },
  };
}

/** The same conditions with our cost limits, and as cel-js evaluates them. */
function budgetContestants(rules: ReturnType<typeof makeRules>, payments: readonly VectorPayment[]): Contestant[] {
  const policy = asPolicy(rules);
  const environment = celEnvironment(currentFeatureSpec(), { withScore: true });
  const plain = rules.map(({ conditions }) => {
    const parsed = environment.parse(asCel(conditions));
    parsed.check();
    return parsed;
  });
  const facts = payments.map(factsOf);
  const operations = facts.length * rules.length;
  const contestant = (name: string, evaluateAll: (values: Record<string, number>) => void): Contestant => ({
    name,
    meters: [ownCpu()],
    async run() {
      for (let pass = 0; pass < OURS_PASSES; pass += 1) for (const values of facts) evaluateAll(values);
      return { operations: OURS_PASSES * operations };
    },
  });
  return [
    contestant(BUDGETED, (values) => {
      const [evaluation, steps] = [policy.evaluationOf(values), new StepBudget()];
      for (const { when } of policy.rules) when.evaluate(evaluation, steps);
    }),
    contestant(UNBOUNDED, (values) => {
      for (const condition of plain) condition(values);
    }),
  ];
}

const NAMES = currentFeatureSpec().features.map((feature) => feature.name);

const factsOf = ({ values }: VectorPayment): Record<string, number> =>
  Object.fromEntries(NAMES.map((name, index) => [name, values[index] ?? 0]));

function peer(name: string, engine: Engine, payments: readonly VectorPayment[]): Contestant {
  return {
    name,
    meters: [ownCpu()],
    async run() {
      for (const payment of payments) await engine.run(factsOf(payment));
      return { operations: payments.length };
    },
  };
}

/** @throws BenchError if the engines disagree, because they would not do the same work */
async function expectSame(policy: Policy, engine: Engine, payments: readonly VectorPayment[]): Promise<void> {
  for (const payment of payments.slice(0, SHORT_PAYMENTS)) {
    const { events } = await engine.run(factsOf(payment));
    const theirs = events.map(({ type }) => type).toSorted();
    const ours = decided(policy, payment).filter((code) => code !== NOTHING_UNUSUAL);
    if (ours.toSorted().join() === theirs.join()) continue;
    throw new BenchError(
      `For ${payment.transaction.transactionId}, the rules ${theirs} fired in json-rules-engine and ${ours} in ours.`,
    );
  }
}
