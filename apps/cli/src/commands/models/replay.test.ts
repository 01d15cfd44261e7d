import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Decision, FeatureVector, Outcome, Rung } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Score } from "@tripline/decision-engine/decide-payment";
import { decide } from "@tripline/decision-engine/decide-payment";
import { wantsContributions, withContributions } from "@tripline/decision-engine/explain-decision";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { parseScorecard } from "@tripline/decision-engine/parse-scorecard";
import { TestArchive } from "@tripline/lake/testing/archive";
import type { ReplayDecisionsOptions } from "@tripline/model-loop/replay-decisions/replay-decisions";
import { replayDecisions } from "@tripline/model-loop/replay-decisions/replay-decisions";
import { AMOUNT, publishAmountModel, scoreOf, valuesOf } from "../../testing/amount-model.js";
import { DAY_MS, labelOf, NOON_MS, transactionOf, trialOf } from "../../testing/archived-payment.js";
import { replayCommand } from "./replay.js";

const spec = currentFeatureSpec();
const FROM_MS = NOON_MS - DAY_MS / 2;
const PAYMENTS = 300;

const POLICY = `
version: 7
rules:
  - { id: watched, when: lists.watch.any, action: approve, reason: WATCHED, text: "{watch_entries}" }
  - { id: huge, when: amount >= 2000, action: review, reason: HUGE, text: "The amount is {amount}." }
bands:
  - { at_least: 0.6, action: decline, reason: SCORE_HIGH, text: "The score is {score}." }
budgets:
  - action: review
    per_day: 3
    time_zone: UTC
    when_spent: [{ action: challenge, reason: REVIEWS_SPENT, text: "All {per_day} reviews of the day are used." }]
default_decision:
  default: { action: review, reason: STATIC, text: "By hand." }
`;
const SCORECARD = JSON.stringify({
  format: "tripline-scorecard",
  format_version: 1,
  feature_spec_version: spec.version,
  intercept: 0.1,
  features: [{ name: "amount", edges: [100.1], weights: [-3, 3] }],
});
const policy = parsePolicy(POLICY, spec);
const scorecard = parseScorecard(SCORECARD, spec);

const RAISED = "SCORE_RAISED_BY_AMOUNT";

interface Case {
  readonly id: string;
  readonly amount: number;
  readonly decision: Decision;
  readonly vector: FeatureVector;
}

let folder: string;
let lake: string;
let registryUrl: string;
let versions: readonly string[];
let policyFile: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-replay-"));
  registryUrl = pathToFileURL(join(folder, "registry")).href;
  versions = [await publishAmountModel(registryUrl, 100), await publishAmountModel(registryUrl, 500, SCORECARD)];
  policyFile = join(folder, "policy.yaml");
  await writeFile(policyFile, POLICY);
  lake = join(folder, "lake");
  await archive(lake, cases());
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/**
 * Payments with the amounts 3, 10, 17, …, 2,096. The model with threshold 100 decides them, except during an outage.
 */
function cases(): Case[] {
  return Array.from({ length: PAYMENTS }, (_, index) => caseOf(index));
}

function caseOf(index: number): Case {
  const amount = 3 + index * 7;
  const transaction = transactionOf(index, amount);
  const incomplete = index % 50 === 7;
  const features = { specVersion: spec.version, values: valuesOf(amount), incomplete };
  const kind = index % 50;
  const score: Score =
    kind === 5 || kind === 6
      ? { missing: "scoring did not respond within 250 ms" }
      : { value: scoreOf(amount, 100), modelName: "fraud", modelVersion: versions[0] ?? "" };
  const listed = { list: "watch", kind: "card", effect: "watch", reason: "Look", createdAtMs: NOON_MS };
  const ends = index % 2 === 0 ? { expiresAtMs: NOON_MS + DAY_MS } : {};
  const listHits = index % 10 === 4 ? [{ ...listed, ...ends }] : [];
  const trial = index % 4 === 1 && "value" in score && !incomplete ? trialOf(index, score.value, versions) : undefined;
  const spentBudgets = index % 100 === 57 ? [Outcome.REVIEW] : [];
  const input = { transaction, features, score, listHits, trial, spentBudgets, decidedAtMs: NOON_MS + index * 1_000 };
  const decision = decide(policy, input, kind === 6 ? scorecard : undefined);
  // For one in 50, the explanation arrived too late.
  const isExplained = wantsContributions(decision) && kind !== 8;
  const contributions = spec.features.map((_, at) => (at === AMOUNT && amount > 100 ? 1 : 0));
  const { values } = features;
  return {
    id: transaction.transactionId,
    amount,
    decision: isExplained ? withContributions(policy, decision, { currency: "EUR", values }, contributions) : decision,
    vector: {
      transaction,
      specVersion: spec.version,
      values,
      incomplete,
      computedAtMs: NOON_MS,
      sequences: [1],
      tooLate: false,
      profileTimesMs: [],
    },
  };
}

