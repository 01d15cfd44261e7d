import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { auditCommand } from "@tripline/cli/commands/audit/audit";
import { listsCommand } from "@tripline/cli/commands/lists/lists";
import type { ApiDecision } from "@tripline/system/client/tripline-client";
import { buildPayment } from "../support/build-payment.js";
import type { InProcessSystem } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { testModel } from "../support/test-model.js";

/** Maximum number of payments sent until a change takes effect, which takes milliseconds. */
const TRIES_MAX = 100;
const LOOK_MS = 100;

describe("lists", () => {
  let system: InProcessSystem;
  let folder: string;
  const environmentBefore = { ...process.env };

  beforeAll(async () => {
    const { registryUrl } = await testModel();
    system = await startInProcess({ registryUrl, hasControl: true });
    Object.assign(process.env, system.operator.environment);
    folder = await mkdtemp(join(tmpdir(), "tripline-lists-"));
  });
  afterAll(async () => {
    process.env = environmentBefore;
    await system?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** Runs `tripline lists` with these arguments and returns its output. */
  async function lists(...args: readonly string[]): Promise<string> {
    return run(listsCommand, args);
  }

  async function run(commandTo: typeof listsCommand, args: readonly string[]): Promise<string> {
    const printed: string[] = [];
    const { controlUrl, tokenUrl } = system.operator;
    const command = commandTo({ write: (text: string) => printed.push(text) });
    await command.parseAsync([...args, "--control", controlUrl, "--token-url", tokenUrl], { from: "user" });
    return printed.join("");
  }

  async function untilOutcome(outcome: string, terminalId: string): Promise<ApiDecision> {
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const { decision } = await system.client.send(buildPayment({ terminalId }), 10);
      if (decision?.outcome === outcome) return decision;
    }
    throw new Error(`No payment at ${terminalId} was decided ${outcome}.`);
  }

  const reasonOf = (decision: ApiDecision) => decision.reasons[0]?.text ?? "";

  test("a terminal is denied, then watched and allowed through a file, then removed", async () => {
    const value = `t-lists-${Date.now()}`;
    await untilOutcome("approve", value);
    const entry = ["--kind", "terminal", "--value", value];
    await expect(lists("add", "deny", ...entry, "--reason", "Skimmer found", "--until", "30d")).resolves.toContain(
      "The terminal was added to the list deny until 2",
    );
    const declined = await untilOutcome("decline", value);
    expect(reasonOf(declined)).toMatch(/^The terminal is on the list "deny" until .* UTC: Skimmer found\.$/);
    await expect(lists("search", "--value", value)).resolves.toMatch(
      `deny  terminal ${value}  Skimmer found  (demo-operator, `,
    );

    const exported = await lists("export", "--list", "deny", "--format", "csv");
    expect(exported.split("\n")[1]).toContain(`deny,deny,terminal,${value},Skimmer found,demo-operator,`);
    await writeFile(join(folder, "mules.csv"), exported);
    await writeFile(
      join(folder, "known.ndjson"),
      JSON.stringify({ kind: "terminal", value, reason: 'Ours, "tested"' }),
    );
    await lists("remove", "deny", ...entry);
    await lists("import", "mules", "--input", join(folder, "mules.csv"), "--effect", "watch");
    expect(reasonOf(await untilOutcome("review", value))).toContain('on the list "mules"');
    await expect(lists("import", "allow", "--input", join(folder, "known.ndjson"))).resolves.toBe(
      "1 entries added to the list allow.\n",
    );
    await lists("remove", "mules", ...entry);
    expect(reasonOf(await untilOutcome("approve", value))).toContain('on the list "allow": Ours, "tested".');
    await lists("remove", "allow", ...entry);
    await expect(lists("remove", "allow", ...entry)).rejects.toThrow("The list allow does not contain this entry.");
    await expect(lists("search", "--value", value)).resolves.toBe("No matching entries.\n");
  });

  test("the audit log records who changed a list, and can be verified here and from an export", async () => {
    const audit = (...args: readonly string[]) => run(auditCommand, args);
    await lists("add", "deny", "--kind", "terminal", "--value", "t-audited", "--reason", "For the audit log");
    let listed = "";
    for (let tries = 0; !listed.includes("t-audited") && tries < TRIES_MAX; tries += 1) {
      listed = await audit("list", "--subject", "deny", "--action", "list-entries-put", "--limit", "1");
      // Audit events are published within a second, which may be longer than a hundred attempts without a pause.
      if (!listed.includes("t-audited")) await delay(LOOK_MS);
    }
    expect(listed).toMatch(
      /^\d+ {2}\S+Z {2}client demo-operator {2}list-entries-put {2}list deny {2}\{.*t-audited.*\}\n$/,
    );
    await expect(audit("verify")).resolves.toMatch(/^The audit log of the tenant demo is intact: \d+ entries, .*\.\n$/);
    const file = join(folder, "audit.ndjson");
    const exported = await audit("export");
    await writeFile(file, exported);
    await expect(audit("verify", "--input", file)).resolves.toContain("is intact");
    const [last = ""] = /^\{"entry".*t-audited.*$/m.exec(exported) ?? [];
    const place = /"sequence":(\d+)/.exec(last)?.[1];
    const fault = `The audit log is not intact. Entry ${place} was changed`;
    await writeFile(file, (await readFile(file, "utf8")).replace("t-audited", "t-another"));
    await expect(audit("verify", "--input", file)).rejects.toThrow(fault);
    await writeFile(file, exported.replace(`${last}\n`, ""));
    await expect(audit("verify", "--input", file)).rejects.toThrow("is missing");
    await writeFile(file, "no log\n");
    await expect(audit("verify", "--input", file)).rejects.toThrow("Line 1 of ");
  });

  test("reports the position of an error in a file, without repeating a card number", async () => {
    const file = join(folder, "bad.csv");
    await writeFile(file, "kind,value,reason\nterminal,t-1,Mule\ncard,4111111111111111,Stolen\n");
    const refused = lists("import", "deny", "--input", file);
    await expect(refused).rejects.toThrow("/entries/1/value must not contain a card number");
    await expect(refused).rejects.not.toThrow("4111");
    await writeFile(file, "kind,value\nterminal,t-1\n");
    await expect(lists("import", "deny", "--input", file)).rejects.toThrow("bad.csv: entry 0: reason");
  });
});
