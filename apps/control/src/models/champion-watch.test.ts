import { TriplineError } from "@tripline/contracts/error-table";
import { createLogger } from "@tripline/telemetry/logger";
import { ChampionWatch } from "./champion-watch.js";

const EXPIRED_AT_MS = Date.UTC(2026, 2, 1);
const expired = [
  { model: "fraud", version: "aaaaaaaaaaaa", expiredAtMs: EXPIRED_AT_MS },
  { model: "fraud", version: "bbbbbbbbbbbb", expiredAtMs: EXPIRED_AT_MS - 1 },
  { model: "gone", version: "cccccccccccc", expiredAtMs: EXPIRED_AT_MS },
];

test.each([
  ["bbbbbbbbbbbb", "the model card of the champion fraud bbbbbbbbbbbb expired on 2026-02-28; it keeps deciding"],
  ["dddddddddddd", undefined],
])("reports an expired champion, but no other expired version: %s", async (champion, note) => {
  const watch = new ChampionWatch(
    { expired: async () => expired },
    {
      aliasTarget: async (model) => {
        if (model === "fraud") return champion;
        throw new TriplineError("model-not-found", "There is no such model.");
      },
    },
    createLogger("test", "silent"),
  );
  await watch.lookAt(EXPIRED_AT_MS + 1);
  expect(watch.note).toBe(note);
});