/** Every third payment has a label; amounts above 100 are fraud. */
async function archive(to: string, kept: readonly Case[], change: (decision: Decision) => Decision = (same) => same) {
  const writer = new TestArchive(to, { cluster: "test", topicPrefix: "" });
  const records = (values: readonly Uint8Array[]) =>
    values.map((value, index) => ({ partition: index % 2, offset: Math.floor(index / 2), value }));
  const vectors = kept.map(({ vector }) => FeatureVector.encode(vector).finish());
  const decisions = kept.map(({ decision }) => Decision.encode(change(decision)).finish());
  // The first payment is redelivered, and its features are computed again after the first decision.
  const [first] = kept;
  if (first !== undefined) {
    vectors.push(
      FeatureVector.encode({ ...first.vector, values: valuesOf(1_999), computedAtMs: NOON_MS + 9 }).finish(),
    );
    decisions.push(Decision.encode(change(first.decision)).finish());
  }
  await writer.append("features", records(vectors));
  await writer.append("decisions", records(decisions));
  const labels = kept.filter((_, index) => index % 3 === 0);
  await writer.append("labels", records(labels.map(({ vector, amount }) => labelOf(vector.transaction, amount > 100))));
}

const optionsOf = (change: Partial<ReplayDecisionsOptions> = {}): ReplayDecisionsOptions => ({
  lake,
  registryUrl,
  policyFile,
  scorecardFiles: [],
  threads: 1,
  fromMs: FROM_MS,
  toMs: FROM_MS + DAY_MS,
  ...change,
});

/** The command's output and exit code. */
async function command(...parameters: readonly string[]): Promise<{ lines: string[]; code: unknown }> {
  let text = "";
  const before = process.exitCode;
  const written = { write: (more: string) => (text += more) };
  await replayCommand(written as never).parseAsync(parameters, { from: "user" });
  const code = process.exitCode;
  process.exitCode = before;
  return { lines: text.trimEnd().split("\n"), code };
}

const flagsOf = (of: string): string[] => [
  ...["--lake", of, "--registry", registryUrl, "--from", "2026-02-10", "--to", "2026-02-10", "--threads", "1"],
];

const modelled = () => cases().filter(({ decision }) => decision.rung === Rung.MODEL);

test("the same versions produce the same bytes at every fallback level, with and without contributions", async () => {
  const rungs = Map.groupBy(cases(), ({ decision }) => decision.rung);
  expect([...rungs.keys()].sort()).toEqual([Rung.MODEL, Rung.RULES_ONLY, Rung.STATIC_POLICY, Rung.SCORECARD]);
  const report = await replayDecisions(optionsOf());
  expect(report.differences).toEqual([]);
  const degraded = PAYMENTS - (rungs.get(Rung.MODEL)?.length ?? 0);
  const unexplained = modelled().filter(
    ({ decision }) => wantsContributions(decision) && !decision.reasons.some(({ code }) => code.startsWith("SCORE_R")),
  );
  expect(report).toMatchObject({
    rows: PAYMENTS,
    sameVersions: PAYMENTS,
    identical: PAYMENTS,
    degraded,
    unexplained: unexplained.length,
    skipped: new Map(),
    transitions: new Map(),
  });
  expect(unexplained.length).toBeGreaterThan(0);
});

test("a file with the text of a control-plane revision reproduces the decisions of that revision", async () => {
  const revised = join(folder, "revised");
  await archive(revised, cases().slice(0, 40), (decision) => ({ ...decision, policyRevision: 5 }));
  const pulled = join(folder, "pulled");
  await mkdir(pulled);
  await writeFile(join(pulled, "revision-5.yaml"), POLICY);
  const { policyFile: _none, ...options } = optionsOf({ lake: revised, policiesFolder: pulled });
  await expect(replayDecisions(options)).resolves.toMatchObject({ rows: 40, sameVersions: 40, identical: 40 });
});

test("the command prints the counts at the end, and exits with code 1 if any byte differs", async () => {
  const same = await command(...flagsOf(lake), "--policy", policyFile);
  expect(same.lines.at(-1)).toMatch(
    /^replay: rows=300 identical=300 differ=0 reworded=0 other_versions=0 changed=0 degraded=\d+ skipped=0$/,
  );
  expect(same.code).toBe(0);
  const broken = join(folder, "broken");
  await archive(broken, cases(), (decision) =>
    decision.transactionId === "txn_42" && decision.score !== undefined
      ? { ...decision, score: decision.score + Number.EPSILON / 2 }
      : decision,
  );
  const found = await command(...flagsOf(broken), "--policy", policyFile);
  expect(found.lines.at(-1)).toContain("rows=300 identical=299 differ=1 ");
  expect(found.lines).toContain("Differs despite the same versions: txn_42");
  expect(found.lines.find((line) => line.startsWith("  "))).toMatch(/^ {2}score: 0\.88\d+ -> 0\.88\d+$/);
  expect(found.code).toBe(1);
});

