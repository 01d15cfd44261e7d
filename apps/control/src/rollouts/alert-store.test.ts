import { Decision, Outcome, Rung, TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { cardOf } from "../testing/card-of.js";
import { AlertStore } from "./alert-store.js";
import { rolloutPlan } from "./rollout-plan.js";
import type { RolloutState } from "./rollout-state.js";

const state = {
  ...{ rolloutId: "rol_1", modelName: "fraud", stage: "canary", candidateVersion: "0000000000ca" },
  ...{ canaryBasisPoints: 100, plan: rolloutPlan.parse({}) },
} as RolloutState;

/** Values of the insertions, by column. */
let inserted: (readonly (readonly unknown[])[])[];
let counts: { rollout_id: string; is_candidate: boolean; count: string }[];
let queries: number;
let alerts: AlertStore;

beforeEach(() => {
  [inserted, counts, queries] = [[], [], 0];
  const database: Database = {
    async query(row, text) {
      queries += 1;
      return z.array(row).parse(text.includes("count(*)") ? counts : []);
    },
    async execute(text, values = []) {
      if (text.startsWith("INSERT")) inserted.push(values as unknown[][]);
      return 0;
    },
    transaction: (run) => run(database),
    close: () => Promise.resolve(),
  };
  alerts = new AlertStore(database);
});

function add(id: string, role: TrialRole, candidateMissing = "", rung = Rung.MODEL): void {
  const candidateScore = candidateMissing === "" ? 0.9 : undefined;
  alerts.add(state, {
    ...Decision.decode(new Uint8Array()),
    ...{ tenant: "acme", clientTransactionId: id, cardToken: cardOf(state.rolloutId, role, id) },
    ...{ outcome: Outcome.REVIEW, rung, score: 0.9, decidedAtMs: 1_700_000_000_000 },
    trial: { trialRole: role, candidateVersion: state.candidateVersion, candidateScore, candidateMissing },
  });
}

test("regression #31: stores no alert that was not decided by a model's own score", async () => {
  add("shadow", TrialRole.SHADOW);
  add("missing", TrialRole.CANARY, "scoring did not respond within 250 ms");
  add("rules", TrialRole.CONTROL, "", Rung.RULES_ONLY);
  await alerts.store([state], 0);
  expect(inserted).toEqual([]);
  add("canary", TrialRole.CANARY);
  add("control", TrialRole.CONTROL, "the score came too late");
  await alerts.store([state], 0);
  expect(inserted.flatMap((columns) => columns[3]).toSorted()).toEqual([false, true]);
});

test("regression #31: stores a backlog in small batches in key order, and counts each alert once", async () => {
  for (let at = 0; at < 2_500; at += 1) add(`${at}`, TrialRole.CANARY);
  await alerts.store([state], 0);
  expect(inserted.map(([rollouts]) => rollouts?.length)).toEqual([1_000, 1_000, 500]);
  const cards = inserted.flatMap((columns) => columns[1] as Buffer[]).map((card) => card.toString("hex"));
  expect(cards).toEqual(cards.toSorted());
  expect(queries).toBe(1);
});

test("regression #31: stores at most the maximum number of alerts per model", async () => {
  counts = [{ rollout_id: state.rolloutId, is_candidate: true, count: "19999" }];
  for (const id of ["1", "2", "3"]) for (const role of [TrialRole.CANARY, TrialRole.CONTROL]) add(id, role);
  await alerts.store([state], 0);
  expect(inserted.flatMap((columns) => columns[3]).toSorted()).toEqual([false, false, false, true]);
});
