import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:http";
import { AuditEvent } from "@tripline/contracts/generated/tripline/events/v1/events";
import { AUDIT_TOPIC } from "@tripline/contracts/topics";
import { z } from "zod";
import type { FakeService } from "../testing/fake-service.js";
import { startFakeService } from "../testing/fake-service.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed, testPeople } from "../testing/test-bed.js";
import type { TestBrowser } from "../testing/test-browser.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";

let bed: TestBed;
let ingestion: FakeService;
let ana: TestBrowser;
let ben: TestBrowser;
let vera: TestBrowser;

beforeAll(async () => {
  ingestion = await startFakeService();
  bed = await startTestBed({
    INGESTION_URL: ingestion.url,
    CONTROL_URL: ingestion.url,
    FOUR_EYES_AMOUNT_MINOR: "500000",
  });
  bed.issuer.administration = ingestion.handle;
  ana = await bed.as(bed.people.analyst);
  ben = await bed.as(bed.people.second);
  vera = await bed.as(bed.people.viewer);
});

afterAll(async () => {
  await bed?.close();
  ingestion?.close();
});

const page = z.object({ cases: z.array(z.object({ id: z.string(), revision: z.number() })), total: z.number() });

/** Creates a case with one payment. */
async function newCase(amountMinor = 12_345, tenant = bed.tenant, currency = "EUR") {
  const card = newCard();
  const payment = testPayment(tenant, { card, amountMinor, currency });
  await bed.producer.send([payment.vector, payment.decision]);
  const row = z.object({ id: z.string(), revision: z.number() });
  const [found] = await eventually(async () => {
    const rows = await bed.database.query(row, "SELECT id, revision FROM console.cases WHERE card_token = $1", [card]);
    expect(rows).toHaveLength(1);
    return rows;
  });
  return { card, payment, id: found?.id ?? "", revision: found?.revision ?? 0 };
}

describe("two users working on one case", () => {
  test("the second user sees who changed it and how, and cannot overwrite the change", async () => {
    const { id, revision } = await newCase();
    await expect(
      ana.post(`/api/cases/${id}/assign`, { revision, assignee: bed.people.analyst.id }),
    ).resolves.toMatchObject({
      status: 200,
      body: { assignee: { name: "Ana" }, revision: revision + 1 },
    });
    await expect(
      ben.post(`/api/cases/${id}/snooze`, { revision, untilMs: Date.now() + 60_000 }),
    ).resolves.toMatchObject({
      status: 409,
      body: { code: "changed-meanwhile", detail: "The case has changed. Ana: Assigned the case to Ana." },
    });
    await expect(ben.get(`/api/cases/${id}`)).resolves.toMatchObject({
      body: { status: "open", revision: revision + 1 },
    });
  });

  test("each user gets a different case from the queue", async () => {
    await Promise.all([newCase(), newCase()]);
    const [first, second] = await Promise.all([ana.post("/api/cases/next"), ben.post("/api/cases/next")]);
    expect(first).toMatchObject({ status: 200, body: { assignee: { name: "Ana" } } });
    expect(second).toMatchObject({ status: 200, body: { assignee: { name: "Ben" } } });
    expect(first.body).not.toMatchObject({ id: z.object({ id: z.string() }).parse(second.body).id });
  });
});