test("counts a decision with another release's wording separately", async () => {
  const older = join(folder, "older");
  const kept = cases().slice(0, 40);
  await archive(older, kept, (decision) => ({
    ...decision,
    wordingVersion: "",
    reasons: decision.reasons
      .map((reason, index) =>
        // A decision with another reason is not just worded differently.
        decision.transactionId === "txn_9" && index === 0
          ? { ...reason, code: "OTHER" }
          : { ...reason, text: "In old words." },
      )
      // Another release may name other features that raised the score.
      .flatMap((reason) => (reason.code === RAISED ? [reason, { ...reason, code: `${RAISED}_TOO` }] : [reason])),
  }));
  const report = await replayDecisions(optionsOf({ lake: older }));
  expect(report).toMatchObject({ rows: 40, sameVersions: 1, identical: 0, reworded: new Map([["", 39]]) });
  expect(report.differences.map(({ transactionId }) => transactionId)).toEqual(["txn_9"]);
  const { lines, code } = await command(...flagsOf(older), "--policy", policyFile);
  expect(lines[0]).toBe(
    "39 decisions were made by a release that did not record its wording version: identical except for the wording of reasons.",
  );
  expect(lines.at(-1)).toContain("rows=40 identical=0 differ=1 reworded=39 other_versions=0 ");
  expect(code).toBe(1);
});

test("shows the effect of another threshold by outcome, reason and amount, with known labels", async () => {
  const changed = join(folder, "changed.yaml");
  await writeFile(changed, POLICY.replace("at_least: 0.6", "at_least: 0.95").replace("version: 7", "version: 8"));
  const { rows, sameVersions, ...report } = await replayDecisions(optionsOf({ policyFile: changed }));
  expect({ rows, sameVersions }).toEqual({ rows: PAYMENTS, sameVersions: 0 });
  expect(report.otherPolicies).toEqual(new Map([[policy.version, PAYMENTS]]));
  // These have a score of 0.88, or the scorecard's score slightly above 0.95, and no equally strict rule.
  const milder = cases().filter(({ decision }) => decision.outcome === Outcome.DECLINE && decision.rung === Rung.MODEL);
  const released = milder.filter(({ amount }) => amount < 2_000);
  const transition = report.transitions.get(Outcome.DECLINE)?.get(Outcome.APPROVE);
  const labelled = released.filter(({ id }) => Number(id.slice(4)) % 3 === 0);
  expect(transition).toEqual({
    rows: released.length,
    frauds: labelled.length,
    genuine: 0,
    amounts: new Map([["EUR", released.reduce((sum, { amount }) => sum + amount * 100, 0)]]),
  });
  expect(report.transitions.get(Outcome.DECLINE)?.get(Outcome.REVIEW)?.rows).toBe(milder.length - released.length);
  expect(report.reasons.get("SCORE_HIGH")).toMatchObject({ added: 0, removed: milder.length });
  const hundreds = released.filter(({ amount }) => amount >= 100 && amount < 1_000);
  expect(report.amounts.get("EUR")?.get(2)).toMatchObject({
    stricter: 0,
    milder: hundreds.length,
    milderMinor: hundreds.reduce((sum, { amount }) => sum + amount * 100, 0),
  });

  const { lines, code } = await command(...flagsOf(lake), "--policy", changed);
  expect(code).toBe(0);
  expect(lines[0]).toMatch(/^300 decisions were made with policy 7\+[0-9a-f]{8} and replayed with 8\+[0-9a-f]{8}\.$/);
  const table = lines.filter((line) => /^(decline -> approve|labelled payments|decline|SCORE_HIGH) /.test(line));
  expect(table.join("\n")).toContain(`decline -> approve`);
  expect(table.length).toBeGreaterThanOrEqual(4);
  expect(lines.at(-1)).toContain(`other_versions=300 changed=${milder.length} `);
  const json = await command(...flagsOf(lake), "--policy", changed, "--json");
  expect(JSON.parse(json.lines.join("\n"))).toMatchObject({ rows: PAYMENTS, reasons: { SCORE_HIGH: { added: 0 } } });
});

test("shows the effect of another model, except for decisions that were made without a model", async () => {
  const [, at = ""] = versions;
  const report = await replayDecisions(optionsOf({ model: { name: "fraud", at } }));
  const moved = modelled();
  expect(report).toMatchObject({ rows: PAYMENTS, sameVersions: PAYMENTS - moved.length, modelVersion: at });
  expect(report.identical).toBe(report.sameVersions);
  const released = moved.filter(({ amount }) => amount > 100 && amount <= 500);
  expect(report.transitions.get(Outcome.DECLINE)?.get(Outcome.APPROVE)?.rows).toBe(released.length);
  expect(report.transitions.get(Outcome.APPROVE)?.get(Outcome.DECLINE)).toBeUndefined();
});

