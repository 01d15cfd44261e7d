import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { Decision, FeatureVector, Label, Outcome } from "@tripline/contracts/generated/tripline/events/v1/events";
import { decide } from "@tripline/decision-engine/decide-payment";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { TestArchive } from "@tripline/lake/testing/archive";
import { valuesOf } from "../../testing/amount-model.js";
import { DAY_MS, labelOf, NOON_MS, transactionOf } from "../../testing/archived-payment.js";
import { policyCommand } from "./policy.js";

const spec = currentFeatureSpec();
const PAYMENTS = 90;
const HOUR_MS = 3_600_000;

/** For amounts from 1 to 90, big hits 41 and above, huge 81 and above, and the live rule 61 and above. */
const POLICY = `
version: 7
rules:
  - { id: large, when: amount > 60, action: challenge, reason: LARGE, text: "{amount} is large." }
  - { id: big, when: amount > 40, mode: shadow, action: review, reason: BIG, text: "Big." }
  - { id: huge, when: amount > 80, mode: shadow, action: challenge, reason: HUGE, text: "Huge." }
  - { id: faulty, when: amount > 70 && 1 / (amount_minor - amount_minor) == 1, mode: shadow, action: review, reason: FAULTY, text: "Faulty." }
  - { id: never, when: amount > 900, mode: shadow, action: decline, reason: NEVER, text: "Never." }
default_decision:
  default: { action: review, reason: STATIC, text: "By hand." }
`;
const policy = parsePolicy(POLICY, spec);

let folder: string;
let lake: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-shadow-"));
  lake = join(folder, "lake");
  const writer = new TestArchive(lake, { cluster: "test", topicPrefix: "" });
  const made = Array.from({ length: PAYMENTS }, (_, index) => {
    const amount = index + 1;
    const transaction = transactionOf(index, amount);
    const features = { specVersion: spec.version, values: valuesOf(amount), incomplete: false };
    const decidedAtMs = NOON_MS + index * 1_000;
    const input = { transaction, features, score: { missing: "late" }, listHits: [], decidedAtMs };
    const vector: FeatureVector = {
      transaction,
      specVersion: spec.version,
      values: features.values,
      incomplete: false,
      tooLate: false,
      profileTimesMs: [],
      computedAtMs: NOON_MS,
      sequences: [1],
    };
    return { transaction, amount, decision: decide(policy, input), vector };
  });
  const records = (values: readonly Uint8Array[]) => values.map((value, offset) => ({ partition: 0, offset, value }));
  const decisions = made.map(({ decision }) => Decision.encode(decision).finish());
  // The first nine decisions are redelivered.
  await writer.append("decisions", records([...decisions, ...decisions.slice(0, 9)]));
  await writer.append("features", records(made.map(({ vector }) => FeatureVector.encode(vector).finish())));
  // A later label for a payment outside the range shows that the other labels are complete.
  const labels = [...made, { transaction: transactionOf(2_000, 1), amount: 1 }].map(({ transaction, amount }) => {
    const labelledAtMs = transaction.occurredAtMs + HOUR_MS;
    return Label.encode({ ...Label.decode(labelOf(transaction, amount > 70)), labelledAtMs }).finish();
  });
  await writer.append("labels", records(labels));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...parameters: readonly string[]): Promise<string> {
  let text = "";
  const day = ["--from", "2026-02-10", "--to", "2026-02-10"];
  await policyCommand({ write: (more: string) => (text += more) } as never).parseAsync(
    ["shadow", "--lake", lake, ...day, ...parameters],
    { from: "user" },
  );
  return text;
}

test("counts what each shadow rule would have done in addition to the decisions", async () => {
  const report = JSON.parse(await run("--json"));
  expect(report).toMatchObject({ subject: "shadow", rows: PAYMENTS, frauds: 20, genuine: 70 });
  // The live rule stopped the amounts 61 to 90. With the shadow rules, 41 to 90 would be stopped.
  expect([report.decided.stopped.hits, report.draft.stopped.hits]).toEqual([30, 50]);
  expect(report.changes).toEqual({
    "approve -> review": { rows: 20, frauds: 0, genuine: 20 },
    "challenge -> review": { rows: 30, frauds: 20, genuine: 10 },
  });
  expect(report.rulesSkipped).toEqual([{ ruleId: "faulty", why: "evaluation-failed", rows: 20 }]);
  const [big, huge, ...others] = report.parts;
  expect(others).toEqual([]);
  expect(big).toMatchObject({ id: "big", mode: "shadow", outcome: Outcome.REVIEW, hits: 50, stricter: 50, alone: 50 });
  expect(big.precision.value).toBeCloseTo(20 / 50);
  expect(big.precision.low).toBeLessThan(0.4);
  expect(big.recall.value).toBe(1);
  expect(big.money[0]).toMatchObject({
    currency: "EUR",
    caught: { value: sum(71, 90) * 100 },
    falsePositives: { value: sum(41, 70) * 100 },
  });
  expect(huge).toMatchObject({ id: "huge", hits: 10, stricter: 0, alone: 0 });
  expect(huge.overlaps).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ id: "big", rows: 10 }),
      expect.objectContaining({ id: "LARGE", rows: 10 }),
    ]),
  );
  expect(report.periods[0]).toMatchObject({ id: "big", firstMs: NOON_MS + 40_000, versions: [policy.version] });
});

test("prints text for people and a last line for programs, and writes a page", async () => {
  const file = join(folder, "shadow.html");
  const lines = (await run("--rule", "huge", "--html", file)).trimEnd().split("\n");
  expect(lines[0]).toMatch(/^Shadow rules on 90 payments of 9 cards/);
  expect(lines).toContain(
    `huge fired in shadow from 2026-02-10 12:01 to 2026-02-10 12:01 UTC, under ${policy.version}.`,
  );
  expect(lines).toContain("faulty returned no result for 20 payments: evaluation-failed.");
  expect(lines).toContain("Of its 10 hits, 10 are also hits of big (Jaccard 0.2).");
  expect(lines.at(-1)).toBe("shadow: rules=2 rows=90 stopped=50 declined=0 hits=10 precision=1.00 recall=0.500");
  const page = await readFile(file, "utf8");
  expect(page).toContain("<h1>Shadow rule huge</h1>");
  expect(page).toContain("<svg");
});

test("reports a range without hits and a rule without hits in one sentence each", async () => {
  await expect(run("--rule", "never")).rejects.toThrow(
    'The range has no rule "never". Set --rule to one of: big, huge.',
  );
  const before = [
    "--from",
    String(new Date(NOON_MS - DAY_MS).toISOString()),
    "--to",
    new Date(NOON_MS + 30_000).toISOString(),
  ];
  await expect(run(...before)).rejects.toThrow(
    "No shadow rule fired for a payment in this range. Check that a shadow rule is active.",
  );
});

const sum = (from: number, to: number): number => ((from + to) * (to - from + 1)) / 2;
