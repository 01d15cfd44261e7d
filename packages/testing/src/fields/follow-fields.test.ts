import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { openPersonal, sealedOf } from "@tripline/cli/journeys/erase";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { TOPICS } from "@tripline/contracts/topics";
import type { LakeRow } from "@tripline/lake/read/read-rows";
import { readRows } from "@tripline/lake/read/read-rows";
import { PolicyClient } from "@tripline/system/client/policy-client";
import { ROOT } from "@tripline/system/services/workspace";
import { parse } from "yaml";
import { z } from "zod";
import { randomCardNumber } from "../support/build-payment.js";
import { openConsoleSession } from "../support/console-session.js";
import type { InProcessSystem } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { readFeatures } from "../support/read-topics.js";
import { testModel } from "../support/test-model.js";

// Follows whatever packages/contracts/payment.yaml lists. `npx tripline test fields` runs this in a copy with more
// fields.

const START_MS_MAX = 300_000;
const TRIES_MAX = 1_000;
const EVERY_MS = 100;
const TEXT_TYPES = new Set(["identifier", "token", "text", "enum", "country"]);

const field = z.object({
  name: z.string(),
  path: z.string().optional(),
  core: z.boolean().default(false),
  type: z.string(),
  sealed: z.int().optional(),
  /** Absent for a field that is only sealed. */
  number: z.int().optional(),
  example: z.unknown().optional(),
  uses: z.array(z.string()).default([]),
});
const definition = z.object({ fields: z.array(field) });
const answer = z.object({
  id: z.string(),
  card_token: z.string(),
  reasons: z.array(z.object({ code: z.string() })),
});
const shown = z.object({ facts: z.array(z.object({ name: z.string(), text: z.string() })) });

type Field = z.infer<typeof field>;

const { fields } = definition.parse(parse(readFileSync(join(ROOT, "packages/contracts/payment.yaml"), "utf8")));
/** Fields that callers can send in addition to card, amount and time. */
const sent = fields.filter(({ path, core }) => path !== undefined && !core);
const using = (use: string) => sent.filter(({ uses }) => uses.includes(use));

/** A condition that is true for a payment with the example value and false for one without the field. */
function conditionOf({ name, type, example }: Field): string {
  if (TEXT_TYPES.has(type)) return type === "token" ? `${name} != ""` : `${name} == ${JSON.stringify(example)}`;
  if (type === "attributes") {
    return Object.entries(example ?? {})
      .map(([attribute, value]) => `attributes[${JSON.stringify(attribute)}] == ${JSON.stringify(value)}`)
      .join(" && ");
  }
  return `has_${name} && ${type === "time" ? `${name} > 0` : `${name} == ${JSON.stringify(example)}`}`;
}

const codeOf = ({ name }: Field) => `FIELD_${name.toUpperCase()}`;

/** A policy with one rule per field and nothing else. */
function policyText(): string {
  const rules = using("rule").map((one) => ({
    id: one.name.replaceAll("_", "-"),
    when: conditionOf(one),
    reason: codeOf(one),
    action: "review",
    text: "The payment has this field.",
  }));
  const otherwise = { default: { action: "review", reason: "NO_FACTS", text: "Nothing is known." } };
  return JSON.stringify({ version: "1", rules, default_decision: otherwise });
}

async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await delay(EVERY_MS);
  }
  throw new Error(`${what} after ${(TRIES_MAX * EVERY_MS) / 1_000} s`);
}