describe("a verdict", () => {
  test("closes the case, and labels its payments on behalf of the user once ingestion accepts labels", async () => {
    const { id, revision, payment, card } = await newCase();
    ingestion.answer = { status: 503, body: { code: "kafka-unavailable", detail: "away" } };
    ingestion.seen.length = 0;
    const given = { revision, verdict: "fraud", reason: "stolen-card", note: "The card is not with its holder." };
    await expect(ana.post(`/api/cases/${id}/verdict`, given)).resolves.toMatchObject({
      status: 200,
      body: { status: "closed", verdict: "fraud" },
    });
    await eventually(async () => expect(ingestion.seen).toHaveLength(1));
    ingestion.answer = { status: 202, body: {} };
    const outbox = z.object({ count: z.coerce.number() });
    await eventually(async () => {
      const left = "SELECT count(*) FROM console.label_outbox WHERE transaction_id = $1";
      expect(await bed.database.query(outbox, left, [payment.transactionId])).toEqual([{ count: 0 }]);
    });
    const [first, again] = ingestion.seen;
    expect(first).toMatchObject({
      path: "/v1/labels",
      body: { card: { token: card }, terminal_id: "T1", fraud: true, source: "analyst" },
    });
    // The bytes are equal, so ingestion recognises the retry.
    expect(again?.body).toEqual(first?.body);
    const [, claims = ""] = String(first?.headers.authorization).split(".");
    expect(JSON.parse(Buffer.from(claims, "base64url").toString())).toMatchObject({ sub: bed.people.analyst.id });
    await expect(ana.get(`/api/cases/${id}`)).resolves.toMatchObject({
      body: {
        notes: [{ text: given.note, author: { name: "Ana" } }],
        history: [{ text: "Closed the case as fraud (stolen-card)." }, {}],
      },
    });
  });

  test("regression #24: sends its labels even if the user has signed out or was disabled, and the audit log names the sender", async () => {
    const outbox = z.object({ count: z.coerce.number() });
    const left = "SELECT count(*) FROM console.label_outbox WHERE transaction_id = $1";
    const audit = z.object({ actor: z.string(), actor_kind: z.string(), details: z.string() });
    const noted =
      "SELECT actor, actor_kind, details FROM console.audit_outbox WHERE action = 'label-sent' AND subject_id = $1";
    const leaver = await bed.as({ ...bed.people.analyst, id: `${bed.tenant}-leo`, name: "Leo" });
    const { id, revision, payment } = await newCase();
    // The user has no permission, as after being disabled; the token of the console itself is accepted.
    ingestion.answer = { status: 401, body: { code: "token-revoked", detail: "away" } };
    ingestion.seen.length = 0;
    await leaver.post(`/api/cases/${id}/verdict`, { revision, verdict: "fraud", reason: "stolen-card" });
    await eventually(async () => expect(ingestion.seen.length).toBeGreaterThanOrEqual(2));
    await leaver.post("/session/sign-out");
    ingestion.answer = { status: 202, body: {} };
    await eventually(async () => {
      expect(await bed.database.query(outbox, left, [payment.transactionId])).toEqual([{ count: 0 }]);
    });
    const [own, relayed] = ingestion.seen;
    expect(own?.headers["tripline-tenant"]).toBeUndefined();
    expect(relayed).toMatchObject({ body: { source: "analyst" }, headers: { "tripline-tenant": bed.tenant } });
    const claims = (seen: typeof own) =>
      JSON.parse(Buffer.from(String(seen?.headers.authorization).split(".")[1] ?? "", "base64url").toString());
    expect(claims(relayed)).toMatchObject({ client_id: "tripline-console-labels", scope: "labels:relay" });
    expect(ingestion.seen.at(-1)?.headers["tripline-tenant"]).toBe(bed.tenant);
    const rows = await bed.database.query(audit, noted, [payment.transactionId]);
    expect(rows).toMatchObject([{ actor: "console", actor_kind: "service", details: expect.stringContaining("-leo") }]);
  });

  test("above the amount limit waits for a second user, who confirms or rejects it", async () => {
    const { id, revision } = await newCase(500_000);
    const given = { verdict: "genuine", reason: "customer-confirmed" };
    await expect(ana.post(`/api/cases/${id}/verdict`, { revision, ...given })).resolves.toMatchObject({
      body: { status: "open" },
    });
    await expect(ana.post(`/api/cases/${id}/verdict`, { revision: revision + 1, ...given })).resolves.toMatchObject({
      status: 409,
      body: { code: "approval-missing" },
    });
    await expect(ben.get(`/api/cases/${id}`)).resolves.toMatchObject({
      body: { pendingVerdict: { by: { name: "Ana" } } },
    });
    const refusal = { revision: revision + 1, note: "The customer was not reached." };
    await expect(ben.post(`/api/cases/${id}/verdict/refuse`, refusal)).resolves.toMatchObject({
      body: { status: "open" },
    });
    await ben.post(`/api/cases/${id}/verdict`, { revision: revision + 2, ...given });
    await expect(ana.post(`/api/cases/${id}/verdict`, { revision: revision + 3, ...given })).resolves.toMatchObject({
      body: { status: "closed", verdict: "genuine" },
    });
  });

  test("waits for a second user even after a small payment in another currency", async () => {
    const { id, revision, card } = await newCase(500_000);
    const small = testPayment(bed.tenant, { card, amountMinor: 1, currency: "USD" });
    await bed.producer.send([small.vector, small.decision]);
    await eventually(async () => expect((await ana.get(`/api/cases/${id}`)).body).toMatchObject({ currency: "USD" }));
    const given = { revision: revision + 1, verdict: "genuine", reason: "usual-pattern" };
    await expect(ana.post(`/api/cases/${id}/verdict`, given)).resolves.toMatchObject({ body: { status: "open" } });
  });

  test("on a closed case is rejected with the name of the user who closed it, and sends no label", async () => {
    const { id, revision, payment, card } = await newCase();
    ingestion.answer = { status: 202, body: {} };
    const sent = () => ingestion.seen.filter(({ body }) => JSON.stringify(body)?.includes(card));
    await ana.post(`/api/cases/${id}/verdict`, { revision, verdict: "fraud", reason: "stolen-card" });
    const late = { revision: revision + 1, verdict: "genuine", reason: "customer-confirmed" };
    await expect(ben.post(`/api/cases/${id}/verdict`, late)).resolves.toMatchObject({
      status: 409,
      body: { code: "changed-meanwhile", detail: expect.stringContaining("Ana: Closed the case as fraud") },
    });
    await expect(ben.get(`/api/cases/${id}`)).resolves.toMatchObject({ body: { status: "closed", verdict: "fraud" } });
    const waiting = "SELECT count(*) FROM console.label_outbox WHERE transaction_id = $1";
    await eventually(async () => {
      const count = z.object({ count: z.coerce.number() });
      expect(await bed.database.query(count, waiting, [payment.transactionId])).toEqual([{ count: 0 }]);
    });
    expect(sent()).toMatchObject([{ path: "/v1/labels", body: { fraud: true } }]);
  });

  test("is rejected if a payment has joined the case in the meantime", async () => {
    const { id, revision, card } = await newCase();
    const further = testPayment(bed.tenant, { card });
    await bed.producer.send([further.vector, further.decision]);
    await eventually(async () => expect((await ana.get(`/api/cases/${id}`)).body).toMatchObject({ payments: 2 }));
    await expect(
      ana.post(`/api/cases/${id}/verdict`, { revision, verdict: "genuine", reason: "usual-pattern" }),
    ).resolves.toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining("A payment of the card was added.") },
    });
  });
});

