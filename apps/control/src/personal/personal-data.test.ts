import { randomBytes } from "node:crypto";
import { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { TABLES } from "@tripline/contracts/topics";
import { z } from "zod";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import type { Person } from "../testing/test-payers.js";
import { hex, newPerson, SHOWN, TestPayers } from "../testing/test-payers.js";

const MASTER_KEY = randomBytes(32).toString("base64");
const POLL_MS = 50;
const opened = z.object({ payments: z.array(z.object({ fields: z.unknown(), erased: z.boolean() })) });
const logged = z.object({
  entries: z.array(z.looseObject({ action: z.string(), subject_id: z.string(), details: z.unknown() })),
});
type Entry = z.infer<typeof logged>["entries"][number];

let bed: TestBed;
let payers: TestPayers;

beforeAll(async () => {
  bed = await startTestBed({ PERSONAL_MASTER_KEY: MASTER_KEY });
  payers = await TestPayers.start(bed.kafka, MASTER_KEY);
});
afterAll(async () => {
  await payers?.close();
  await bed?.close();
});

const pay = (person: Person) => payers.pay(person);
const as = (scope: string, tenant = "acme") => bed.as("ana", { tenant, scope });

async function sendRequest(body: object, tenant?: string) {
  const answer = await as("personal:read", tenant).send("POST", "/v1/personal/open", body);
  expect(answer.status).toBe(200);
  return opened.parse(answer.body).payments[0];
}

const open = async (payment: object, tenant?: string): Promise<unknown> =>
  (await sendRequest({ payments: [payment] }, tenant))?.fields;

async function untilOpened(payment: object): Promise<void> {
  while ((await open(payment)) === null) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

const erase = (subject: string) => as("personal:erase").send("POST", "/v1/erasures", { subject });

test("an authorised user reads a payment's personal data, and the access is logged; another tenant reads nothing", async () => {
  const person = newPerson();
  const payment = await pay(person);
  await untilOpened(payment);
  expect(await open(payment)).toEqual(SHOWN);
  expect(await open(payment, "shop")).toBeNull();
  expect(await open({ ...payment, transaction_id: `txn_${hex()}` })).toBeNull();
  const refused = await as("cases:read personal:erase").send("POST", "/v1/personal/open", { payments: [payment] });
  expect(refused.status).toBe(403);
  await sendRequest({ payments: [payment], reason: "verify-identity" });
  const entries = async () => logged.parse((await as("audit:read").get("/v1/audit?limit=100")).body).entries;
  const look = ({ action, subject_id: id, details }: Entry): boolean =>
    action === "personal-data-opened" &&
    id === person.cardToken &&
    z.object({ reason: z.string() }).safeParse(details).data?.reason === "verify-identity";
  while (!(await entries()).some(look)) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
});

test("reads a payment whose fields have their maximum length", async () => {
  const text = "\u{1f4f1}".repeat(128);
  const attributes = "x".repeat(4_096);
  const fields = { cardholder: text, deviceId: text, accountId: text, deviceFingerprint: text, attributes };
  const payment = await payers.pay(newPerson(), fields);
  await untilOpened(payment);
  expect(await open(payment)).toMatchObject({ cardholder: text, attributes });
});

test("rejects a reason that is free text, which the audit log would keep permanently", async () => {
  const payment = { transaction_id: `txn_${hex()}`, personal: "" };
  const answer = await as("personal:read").send("POST", "/v1/personal/open", {
    payments: [payment],
    reason: "Ada called",
  });
  expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer: "/reason" }] } });
});

test.each(["cardToken", "emailToken", "accountToken"] as const)(
  "after an erasure by %s, the person's data cannot be decrypted, and no new key is stored",
  async (by) => {
    const person = newPerson();
    const [payment, other] = [await pay(person), await pay(newPerson())];
    await untilOpened(payment);
    await untilOpened(other);
    const subjects = [person.cardToken, person.emailToken, person.accountToken];
    expect(await erase(person[by])).toEqual({
      status: 200,
      body: { subject: person[by], keys: 1, seen_with: subjects.filter((token) => token !== person[by]) },
    });
    expect(await sendRequest({ payments: [{ ...payment, subjects }] })).toMatchObject({ fields: null, erased: true });
    expect(await sendRequest({ payments: [{ ...payment, subjects }] }, "shop")).toMatchObject({
      fields: null,
      erased: false,
    });
    // The key is sent again, as after a crash of ingestion, with a payment from an instance that does not know about
    // the erasure yet.
    const late = await pay(person);
    const last = await pay(newPerson());
    await untilOpened(last);
    expect([await open(payment), await open(late)]).toEqual([null, null]);
    expect(await open(other)).toEqual(SHOWN);
    expect((await erase(person[by])).body).toMatchObject({ keys: 0, seen_with: [] });
    const received: Erasure[] = [];
    const table = await bed.kafka.follow({
      topic: TABLES.erasures.name,
      group: "test",
      apply: (changes) =>
        received.push(...changes.flatMap(({ value }) => (value === undefined ? [] : [Erasure.decode(value)]))),
      onStop() {},
    });
    await table.ready;
    await table.close();
    expect(received.filter(({ subject }) => subject === person[by])).toHaveLength(1);
  },
);

test.each(["4111111111111111", "ada@example.com", "dt_00000000000000000000000000000000", "ct_1"])(
  "rejects an erasure of %s without repeating the value",
  async (subject) => {
    const answer = await erase(subject);
    expect(answer).toMatchObject({ status: 422, body: { code: "invalid-field" } });
    expect(JSON.stringify(answer.body)).not.toContain(subject);
  },
);

test("only an authorised user can erase", async () => {
  const answer = await as("personal:read").send("POST", "/v1/erasures", { subject: `ct_${hex()}` });
  expect(answer.status).toBe(403);
});

test("an authorised user exports what control stores about a person, and the export is logged; another tenant sees nothing", async () => {
  const person = newPerson();
  await untilOpened(await pay(person));
  const shown = z.object({
    keys: z.array(z.unknown()),
    seen_with: z.array(z.string()),
    erased_at: z.string().nullable(),
  });
  const exportOf = async (scope: string, tenant?: string) => {
    const answer = await as(scope, tenant).send("POST", "/v1/personal/export", { subject: person.cardToken });
    return answer.status === 200 ? shown.parse(answer.body) : answer.status;
  };
  expect(await exportOf("personal:read")).toMatchObject({
    keys: [{ card_token: person.cardToken, email_token: person.emailToken, other_tokens: [person.accountToken] }],
    seen_with: [person.emailToken, person.accountToken],
    erased_at: null,
  });
  expect(await exportOf("personal:erase cases:read")).toBe(403);
  expect(await exportOf("personal:read", "shop")).toEqual({ keys: [], seen_with: [], erased_at: null });
  await erase(person.cardToken);
  expect(await exportOf("personal:read")).toEqual({ keys: [], seen_with: [], erased_at: expect.any(String) });
  const entries = async () => logged.parse((await as("audit:read").get("/v1/audit?limit=100")).body).entries;
  const isNoted = ({ action, subject_id: id }: Entry) => action === "personal-data-exported" && id === person.cardToken;
  while ((await entries()).filter(isNoted).length < 2) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
});
