import { randomBytes } from "node:crypto";
import { encodeMessage } from "@tripline/contracts/encode-message";
import { FeatureVector } from "@tripline/contracts/generated/tripline/events/v1/events";
import { ROLES, scopesOf } from "@tripline/contracts/roles";
import { decodeJwt } from "jose";
import { z } from "zod";
import type { FakeService } from "../testing/fake-service.js";
import { startFakeService } from "../testing/fake-service.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import type { TestBrowser } from "../testing/test-browser.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";

let bed: TestBed;
let control: FakeService;

beforeAll(async () => {
  control = await startFakeService();
  bed = await startTestBed({ CONTROL_URL: control.url });
});
beforeEach(() => {
  control.seen.length = 0;
});
afterAll(async () => {
  await bed?.close();
  control?.close();
});

const SEALED = Buffer.from("sealed bytes");
const REASON = "verify-identity";
const FIELDS = {
  ...{ email: "ada@example.com", ip_address: "203.0.113.7", device_id: "phone-1", cardholder: "Ada" },
  attributes: '{"items":3,"tier":"gold"}',
};

/** A payment that the console has read. */
async function known(personal: Buffer | undefined = SEALED) {
  const made = testPayment(bed.tenant, { card: newCard() });
  const vector = FeatureVector.decode(made.vector.value ?? Buffer.alloc(0));
  if (vector.transaction === undefined) throw new Error("the vector has no payment");
  const emailToken = `et_${randomBytes(16).toString("hex")}`;
  const transaction = { ...vector.transaction, emailToken, personal };
  await bed.producer.send([{ ...made.vector, value: encodeMessage(FeatureVector, { ...vector, transaction }) }]);
  const { transactionId: id, cardToken } = transaction;
  await eventually(async () => {
    const row = z.object({ transaction_id: z.string() });
    const sql = "SELECT transaction_id FROM console.payments WHERE transaction_id = $1";
    expect(await bed.database.query(row, sql, [id])).toHaveLength(1);
  });
  return { id, subjects: [cardToken, emailToken] };
}

const sendRequest = (browser: TestBrowser, transactionIds: readonly string[]) =>
  browser.post("/api/personal/open", { transactionIds, reason: REASON });

test("decrypts payments through the control plane with the user's token and reason, and summarises their values", async () => {
  const [first, second, erased, keyless, empty] = [
    await known(),
    await known(),
    await known(),
    await known(),
    await known(Buffer.alloc(0)),
  ];
  const opened = [
    { fields: FIELDS, erased: false },
    { fields: { ...FIELDS, email: "", device_id: "phone-2", attributes: '{"tier":"gold"}' }, erased: false },
    { fields: null, erased: true },
    { fields: null, erased: false },
  ];
  control.answer = { status: 200, body: { payments: opened } };
  const ana = await bed.as(bed.people.analyst);
  const ids = [first, second, erased, keyless, empty].map(({ id }) => id);
  const answer = await sendRequest(ana, [...ids, `txn_${"0".repeat(32)}`]);
  expect(answer).toMatchObject({
    status: 200,
    body: {
      fields: [
        {
          name: "device_id",
          title: "Device",
          values: [
            { value: "phone-1", payments: 1 },
            { value: "phone-2", payments: 1 },
          ],
        },
        { name: "ip_address", title: "IP address", values: [{ value: "203.0.113.7", payments: 2 }] },
        { name: "email", title: "E-mail", values: [{ value: "ada@example.com", payments: 1 }] },
        { name: "cardholder", title: "Name", values: [{ value: "Ada", payments: 2 }] },
        {
          name: "attributes",
          title: "Attributes",
          values: [
            { value: "tier: gold", payments: 2 },
            { value: "items: 3", payments: 1 },
          ],
        },
      ],
      payments: { opened: 2, erased: 1, keyless: 1, empty: 1, missing: 1 },
    },
  });
  const [asked] = control.seen;
  expect(asked).toMatchObject({ method: "POST", path: "/v1/personal/open", body: { reason: REASON } });
  const sent = z
    .object({ payments: z.array(z.looseObject({ transaction_id: z.string() })) })
    .parse(asked?.body).payments;
  expect(sent).toHaveLength(4);
  expect(sent).toContainEqual({
    transaction_id: first.id,
    personal: SEALED.toString("base64"),
    subjects: first.subjects,
  });
  expect(decodeJwt(String(asked?.headers.authorization).replace("Bearer ", "")).sub).toBe(bed.people.analyst.id);
});

test.each(ROLES)("a user with the role %s can decrypt personal data only if the role allows it", async (role) => {
  control.answer = { status: 200, body: { payments: [{ fields: FIELDS, erased: false }] } };
  const { id } = await known();
  const scopes = scopesOf([role]);
  const browser = await bed.as({
    id: `${bed.tenant}-${role}`,
    name: role,
    tenant: bed.tenant,
    roles: [role],
    scope: scopes.filter((scope) => scope !== "personal:erase").join(" "),
  });
  const may = scopes.includes("personal:read");
  expect((await sendRequest(browser, [id])).status).toBe(may ? 200 : 403);
  expect(control.seen).toHaveLength(may ? 1 : 0);
});

test("another tenant's payment counts as missing, and no request is sent to the control plane", async () => {
  const { id } = await known();
  const stranger = await bed.as({ ...bed.people.analyst, id: `${bed.tenant}-stranger`, tenant: `${bed.tenant}-other` });
  expect(await sendRequest(stranger, [id])).toMatchObject({
    status: 200,
    body: { fields: [], payments: { opened: 0, missing: 1 } },
  });
  expect(control.seen).toEqual([]);
});

test.each([
  [
    { status: 503, body: { code: "master-key-unavailable", detail: "AWS KMS does not help." } },
    503,
    "master-key-unavailable",
  ],
  [
    {
      status: 404,
      body: {
        code: "not-found",
        detail: "Personal data is unavailable: PERSONAL_MASTER_KEY is not set for this service.",
      },
    },
    404,
    "not-found",
  ],
  [{ status: 401, body: { code: "token-invalid", detail: "The token has ended." } }, 503, "service-unavailable"],
  [{ status: 500, body: {} }, 503, "service-unavailable"],
] as const)("passes on the control plane's errors: %j", async (refused, status, code) => {
  const { id } = await known();
  control.answer = refused;
  const ana = await bed.as(bed.people.analyst);
  expect(await sendRequest(ana, [id])).toMatchObject({ status, body: { code } });
});

test("rejects a missing reason and a reason that is free text", async () => {
  const ana = await bed.as(bed.people.analyst);
  const transactionIds = [`txn_${"0".repeat(32)}`];
  for (const reason of [undefined, "", "Ada asked me to"]) {
    const answer = await ana.post("/api/personal/open", { transactionIds, reason });
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer: "/reason" }] } });
  }
});