test("a closed case cannot be reopened if its card has another open case", async () => {
  const { id, revision, card } = await newCase();
  await ana.post(`/api/cases/${id}/verdict`, { revision, verdict: "genuine", reason: "usual-pattern" });
  const further = testPayment(bed.tenant, { card });
  await bed.producer.send([further.vector, further.decision]);
  await eventually(async () => {
    expect((await ana.get(`/api/cases?search=${card}&status=open`)).body).toMatchObject({ total: 1 });
  });
  await expect(ana.post(`/api/cases/${id}/reopen`, { revision: revision + 1 })).resolves.toMatchObject({
    status: 409,
    body: { code: "changed-meanwhile", detail: expect.stringContaining("This card has another open case.") },
  });
  const other = page.parse((await ana.get(`/api/cases?search=${card}&status=open`)).body).cases[0];
  const closed = { revision: other?.revision, verdict: "genuine", reason: "usual-pattern" };
  await expect(ana.post(`/api/cases/${other?.id}/verdict`, closed)).resolves.toMatchObject({ status: 200 });
  await expect(ana.post(`/api/cases/${id}/reopen`, { revision: revision + 1 })).resolves.toMatchObject({
    body: { status: "open", verdict: null },
  });
});

test("changes many cases in one request, and lists those that it cannot change", async () => {
  const [one, other] = await Promise.all([newCase(), newCase()]);
  const cases = [
    { id: one.id, revision: one.revision },
    { id: other.id, revision: other.revision + 7 },
  ];
  const change = { assign: { assignee: bed.people.second.id } };
  await expect(ana.post("/api/cases/bulk", { cases, change })).resolves.toMatchObject({
    status: 200,
    body: {
      changed: [{ id: one.id, assignee: { name: "Ben" } }],
      refused: [{ id: other.id, code: "changed-meanwhile" }],
    },
  });
});