test("without --policy, skips and reports a version that is not in the shipped file or its git history", async () => {
  const { policyFile: _, ...options } = optionsOf();
  const report = await replayDecisions(options);
  const unknown = new Map([[policy.version, PAYMENTS]]);
  expect(report).toMatchObject({ rows: 0, skipped: new Map([["policy-unknown", unknown]]) });
  expect((await command(...flagsOf(lake))).code).toBe(1);
});

test("skips and reports decisions without features or scorecard, or with another spec", async () => {
  const other = join(folder, "other");
  const kept = cases().slice(0, 60);
  await archive(
    other,
    kept.map((one, index) => (index === 3 ? { ...one, vector: { ...one.vector, specVersion: 1 } } : one)),
  );
  const lonely = { ...kept[0]?.decision, transactionId: "txn_lonely" } as Decision;
  await new TestArchive(other, { cluster: "test", topicPrefix: "" }).append("decisions", [
    { partition: 3, offset: 0, value: Decision.encode(lonely).finish() },
  ]);
  // The other model includes the scorecard.
  const lesser = pathToFileURL(join(folder, "lesser")).href;
  await publishAmountModel(lesser, 100);
  const report = await replayDecisions(optionsOf({ lake: other, registryUrl: lesser }));
  expect(report.skipped).toEqual(
    new Map([
      ["other-spec", new Map([["1", 1]])],
      ["scorecard-unknown", new Map([[scorecard.version, 2]])],
      ["features-missing", new Map([["", 1]])],
    ]),
  );
  expect(report).toMatchObject({ rows: 57, identical: 57 });

  const scorecardFile = join(folder, "scorecard.json");
  await writeFile(scorecardFile, SCORECARD);
  const given = await replayDecisions(optionsOf({ lake: other, registryUrl: lesser, scorecardFiles: [scorecardFile] }));
  expect(given).toMatchObject({ rows: 59, identical: 59 });
});

test.each<[string, () => Partial<ReplayDecisionsOptions>, string, string]>([
  [
    "an empty range",
    () => ({ fromMs: FROM_MS + DAY_MS, toMs: FROM_MS + 2 * DAY_MS }),
    "not-found",
    "contains no decisions from 2026-02-11T00:00:00.000Z",
  ],
  ["a tenant without decisions", () => ({ tenant: "nobody" }), "not-found", "for the tenant nobody"],
  [
    "a folder without a lake",
    () => ({ lake: join(folder, "nothing") }),
    "not-found",
    "There is no archive of decisions in",
  ],
  [
    "a policy that does not exist",
    () => ({ policyFile: join(folder, "none.yaml") }),
    "config-invalid",
    "Set --policy to a file",
  ],
  [
    "a registry without the version",
    () => ({ registryUrl: pathToFileURL(join(folder, "empty")).href }),
    "model-not-found",
    "with --registry, or score with another version with --model",
  ],
  [
    "a model that does not exist",
    () => ({ model: { name: "fraud", at: "0123456789ab" } }),
    "model-not-found",
    "0123456789ab",
  ],
  [
    "a scorecard that does not exist",
    () => ({ scorecardFiles: [join(folder, "none.json")] }),
    "config-invalid",
    "Set --scorecard",
  ],
])("reports %s in one sentence", async (_case, change, code, sentence) => {
  await expect(replayDecisions(optionsOf(change()))).rejects.toMatchObject({
    code,
    message: expect.stringContaining(sentence),
  });
});

test("names the release required for decisions with another feature spec", async () => {
  const old = join(folder, "old");
  await archive(old, cases().slice(0, 2), (decision) => ({ ...decision, featureSpecVersion: 1 }));
  await expect(replayDecisions(optionsOf({ lake: old }))).rejects.toMatchObject({
    code: "spec-mismatch",
    message: expect.stringContaining("Replay them with a release that has their spec"),
  });
});

test("rejects an invalid or reversed range", async () => {
  const quiet = (from: string, to: string) =>
    replayCommand()
      .exitOverride()
      .configureOutput({ writeErr() {} })
      .parseAsync(["--lake", lake, "--from", from, "--to", to], { from: "user" });
  await expect(quiet("2026-02-30", "2026-03-01")).rejects.toThrow("must be a day, such as 2026-03-01");
  await expect(quiet("2026-02-10", "10.2.2026")).rejects.toThrow("must be a day, such as 2026-03-01");
  await expect(quiet("2026-02-11", "2026-02-10")).rejects.toThrow("--from must be before --to");
});
