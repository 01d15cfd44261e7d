import { testStack } from "@tripline/local-stack/testing/stack";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { migrateDatabase } from "@tripline/stores/postgres/migrate-database";
import { CONTROL_MIGRATIONS } from "../control.module.js";
import { startRequest } from "./rollout-plan.js";
import type { RolloutState } from "./rollout-state.js";
import { RolloutStore } from "./rollout-store.js";

let database: Database;
let store: RolloutStore;

beforeAll(async () => {
  const { postgresUrl: url } = await testStack();
  database = connectDatabase({ url, connectionsMax: 2, queryTimeoutMs: 30_000, onIdleError() {} });
  await database.transaction((transaction) => migrateDatabase(transaction, CONTROL_MIGRATIONS));
  store = new RolloutStore(database);
});

afterAll(() => database.close());

function rollout(rolloutId: string, startedAtMs: number): RolloutState {
  const request = startRequest.parse({ model: "fraud", candidate: rolloutId });
  const { model: modelName, candidate, why, without_comparison: _, ...plan } = request;
  return {
    ...{ rolloutId, modelName, candidateVersion: candidate, championVersion: "champion", plan, stage: "shadow", why },
    ...{ canaryBasisPoints: 0, shadowBasisPoints: 10_000, isHeld: false, revision: 1, changedBy: "ann" },
    isRegistryPending: false,
    ...{ startedAtMs, changedAtMs: startedAtMs },
  };
}

test("does not publish a rollout while another instance is still publishing the previous one", async () => {
  const received: string[] = [];
  const tell = (states: readonly RolloutState[]) => {
    received.push(...states.map(({ rolloutId, stage }) => `${rolloutId} ${stage}`));
    return Promise.resolve();
  };
  await store.insert(rollout("rol_0000000000000001", 1_000));
  await store.step("fraud", "rollback", async (found) => ({ ...found, stage: "rolled-back", revision: 2 }));
  const [began, kafka] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const first = store.publishPending(async (states) => {
    began.resolve();
    await kafka.promise;
    await tell(states);
  });
  await began.promise;
  await store.insert(rollout("rol_0000000000000002", 2_000));
  await store.publishPending(tell);
  kafka.resolve();
  await first;
  await store.publishPending(tell);
  expect(received).toEqual(["rol_0000000000000001 rolled-back", "rol_0000000000000002 shadow"]);
});

test("monitoring time increases while any instance runs, and restarts with the next step", async () => {
  const state = rollout("rol_0000000000000003", 3_000);
  await store.step("fraud", "rollback", async (found) => ({
    ...found,
    stage: "rolled-back",
    revision: found.revision + 1,
  }));
  await store.insert(state);
  const lookAgo = (ms: number) =>
    database.execute(
      "UPDATE control.rollouts SET watched_at = watched_at - make_interval(secs => $2) WHERE rollout_id = $1",
      [state.rolloutId, ms / 1_000],
    );
  expect(await store.watched(state)).toBe(0);
  await lookAgo(1_000);
  // Two instances that check at about the same time.
  const once = await store.watched(state);
  expect(once).toBeGreaterThanOrEqual(1_000);
  expect((await store.watched(state)) - once).toBeLessThan(900);
  await lookAgo(3_600_000);
  expect(await store.watched(state)).toBeLessThan(once + 6_500);
  const next = await store.step("fraud", "hold", async (found) => ({ ...found, revision: found.revision + 1 }));
  expect(await store.watched(next)).toBe(0);
  expect(await store.watched(state)).toBe(0);
});
