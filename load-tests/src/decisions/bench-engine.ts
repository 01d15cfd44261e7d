import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { decide } from "@tripline/decision-engine/decide-payment";
import type { ListedValues } from "@tripline/decision-engine/lists/list-table";
import { ListTable } from "@tripline/decision-engine/lists/list-table";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import { prepareWorld } from "../e2e/world/prepare-world.js";
import type { BenchContext } from "../harness/bench-context.js";
import { ownCpu } from "../harness/cpu-meter.js";
import type { BenchPart, PartOutcome } from "../harness/run-benchmark.js";
import type { Contestant } from "../harness/run-contestants.js";
import { samplesOf } from "../harness/run-contestants.js";
import type { VectorPayment } from "./read-vectors.js";
import { readVectors } from "./read-vectors.js";

const ROUNDS = 7;
const PAYMENTS = 2_000;
const SHORT_PAYMENTS = 100;
const PASSES = 20;
const ENTRIES = 1_000_000;
const SHORT_ENTRIES = 10_000;
/** The listed values of a payment: its card, device, address and terminal. */
const LOOK_UPS = 4;
const NOW_MS = Date.UTC(2026, 0, 1);

interface Listed extends VectorPayment {
  readonly values: readonly number[];
  readonly listed: ListedValues;
  readonly score: number;
}

/** Measures lookups in full lists, and the whole decision with these lists, without I/O. */
export const enginePart: BenchPart = {
  name: "engine",
  title: "list lookups of a payment in lists of a million entries, and a whole decision with the shipped policy",
  run: runEngine,
};

async function runEngine(context: BenchContext): Promise<PartOutcome> {
  const isShort = context.flags.short === true;
  const world = await prepareWorld(context, isShort);
  const payments = (await readVectors(world, isShort ? SHORT_PAYMENTS : PAYMENTS)).map(listedOf);
  const table = fullTable(isShort ? SHORT_ENTRIES : ENTRIES);
  const spec = currentFeatureSpec();
  const policy = parsePolicy(await readFile(join(context.root, "apps", "decisions", "policy.yaml"), "utf8"), spec);
  const lookUps = repeated("look-ups", payments, ({ listed }) => table.find("demo", listed, NOW_MS), LOOK_UPS);
  const decisions = repeated("decision", payments, ({ transaction, values, listed, score }) =>
    decide(policy, {
      transaction,
      features: { specVersion: spec.version, values, incomplete: false },
      score: { value: score, modelName: "fraud", modelVersion: "1" },
      listHits: table.find("demo", listed, NOW_MS),
      decidedAtMs: NOW_MS,
    }),
  );
  const measured = await context.measure([lookUps, decisions], {
    roundsDefault: isShort ? 1 : ROUNDS,
    warmUpRounds: 2,
  });
  return {
    contestants: measured,
    summary: {
      lists_us: samplesOf(measured, "look-ups", "cpu_us_per_op"),
      decide_us: samplesOf(measured, "decision", "cpu_us_per_op"),
    },
    notes: [
      "lists_us: CPU time of a lookup; a payment has four (card, device, IP token, terminal), and one payment in 50 is on a list.",
      "decide_us: CPU time of a decision with its list lookups, the shipped rules, a score, its band and its reasons.",
    ],
  };
}

function repeated(
  name: string,
  payments: readonly Listed[],
  work: (payment: Listed) => unknown,
  operationsPerPayment = 1,
): Contestant {
  return {
    name,
    meters: [ownCpu()],
    async run() {
      for (let pass = 0; pass < PASSES; pass += 1) for (const payment of payments) work(payment);
      return { operations: PASSES * payments.length * operationsPerPayment };
    },
  };
}

const token = (prefix: string, number: number) => `${prefix}_${createHash("md5").update(String(number)).digest("hex")}`;

/** Every 50th card is listed; negative numbers are not in the table. 19 of 20 scores are below all bands. */
function listedOf({ transaction, values }: VectorPayment, index: number): Listed {
  const card = token("ct", index % 50 === 0 ? index : -1 - index);
  const [device, ip] = [token("dt", index), token("it", index)];
  const named = { ...transaction, cardToken: card, deviceToken: device, ipToken: ip };
  const listed = { card, device, ip, terminal: transaction.terminalId };
  return { transaction: named, values, listed, score: index % 20 === 0 ? 0.4 : 0.01 };
}

function fullTable(entries: number): ListTable {
  const table = new ListTable();
  // Adds an entry of each kind, because a kind without entries is not searched.
  for (const kind of ["device", "ip", "terminal"]) {
    const own = { tenant: "demo", list: "deny", kind, effect: "deny", author: "", createdAtMs: NOW_MS };
    table.put({ ...own, value: "none", reason: "Holds the kind" });
  }
  for (let index = 0; index < entries; index += 1) {
    table.put({
      tenant: "demo",
      list: "deny",
      kind: "card",
      effect: "deny",
      author: "",
      createdAtMs: NOW_MS,
      value: token("ct", index),
      reason: `Confirmed fraud, case ${index}`,
    });
  }
  return table;
}