describe("rejected requests", () => {
  test("cases, decisions and entities of another tenant are 404", async () => {
    const foreign = await newCase(100, "another-tenant");
    for (const path of [
      `/api/cases/${foreign.id}`,
      `/api/cases/${foreign.id}/payments.csv`,
      `/api/decisions/${foreign.payment.transactionId}`,
      `/api/entities/card/${foreign.card}`,
    ]) {
      await expect(ana.get(path)).resolves.toMatchObject({ status: 404 });
    }
    const change = { revision: foreign.revision, assignee: null };
    await expect(ana.post(`/api/cases/${foreign.id}/assign`, change)).resolves.toMatchObject({ status: 404 });
    await expect(ana.post(`/api/cases/${foreign.id}/notes`, { text: "mine" })).resolves.toMatchObject({ status: 404 });
    await expect(ana.get(`/api/cases?search=${foreign.card}`)).resolves.toMatchObject({ body: { total: 0 } });
  });

  test.each([
    ["assign", { revision: 1, asignee: null }, "/asignee"],
    ["snooze", { revision: 1, untilMs: 5 }, "/untilMs"],
    ["verdict", { revision: 1, verdict: "fraud", reason: "usual-pattern" }, "/reason"],
    ["assign", { revision: 1, assignee: "nobody-here" }, "/assignee"],
    ["notes", { text: "called about 4111 1111 1111 1111" }, "/text"],
  ])("%s with %j, and the error names the field", async (change, body, pointer) => {
    const { id } = await newCase();
    await expect(ana.post(`/api/cases/${id}/${change}`, body)).resolves.toMatchObject({
      status: 422,
      body: { code: "invalid-field", errors: expect.arrayContaining([expect.objectContaining({ pointer })]) },
    });
  });

  test("a viewer sees masked tokens, cannot work on cases, and causes no view events", async () => {
    const { id, card, revision } = await newCase();
    const { body } = await vera.get(`/api/cases/${id}`);
    expect(body).toMatchObject({ cardToken: `${card.slice(0, 5)}…${card.slice(-4)}` });
    expect(JSON.stringify(body)).not.toContain(card);
    for (const path of ["/api/cases.csv", `/api/cases/${id}/payments.csv`, "/api/decisions"]) {
      expect(JSON.stringify((await vera.get(path)).body)).not.toContain(card);
    }
    await expect(vera.get(`/api/entities/card/${card}`)).resolves.toMatchObject({ status: 403 });
    for (const change of ["assign", "snooze", "escalate", "reopen", "verdict", "verdict/refuse", "notes"]) {
      await expect(vera.post(`/api/cases/${id}/${change}`, { revision })).resolves.toMatchObject({ status: 403 });
    }
    await expect(vera.post("/api/cases/next")).resolves.toMatchObject({ status: 403 });
    await ana.get(`/api/cases/${id}`);
    const viewed: unknown[] = [];
    const events = await bed.kafka.consume({
      group: `view-events-${bed.tenant}`,
      topics: [AUDIT_TOPIC.name],
      async handle(batches) {
        for (const { value } of batches.flatMap(({ records }) => records)) viewed.push(AuditEvent.decode(value));
      },
      onStop: () => {},
    });
    await eventually(async () => {
      expect(viewed).toContainEqual(
        expect.objectContaining({
          actor: bed.people.analyst.id,
          action: "case-viewed",
          subjectId: id,
          source: "console",
        }),
      );
    });
    await events.close();
    expect(viewed).not.toContainEqual(expect.objectContaining({ actor: bed.people.viewer.id }));
  });
});