describe("a payment with the example of every field of payment.yaml", () => {
  const card = randomCardNumber();
  const ids = [0, 1].map(() => `fields-${randomUUID()}`);
  let lake: string;
  let system: InProcessSystem;
  let decision: z.infer<typeof answer>;
  let headers: Readonly<Record<string, string>>;

  async function pay(id: string): Promise<z.infer<typeof answer>> {
    const body: Record<string, unknown> = {};
    for (const { path = "", example } of sent) body[path] = example;
    const known = { transaction_id: id, card: { number: card }, amount: { minor: 1_999, currency: "EUR" } };
    const response = await fetch(`${system.apiUrl}/v1/transactions`, {
      method: "POST",
      headers: {
        authorization: await system.authorization(),
        "content-type": "application/json",
        prefer: "wait=20",
      },
      body: JSON.stringify({ ...body, ...known, occurred_at: new Date().toISOString() }),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${response.status}: ${text}`);
    return answer.parse(JSON.parse(text));
  }

  beforeAll(async () => {
    const { registryUrl } = await testModel();
    lake = mkdtempSync(join(tmpdir(), "tripline-fields-"));
    system = await startInProcess({ registryUrl, lakeDirectory: lake, hasControl: true, hasConsole: true });
    ({ headers } = await openConsoleSession(system, "reader"));
    const policies = new PolicyClient(system.control);
    const { revision } = await policies.push(policyText(), "a rule for each field");
    await policies.activate({ revision, after: 0, note: "" });
    const [first = "", second = ""] = ids;
    // Sends the payment with new ids until the new policy decides.
    await eventually("the policy does not decide", async () => {
      const { reasons } = await pay(`fields-${randomUUID()}`);
      return reasons.some(({ code }) => code.startsWith("FIELD_")) ? true : undefined;
    });
    await pay(first);
    decision = await pay(second);
  }, START_MS_MAX);

  afterAll(async () => {
    await system?.close();
    rmSync(lake, { recursive: true, force: true });
  });

  test("fires a rule on each field", () => {
    const fired = decision.reasons.map(({ code }) => code).filter((code) => code.startsWith("FIELD_"));
    expect(fired.sort()).toEqual(using("rule").map(codeOf).sort());
  });

  test("is counted for the entity of each key", async () => {
    const [before, after] = await Promise.all(ids.map((id) => readFeatures(system.kafka, id)));
    const counts = currentFeatureSpec().features.filter(
      (feature) => feature.kind === "count" && feature.window === "1d",
    );
    expect(counts.length).toBeGreaterThan(0);
    for (const { name } of counts) expect([name, after?.get(name)]).toEqual([name, (before?.get(name) ?? 0) + 1]);
  });

  test("is shown in the console", async () => {
    const read = await eventually("the console does not show the payment", async () => {
      const response = await fetch(`${system.consoleUrl}/api/decisions/${decision.id}`, { headers });
      return response.ok ? shown.parse(await response.json()) : undefined;
    });
    expect(read.facts.map(({ name }) => name).sort()).toEqual(
      using("console")
        .map(({ name }) => name)
        .sort(),
    );
    expect(read.facts.filter(({ text }) => text === "")).toEqual([]);
  });

  test("is visible to authorised users until the person is erased, and then in no view", async () => {
    const sealed = (await sealedOf(system.kafka, decision.id)) ?? Buffer.alloc(0);
    const opened = await eventually("personal data cannot be opened", () =>
      openPersonal(system.control, decision.id, sealed),
    );
    const personal = sent.filter(({ sealed: number }) => number !== undefined);
    expect(Object.keys(opened).sort()).toEqual(personal.map(({ path }) => path).sort());
    await system.control.call("POST", "/v1/erasures", { body: { subject: decision.card_token } });
    expect(await openPersonal(system.control, decision.id, sealed)).toBeUndefined();
    await eventually("the console still shows the payment", async () => {
      const { status } = await fetch(`${system.consoleUrl}/api/decisions/${decision.id}`, { headers });
      return status === 404 ? true : undefined;
    });
  });

  test("is in the lake with its value", async () => {
    await system.stop("archive");
    let row: LakeRow | undefined;
    for await (const rows of readRows({ lake, topic: TOPICS.transactions.name })) {
      row ??= rows.find(({ transaction_id }) => transaction_id === decision.id);
    }
    const columns = sent.flatMap(({ name, type, number }) => {
      if (type === "coordinates") return coordinatesOf(name);
      return number === undefined ? [] : [name];
    });
    expect(columns.filter((column) => (row?.[column] ?? "") === "")).toEqual([]);
  });
});

/** The columns of the predefined location have no prefix. */
function coordinatesOf(name: string): string[] {
  return ["latitude", "longitude"].map((part) => (name === "location" ? part : `${name}_${part}`));
}
