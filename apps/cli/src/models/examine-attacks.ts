import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { documentedSpec } from "@tripline/backfill/exam/documented-features";
import { examEvents, examWorld } from "@tripline/backfill/exam/exam-world";
import { measureStates } from "@tripline/backfill/exam/measure-states";
import { writeVectors } from "@tripline/backfill/exam/write-vectors";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { runPython } from "@tripline/model-loop/run-python";
import type { AttackName } from "@tripline/simulator/create-simulation";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { DEMO_TENANT } from "@tripline/system/services/plan-services";
import { ROOT } from "@tripline/system/services/workspace";
import { z } from "zod";
import { answersTo } from "../demo/simulated-issuer.js";

export interface ExamineOptions {
  readonly seed: number;
  readonly cards: number;
  readonly reviewShare: number;
  /** The share of the genuine payments that is used for training. */
  readonly genuineShare: number;
  readonly learned: readonly AttackName[];
  readonly examined: readonly AttackName[];
  /** An empty folder. */
  readonly folder: string;
  /** An empty Redis. */
  readonly redisUrl: string;
}

/** `before`: the shipped spec. `after`: also the documented features over filters, payment updates and neighbours. */
export const CONTESTANTS = ["before", "after"] as const;
type Contestant = (typeof CONTESTANTS)[number];

const figures = z.object({
  payments: z.number(),
  recall_at_budget: z.number(),
  value_detected: z.number(),
  average_precision: z.number(),
  /** The recall of a perfect model. */
  possible: z.number(),
});
const measured = z.record(z.string(), figures);

export interface ExamResult {
  /** The measurements for each attack. */
  readonly attacks: z.infer<typeof measured>;
  /** Memory of all window states in Redis, divided by the number of cards. */
  readonly stateBytesPerCard: number;
}

/** A Monday, so that every seed has the same weekends. */
const START_MS = Date.UTC(2026, 0, 5);
/** Tokens only affect the order of equal scores, so a fixed key makes results reproducible. */
const CARD_TOKEN_KEY = Buffer.alloc(32);

/**
 * Simulates a world with attacks, trains the same model with and without the documented features, and measures both on
 * later attacks. Tripline approves every payment, and the issuer answers.
 */
export async function examineSeed(options: ExamineOptions): Promise<Record<Contestant, ExamResult>> {
  const { folder, redisUrl, cards } = options;
  const world = examWorld({ ...options, startMs: START_MS });
  const [before, after] = [currentFeatureSpec(), await documentedSpec(ROOT)];
  const shipped = new Set(before.features.map(({ name }) => name));
  const added = after.features.flatMap(({ name }) => (shipped.has(name) ? [] : [name]));
  const [path, spec, attacks] = [
    join(folder, "features.parquet"),
    join(folder, "spec.json"),
    join(folder, "attacks.csv"),
  ];
  const period = { fromMs: world.trainFromMs, tenant: DEMO_TENANT, cardTokenKey: CARD_TOKEN_KEY };
  // The shipped features have the same values with both specs.
  const files = [{ spec: before }, { spec: after, path }];
  const states = await writeVectors({ events: examEvents(world, answerTo), files, ...period });
  const bytes: number[] = [];
  for (const own of states) bytes.push((await measureStates(redisUrl, own)) / cards);
  await writeFile(spec, JSON.stringify(after));
  const lines = [...world.attackOf].map((row) => row.join(","));
  await writeFile(attacks, `${["client_transaction_id,attack", ...lines].join("\n")}\n`);
  const output = await runPython("tripline_training.bench_attacks", [
    ...["--features", path, "--feature-spec", spec, "--attacks", attacks, "--without", added.join(",")],
    ...["--train-from", iso(world.trainFromMs), "--train-to", iso(world.trainToMs)],
    ...["--from", iso(world.examFromMs), "--to", iso(world.examToMs)],
    ...["--review-share", String(options.reviewShare), "--genuine-share", String(options.genuineShare)],
  ]);
  const resultOf = (name: Contestant, stateBytesPerCard = Number.NaN): ExamResult => {
    const [, json = ""] = new RegExp(`^${name}: (.*)$`, "m").exec(output) ?? [];
    return { attacks: measured.parse(JSON.parse(json)), stateBytesPerCard };
  };
  return { before: resultOf("before", bytes[0]), after: resultOf("after", bytes[1]) };
}

function answerTo(payment: SimulatedPayment) {
  const [answer] = answersTo(payment, "approve");
  if (answer === undefined) throw new Error("The issuer answers every approved payment.");
  const { kind, issuer_code: code = "", occurred_at: at } = answer;
  return { isDeclined: kind === "declined", code, atMs: Date.parse(at) };
}

const iso = (ms: number): string => new Date(ms).toISOString();
