import { readFileSync } from "node:fs";
import { PolicyWorker } from "./policy-worker.js";

const SHIPPED = readFileSync(new URL("../../../apps/decisions/policy.yaml", import.meta.url), "utf8");
const HOSTILE = new URL("./testing/hostile-thread.js", import.meta.url);

let worker: PolicyWorker;

const start = (seconds: number, body?: URL): PolicyWorker => {
  worker = new PolicyWorker({ POLICY_CHECK_SECONDS: seconds, POLICY_CHECK_MB: 96 }, { error() {} }, body);
  return worker;
};

afterEach(() => worker.close());

test("checks a valid policy and lists its parts", async () => {
  const { version, warnings, parts } = await start(60).check("acme", SHIPPED);
  expect(version).toMatch(/\+[0-9a-f]{8}$/);
  expect(warnings).toEqual([]);
  expect(parts.length).toBeGreaterThan(5);
  await expect(worker.outline("acme", SHIPPED)).resolves.toMatchObject({ version, parts });
});

test("rejects an invalid policy with the position of each fault, as without a thread", async () => {
  await expect(start(60).check("acme", "rules: 7\n")).rejects.toMatchObject({
    code: "invalid-field",
    fields: expect.arrayContaining([{ pointer: "/text", detail: "policy.yaml:1:1 rules must be a list." }]),
  });
});

test("regression #24: a stored policy whose rules now cost too much keeps its guard", async () => {
  const nested = "[1, 2, 3].all(a, ".repeat(9) + "true" + ")".repeat(9);
  const rule = `rules:\n  - { id: costly, when: "${nested}", action: review, reason: COSTLY, text: "Costly." }`;
  const text = SHIPPED.replace(/^rules:/m, rule).replace(/watch_seconds: \d+/, "watch_seconds: 777");
  await expect(start(60).outline("acme", text)).rejects.toMatchObject({ code: "invalid-field" });
  await expect(worker.storedOutline("acme", text)).resolves.toMatchObject({ guard: { watchSeconds: 777 } });
});

test("regression #24: stops an endless check at its deadline without blocking this thread", async () => {
  start(2, HOSTILE);
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), 20);
  await expect(worker.check("acme", "spin")).rejects.toMatchObject({ code: "policy-too-slow" });
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(20);
  await expect(worker.outline("acme", "next")).resolves.toMatchObject({ version: "next" });
});

test("regression #24: a check that exhausts memory ends only its thread", async () => {
  start(60, HOSTILE);
  await expect(worker.check("acme", "hoard")).rejects.toMatchObject({ code: "policy-too-large" });
  await expect(worker.outline("acme", "next")).resolves.toMatchObject({ version: "next" });
});

test("regression #24: endless checks of one tenant do not delay another tenant", async () => {
  start(5, HOSTILE);
  const endless = [1, 2, 3].map(() => worker.check("loud", "spin").catch((error: unknown) => error));
  await expect(worker.outline("quiet", "next")).resolves.toMatchObject({ version: "next" });
  await worker.close();
  for (const one of endless) await expect(one).resolves.toMatchObject({ code: "shutting-down" });
});
