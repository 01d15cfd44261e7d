import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { UNSENT } from "@tripline/contracts/generated/payment-fields";
import { Decision, Label, Outcome, Rung, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TestArchive } from "@tripline/lake/testing/archive";
import { keepBytecode, provisionPython } from "@tripline/local-stack/provision/provision-python";
import { ROOT } from "@tripline/system/services/workspace";
import { z } from "zod";

const FOLDER = join(ROOT, "packages/lake/warehouse");
const DAY_MS = 86_400_000;
const INSTALL_MS_MAX = 600_000;
const ANSWERS_MS_MAX = 120_000;
const NOTHING = new Uint8Array();

const payments = z
  .array(
    z.object({
      id: z.string(),
      day: z.int(),
      amount: z.int(),
      merchant: z.string(),
      card: z.string(),
      outcome: z.enum(["APPROVE", "REVIEW", "DECLINE"]),
      rung: z.enum(["MODEL", "RULES_ONLY"]).default("MODEL"),
      because: z.string().default(""),
      score: z.number().optional(),
      reason: z.string().optional(),
      shadow: z.string().optional(),
      fraud: z.boolean().optional(),
      days: z.number().default(5),
      /** Whether an earlier label said fraud. The last label replaces it. */
      wasFraud: z.boolean().default(false),
    }),
  )
  .parse(JSON.parse(readFileSync(join(FOLDER, "payments.json"), "utf8")));

let lake: string;
let python: string;

beforeAll(async () => {
  const requirementsFile = join(FOLDER, "requirements.txt");
  ({ python } = await provisionPython({ name: "warehouse", requirementsFile, root: ROOT }));
  lake = mkdtempSync(join(tmpdir(), "tripline-warehouse-"));
  await writeLake(lake);
}, INSTALL_MS_MAX);

afterAll(() => rmSync(lake, { recursive: true, force: true }));

test(
  "DuckDB answers a fraud team's questions from the lake, and every warehouse's dialect can express them",
  async () => {
    const { stdout } = await promisify(execFile)(python, ["-m", "pytest", "--color=no", FOLDER], {
      cwd: FOLDER,
      timeout: ANSWERS_MS_MAX,
      env: { ...process.env, ...keepBytecode(python), LAKE: lake },
    }).catch((error: { stdout?: string; stderr?: string }) => {
      throw new Error(`${error.stdout}\n${error.stderr}`);
    });
    expect(stdout).toMatch(/^25 passed in /m);
  },
  ANSWERS_MS_MAX,
);

async function writeLake(folder: string): Promise<void> {
  const archive = new TestArchive(folder, { cluster: "c", topicPrefix: "" });
  // Writes each record twice, as after a crash.
  const twice = (values: readonly Uint8Array[]) =>
    [...values, ...values].map((value, offset) => ({ partition: 0, offset, value }));
  const transactions = payments.map(({ id, day, amount, merchant, card }): Transaction => {
    const ids = { transactionId: `txn_${id}`, clientTransactionId: id, tenant: "demo", cardToken: `ct_${id}` };
    const occurredAtMs = Date.UTC(2026, 10, day, 12);
    const place = { merchantId: merchant, cardCountry: card, merchantCountry: "FR", terminalId: "t" };
    return {
      ...UNSENT,
      ...ids,
      ...place,
      amountMinor: amount,
      currency: "EUR",
      occurredAtMs,
      acceptedAtMs: occurredAtMs,
    };
  });
  const decisions = payments.map(({ outcome, rung, because, score, reason, shadow }, index): Decision => {
    const { transactionId, clientTransactionId, tenant, cardToken, occurredAtMs } =
      transactions[index] ?? UNSENT_PAYMENT;
    return {
      ...Decision.decode(NOTHING),
      ...{ transactionId, clientTransactionId, tenant, cardToken, occurredAtMs },
      ...{ acceptedAtMs: occurredAtMs, decidedAtMs: occurredAtMs + 20 },
      ...{ outcome: Outcome[outcome], rung: Rung[rung], degradedBecause: because },
      reasons: reason === undefined ? [] : [{ code: reason, text: "", outcome: Outcome[outcome] }],
      shadowHits: shadow === undefined ? [] : [{ ruleId: shadow, code: "NIGHT", outcome: Outcome.REVIEW }],
      ...(score === undefined ? {} : { score }),
    };
  });
  const labels = payments.flatMap(({ fraud, days, wasFraud }, index): Label[] => {
    if (fraud === undefined) return [];
    const { transactionId, clientTransactionId, tenant, occurredAtMs } = transactions[index] ?? UNSENT_PAYMENT;
    const label = { ...Label.decode(NOTHING), tenant, clientTransactionId, occurredAtMs, source: "chargeback" };
    const labelledAtMs = occurredAtMs + days * DAY_MS;
    return [
      ...(wasFraud ? [{ ...label, labelId: `old ${transactionId}`, labelledAtMs: labelledAtMs - 1, fraud: true }] : []),
      { ...label, labelId: transactionId, labelledAtMs, fraud },
    ];
  });
  await archive.append("transactions", twice(transactions.map((one) => Transaction.encode(one).finish())));
  await archive.append("decisions", twice(decisions.map((one) => Decision.encode(one).finish())));
  await archive.append("labels", twice(labels.map((one) => Label.encode(one).finish())));
}

const UNSENT_PAYMENT: Transaction = Transaction.decode(NOTHING);