test("regression #24: the queue filters and sorts page by page, and a saved view keeps numbers as numbers", async () => {
  const outsider = await bed.as(testPeople(`${bed.tenant}-queue`).analyst);
  const tenant = `${bed.tenant}-queue`;
  for (const amount of [300, 100, 200]) await newCase(amount, tenant);
  await newCase(250, tenant, "JPY");
  const asked = "/api/cases?sort=amount&limit=2&amountMinorMin=150&status=open&assignee=nobody";
  const first = await outsider.get(`${asked}&currency=EUR`);
  expect(first).toMatchObject({ body: { total: 2, cases: [{ amountMinor: 300 }, { amountMinor: 200 }], next: null } });
  expect((await outsider.get(asked)).body).toMatchObject({
    total: 3,
    cases: [{ currency: "EUR" }, { amountMinor: 250, currency: "JPY" }],
  });
  const { body } = await outsider.get("/api/cases?sort=amount&descending=false&limit=1");
  const { next } = z.object({ next: z.string() }).parse(body);
  expect((await outsider.get(`/api/cases?sort=amount&descending=false&limit=1&after=${next}`)).body).toMatchObject({
    cases: [{ amountMinor: 200 }],
  });
  expect(page.parse((await outsider.get("/api/cases?overdue=true")).body).total).toBe(0);
  await outsider.send("PUT", "/api/views/Large", { amountMinorMin: 150, sort: "amount" });
  await expect(outsider.get("/api/views")).resolves.toMatchObject({
    body: [{ name: "Large", query: { amountMinorMin: 150, sort: "amount" } }],
  });
  const asText = { amountMinorMin: "150", scoreMin: "0.5", overdue: "true", amountMinorMax: true };
  await expect(outsider.send("PUT", "/api/views/Large", asText)).resolves.toMatchObject({
    status: 422,
    body: {
      errors: ["amountMinorMin", "amountMinorMax", "scoreMin", "overdue"].map((name) => ({ pointer: `/${name}` })),
    },
  });
  await expect(ana.get("/api/views")).resolves.toMatchObject({ body: [] });
  await expect(outsider.get("/api/cases?sort=colour")).resolves.toMatchObject({
    status: 422,
    body: { errors: [{ pointer: "/sort" }] },
  });
});

test.each([
  ["control", "/v1/lists/deny/entries?tenant=x"],
  ["auth", "/v1/people/a.person+1@acme.example/roles"],
])("%s receives only the user's token, and only on paths for users", async (service, allowed) => {
  ingestion.answer = { status: 200, body: { lists: [] } };
  ingestion.seen.length = 0;
  const answer = await ana.send("POST", `/api/${service}${allowed}`, { entries: [] }, { "x-forwarded-for": "1.2.3.4" });
  expect(answer).toMatchObject({ status: 200, body: { lists: [] } });
  expect(answer.headers.get("set-cookie")).toBeNull();
  expect(ingestion.seen).toMatchObject([{ method: "POST", path: allowed, body: { entries: [] } }]);
  expect(ingestion.seen[0]?.headers.authorization).toMatch(/^Bearer ey/);
  expect(Object.keys(ingestion.seen[0]?.headers ?? {})).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/^(cookie|x-csrf-token|x-forwarded-for)$/)]),
  );
  for (const path of [
    "/health/ready",
    "/oauth/token",
    "/v1/other",
    "/v1/lists/../policy",
    "/v1/people/%2e%2e/clients",
    "/v1/lists//deny",
  ]) {
    await expect(statusOf(`/api/${service}${path}`)).resolves.toBe(404);
  }
  expect(ingestion.seen).toHaveLength(1);
});

/** The raw path, because `fetch` would resolve the dots. */
async function statusOf(path: string): Promise<number | undefined> {
  const { hostname, port } = new URL(bed.service.url);
  const sent = request({ hostname, port, path, headers: { cookie: ana.cookieHeader() } }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

test("regression #24: rejects a cursor that Postgres cannot read, and a view without a body", async () => {
  const cursors = ["0~0", "0~------------------------------------", `1e400~${randomUUID()}`, "9".repeat(20)];
  for (const after of cursors) {
    for (const path of ["/api/cases", "/api/decisions"]) {
      expect((await ana.get(`${path}?after=${after}`)).status).toBe(422);
    }
  }
  expect((await ana.get(`/api/cases?after=-8.957e-276~${randomUUID()}`)).status).toBe(200);
  expect((await ana.send("PUT", "/api/views/Mine")).status).toBe(422);
});
