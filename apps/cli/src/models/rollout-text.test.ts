import type { ShownRollout } from "@tripline/system/client/rollout-client";
import { rolloutText } from "./rollout-text.js";

test("the line of a guard names the data that the guard still needs", () => {
  const times = { started_at: "2026-03-01T00:00:00.000Z", changed_at: "2026-03-01T00:00:00.000Z" };
  const data = [
    { kind: "labels", count: 30, needed: 20 },
    { kind: "mature-labels", count: 12, needed: 200 },
  ];
  const rollout: ShownRollout = {
    ...{ id: "rol_1", model: "fraud", stage: "canary", candidate: "0123456789ab", champion: "ba9876543210" },
    ...{ canary_percent: 5, shadow_percent: 0, is_held: false, revision: 2, changed_by: "guard", why: "", ...times },
    findings: [{ guard: "precision", is_judged: true, is_breached: false, text: "as precise", data }],
    steps: [],
  };
  expect(rolloutText(rollout)).toContain("\n  precision: OK; as precise; 12 of 200 mature labels\n");
});
