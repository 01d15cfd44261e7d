import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Database } from "@tripline/stores/postgres/connect-database";
import { connectDatabase } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import { newPerson, SHOWN, TestPayers } from "../testing/test-payers.js";

/** The tables with personal data in a dump or snapshot. An erasure changes no others. */
const TABLES = ["subject_keys", "envelope_keys", "erasures"];
const MASTER_KEY = randomBytes(32).toString("base64");
const POLL_MS = 50;
const opened = z.object({ payments: z.array(z.object({ fields: z.unknown(), erased: z.boolean() })) });
const logged = z.object({
  entries: z.array(z.object({ action: z.string(), subject_id: z.string(), details: z.unknown() })),
});

let bed: TestBed;
let database: Database;
let payers: TestPayers;

beforeAll(async () => {
  bed = await startTestBed({ PERSONAL_MASTER_KEY: MASTER_KEY });
  const { postgresUrl: url } = bed.stack;
  database = connectDatabase({ url, connectionsMax: 1, queryTimeoutMs: 30_000, onIdleError() {} });
  payers = await TestPayers.start(bed.kafka, MASTER_KEY);
});
afterAll(async () => {
  await payers?.close();
  await database?.close();
  await bed?.close();
});

/** A person with a payment, and the requests about it. */
async function newPayer() {
  const person = newPerson();
  const subjects = [person.cardToken, person.emailToken];
  return { ...person, payment: { ...(await payers.pay(person)), subjects } };
}
type Entry = z.infer<typeof logged>["entries"][number];
type Payer = Awaited<ReturnType<typeof newPayer>>;

async function open({ payment }: Payer, url?: string) {
  const caller = bed.as("ana", { scope: "personal:read", ...(url === undefined ? {} : { url }) });
  const answer = await caller.send("POST", "/v1/personal/open", { payments: [payment] });
  expect(answer.status).toBe(200);
  return opened.parse(answer.body).payments[0];
}

async function untilOpened(payer: Payer): Promise<void> {
  while ((await open(payer))?.fields === null) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

async function entries(url: string): Promise<readonly Entry[]> {
  return logged.parse((await bed.as("ana", { scope: "audit:read", url }).get("/v1/audit?limit=100")).body).entries;
}

const rows = (table: string, { cardToken }: Payer) =>
  database.query(z.unknown(), `SELECT 1 FROM ${table} WHERE card_token = $1`, [cardToken]);

async function backUp(to: string): Promise<void> {
  await database.execute(`CREATE SCHEMA ${to}`);
  for (const table of TABLES) await database.execute(`CREATE TABLE ${to}.${table} AS TABLE control.${table}`);
}

async function restore(from: string): Promise<void> {
  for (const table of TABLES) {
    await database.execute(`TRUNCATE control.${table}`);
    await database.execute(`INSERT INTO control.${table} SELECT * FROM ${from}.${table}`);
  }
}

test("after a restore, control destroys an erased person's keys again before it decrypts anything", async () => {
  const [ada, bob] = [await newPayer(), await newPayer()];
  await untilOpened(ada);
  await untilOpened(bob);
  await backUp("before_erasure");
  const erase = () =>
    bed.as("ana", { scope: "personal:erase" }).send("POST", "/v1/erasures", { subject: ada.cardToken });
  // Retried until control has stored the payment's key.
  while ((await erase()).status !== 200) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  await backUp("after_erasure");
  expect(await rows("before_erasure.subject_keys", ada)).toHaveLength(1);
  expect(await rows("after_erasure.subject_keys", ada)).toHaveLength(0);

  // As in operations.md: control is stopped during the restore.
  await bed.service.close();
  await restore("before_erasure");
  expect(await rows("control.subject_keys", ada)).toHaveLength(1);
  const { url } = await bed.startAnother();
  expect(await open(ada, url)).toEqual({ fields: null, erased: true });
  expect(await open(bob, url)).toEqual({ fields: SHOWN, erased: false });
  expect(await rows("control.subject_keys", ada)).toHaveLength(0);
  const isNoted = ({ action, subject_id: id, details }: Entry): boolean =>
    action === "person-erased" && id === ada.cardToken && isDeepStrictEqual(details, { keys: 1, again: true });
  while (!(await entries(url)).some(isNoted)) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
});
