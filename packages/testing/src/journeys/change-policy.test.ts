import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { PolicyClient } from "@tripline/system/client/policy-client";
import type { ApiDecision } from "@tripline/system/client/tripline-client";
import { buildPayment } from "../support/build-payment.js";
import type { InProcessSystem } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { testModel } from "../support/test-model.js";

const START_MS_MAX = 240_000;
const WAIT_S = 30;
const EVERY_MS = 50;
const SHIPPED = new URL("../../../../apps/decisions/policy.yaml", import.meta.url);

const NEW_RULE = `rules:
  - id: everything-is-looked-at
    when: amount >= 0
    reason: EVERYTHING_IS_LOOKED_AT
    action: review
    text: The amount is {amount}.
`;

let system: InProcessSystem;

beforeAll(async () => {
  const { registryUrl } = await testModel();
  system = await startInProcess({ registryUrl, hasControl: true });
}, START_MS_MAX);

afterAll(() => system?.close());

let count = 0;

async function decide(): Promise<ApiDecision> {
  count += 1;
  const [decision] = await system.client.decideAll(
    [buildPayment({ clientTransactionId: `c-${count}`, occurredAtMs: Date.now() })],
    WAIT_S,
  );
  if (decision === undefined) throw new Error("there is no decision");
  return decision;
}

const isLookedAt = ({ reasons }: ApiDecision) => reasons.some(({ code }) => code === "EVERYTHING_IS_LOOKED_AT");

async function decideUntil(wanted: (decision: ApiDecision) => boolean): Promise<ApiDecision> {
  let decision = await decide();
  for (; !wanted(decision); decision = await decide()) await delay(EVERY_MS);
  return decision;
}

test("a pushed policy is activated, decides, and is rolled back; decisions continue without the control plane", async () => {
  const policies = new PolicyClient(system.control);
  const text = (await readFile(SHIPPED, "utf8")).replace(/^rules:\n/m, NEW_RULE);
  expect(isLookedAt(await decide())).toBe(false);
  const { revision } = await policies.push(text, "look at everything");
  expect(isLookedAt(await decide())).toBe(false);
  await expect(policies.activate({ revision, after: 0, note: "go" })).resolves.toMatchObject({
    activation: 1,
    author: "demo-operator",
    is_published: true,
  });
  await decideUntil(isLookedAt);
  await system.stop("control");
  expect(isLookedAt(await decide())).toBe(true);
  await system.start("control");
  await expect(policies.activate({ revision: null, after: 0, note: "" })).rejects.toThrow(
    /^demo-operator activated revision 1 at /,
  );
  await policies.activate({ revision: null, after: 1, note: "back to the file" });
  await decideUntil((decision) => !isLookedAt(decision));
});
