import { readFileSync } from "node:fs";
import { appliedKey, decisionKey, replyChannel } from "@tripline/contracts/redis-keys";
import { budgetKey } from "@tripline/decisions/deciding/keep-within-budgets";
import { RECENT_IDS_MAX } from "@tripline/feature-engine/state/recent-ids";
import { completeKey, stateKey } from "@tripline/feature-engine/state/state-key";
import { RESTORE_KEY } from "@tripline/features/restore/restore-progress";
import { lostKey } from "@tripline/features/states/complete-mark";
import { REBUILD_KEY } from "@tripline/features/states/rebuild-hold";
import { TURN_KEY } from "@tripline/features/states/state-store";
import { budgetKey as rateKey } from "@tripline/http/limits/rate-limits";
import { requestKey } from "@tripline/ingestion/intake/reserve-requests";

const read = (path: string) => readFileSync(new URL(`../../../../docs/${path}`, import.meta.url), "utf8");

/** A fingerprint that appears in keys as 7 letters, which are replaced below. */
const plan = { name: "<entity>", fingerprint: Number.parseInt("layoutx", 36) };

test("regression #12: the table of Redis keys has exactly those in the code", () => {
  const keys = [
    requestKey("<tenant>", "<id>"),
    rateKey("tenant", "<tenant>"),
    rateKey("client", "<tenant>/<client>"),
    stateKey(plan, "tenantx", "<id>").replace("layoutx", "<layout>").replace("tenantx", "<tenant>"),
    completeKey([plan]).replace(/:.*/, ":<layout>"),
    lostKey("state-complete:<layout>"),
    appliedKey("<cluster>", "<topic>", Number.NaN).replace("NaN", "<partition>"),
    TURN_KEY,
    REBUILD_KEY,
    RESTORE_KEY,
    decisionKey("<id>"),
    budgetKey({ tenant: "<tenant>", what: "<outcome>", day: "<day>" }),
    replyChannel("<instance>"),
  ];
  const [, table = ""] = read("architecture.md").split("## Redis keys");
  const documented = [...(table.split("\n## ")[0] ?? "").matchAll(/^\| `([^`]+)`/gm)].map(([, key]) => key);
  expect(documented).toEqual(keys);
  expect(read("features.md")).toContain(`\`${keys[3]}\``);
});

test("the documents state how many events per card are remembered", () => {
  expect(read("architecture.md")).toContain(`counted ${RECENT_IDS_MAX} other events of the card`);
  expect(read("adr/0001-exactly-once-in-effect.md")).toContain(
    `hashes of its last ${RECENT_IDS_MAX} payments and labels`,
  );
});
