import { TriplineError } from "@tripline/contracts/error-table";
import { createLogger } from "@tripline/telemetry/logger";
import { ChampionWatch } from "./champion-watch.js";
import { modelContract } from "./model-contract.js";
import type { VersionKey } from "./version-store.js";

const EXPIRED_AT_MS = Date.UTC(2026, 2, 1);
const SIGNED = "eeeeeeeeeeee";
const at = new Date(EXPIRED_AT_MS + 86_400_000);
const CARD = { owner: "Fraud models", expires_at: at, registered_by: "ann", registered_at: at, signed_at: at };
const expired = [
  { model: "fraud", version: "aaaaaaaaaaaa", expiredAtMs: EXPIRED_AT_MS },
  { model: "fraud", version: "bbbbbbbbbbbb", expiredAtMs: EXPIRED_AT_MS - 1 },
  { model: "gone", version: "cccccccccccc", expiredAtMs: EXPIRED_AT_MS },
];
const versions = {
  expiredModels: async () => ["fraud", "gone"],
  contractOf: async ({ version }: VersionKey) =>
    version === SIGNED ? modelContract.parse({ ...CARD, signed_by: "bob" }) : undefined,
  expiredOf: async (keys: readonly VersionKey[]) => expired.filter((one) => keys.some((key) => isSame(one, key))),
};
const watchOf = (aliasTarget: (model: string) => Promise<string>, isRequired = false) => {
  const registry = { aliasTarget, models: async () => ["fraud"] };
  return new ChampionWatch(versions, registry, { MODEL_CARDS_REQUIRED: isRequired }, createLogger("test", "silent"));
};
const isSame = (one: VersionKey, other: VersionKey) => one.model === other.model && one.version === other.version;

const NOTE = "the model card of the champion fraud bbbbbbbbbbbb expired on 2026-02-28; it keeps deciding";

test.each([
  ["bbbbbbbbbbbb", NOTE],
  ["dddddddddddd", undefined],
])("reports an expired champion, but no other expired version: %s", async (champion, note) => {
  const aliasTarget = async (model: string) => {
    if (model === "fraud") return champion;
    throw new TriplineError("model-not-found", "There is no such model.");
  };
  const watch = watchOf(aliasTarget);
  await watch.lookAt(EXPIRED_AT_MS + 1);
  expect(watch.note).toBe(note);
});

test("regression #31: an unavailable registry is asked once a minute, and the previous result stays", async () => {
  let calls = 0;
  const aliasTarget = async () => {
    calls += 1;
    if (calls > 2) throw new TriplineError("internal", "The registry is unavailable.");
    return "bbbbbbbbbbbb";
  };
  const watch = watchOf(aliasTarget);
  await watch.lookAt(EXPIRED_AT_MS);
  for (const ms of [60_000, 61_000, 119_999]) await watch.lookAt(EXPIRED_AT_MS + ms);
  expect([calls, watch.note]).toEqual([3, NOTE]);
});

test.each([
  ["dddddddddddd", "the champion fraud dddddddddddd has no signed model card; it keeps deciding"],
  [SIGNED, undefined],
])(
  "regression #31: if every version needs a model card, a champion without a signed one is reported: %s",
  async (champion, note) => {
    for (const isRequired of [true, false]) {
      const watch = watchOf(async () => champion, isRequired);
      await watch.lookAt(EXPIRED_AT_MS + 1);
      expect(watch.note).toBe(isRequired ? note : undefined);
    }
  },
);
