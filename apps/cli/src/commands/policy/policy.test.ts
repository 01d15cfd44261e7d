import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { policyCommand } from "./policy.js";

let folder: string;
let file: string;

const GOOD = `version: "1"
rules:
  - id: big-amount
    when: amount > 500
    reason: BIG_AMOUNT
    action: review
    text: The amount is {amount}.
    examples:
      - { fires: true, values: { amount: 900 } }
default_decision:
  default: { action: review, reason: NO_FACTS, text: "Nothing is known." }
`;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tripline-policy-"));
  file = join(folder, "policy.yaml");
  await writeFile(file, GOOD);
});

afterEach(() => rm(folder, { recursive: true }));

async function run(...parameters: readonly string[]): Promise<{ lines: string[]; code: unknown }> {
  let text = "";
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    await policyCommand({ write: (more: string) => (text += more) } as never).parseAsync(parameters, { from: "user" });
    return { lines: text.trimEnd().split("\n"), code: process.exitCode };
  } finally {
    process.exitCode = before;
  }
}

test("check counts rules and examples of a valid policy", async () => {
  const { lines, code } = await run("check", file);
  expect(lines).toEqual([
    expect.stringMatching(/^policy: version=1\+[0-9a-f]{8} rules=1 bands=0 budgets=0 examples=1 failed=0$/),
  ]);
  expect(code).toBe(0);
});

test("check names a failing example, and exits with 1", async () => {
  await writeFile(file, GOOD.replace("amount: 900", "amount: 400"));
  const { lines, code } = await run("check", file);
  expect(lines[0]).toBe("policy.yaml:9:9 The rule big-amount does not fire on this example.");
  expect(code).toBe(1);
});

test("check reports a rule that fires for no example", async () => {
  await writeFile(file, GOOD.replace("fires: true, values: { amount: 900 }", "fires: false"));
  expect((await run("check", file)).lines[0]).toBe("Rules that fire for no example: big-amount.");
});

test("check reports a rule that can never fire", async () => {
  await writeFile(
    file,
    GOOD.replace("amount > 500", "amount > 500 && amount < 100").replace("fires: true", "fires: false"),
  );
  expect((await run("check", file)).lines).toContain(
    "The rule big-amount can never fire: its conditions exclude each other.",
  );
});

describe("regression #26: a policy that reads profiles", () => {
  beforeEach(() => writeFile(file, GOOD.replace("amount > 500", "amount > 500 && card_age < 2.0")));

  test("passes the check, which reports the setting that the policy needs", async () => {
    const { lines, code } = await run("check", file);
    expect(lines).toContain("The policy uses card_age, so FEAST_PROFILES must contain card.");
    expect(code).toBe(0);
  });

  test("is rejected if the features service does not read those profiles", async () => {
    const { lines, code } = await run("check", file, "--profiles", "terminal");
    expect(lines).toContain(
      "The policy uses card_age from profiles that the features service does not read: add these to FEAST_PROFILES.",
    );
    expect(code).toBe(1);
    expect((await run("check", file, "--profiles", "terminal, card")).code).toBe(0);
  });
});

test("check rejects an invalid file, and reports line and column", async () => {
  await writeFile(file, GOOD.replace("amount > 500", "amuont > 500"));
  await expect(run("check", file)).rejects.toThrow(/^policy\.yaml:4:11 rules\.0\.when .*amuont/);
  await expect(run("check", join(folder, "none.yaml"))).rejects.toThrow("none.yaml cannot be read (ENOENT).");
});

test("the shipped policy has no faults", async () => {
  const shipped = new URL("../../../../decisions/policy.yaml", import.meta.url);
  await writeFile(file, await readFile(shipped));
  expect((await run("check", file)).code).toBe(0);
});

test("check prints what exploration may cost", async () => {
  const exploration = `exploration:
  share: 0.05
  key: 6b1f0c2e9a7d4835
  time_zone: UTC
  limits: [{ currency: EUR, amount_max: 50, daily_loss_max: 500 }]
  reason: EXPLORED
  text: Approved at random.
default_decision:`;
  await writeFile(file, GOOD.replace("default_decision:", exploration));
  const { lines, code } = await run("check", file);
  expect(lines[0]).toBe(
    "Exploration approves 5 % of the declines up to 50.00 EUR, at most 500.00 EUR per tenant and day. All of it may be lost to fraud.",
  );
  expect(code).toBe(0);
});
