import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { AuditEvent, Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import { AUDIT_TOPIC, TABLES } from "@tripline/contracts/topics";
import { extractText, getDocumentProxy } from "unpdf";
import { z } from "zod";
import { Retention } from "../projection/retention.js";
import type { FakeService } from "../testing/fake-service.js";
import { startFakeService } from "../testing/fake-service.js";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import type { TestBrowser } from "../testing/test-browser.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";

let bed: TestBed;
let ana: TestBrowser;
let vera: TestBrowser;
let store: string;
let model: FakeService;

beforeAll(async () => {
  store = mkdtempSync(join(tmpdir(), "tripline-attachments-"));
  model = await startFakeService();
  bed = await startTestBed({
    ATTACHMENTS_URL: pathToFileURL(store).href,
    ATTACHMENT_MB_MAX: "2",
    NARRATIVE_MODEL: "azure:writer",
    NARRATIVE_ENDPOINT: model.url,
    NARRATIVE_API_KEY: "a-key",
  });
  ana = await bed.as(bed.people.analyst);
  vera = await bed.as(bed.people.viewer);
});

afterAll(async () => {
  await bed?.close();
  model.close();
  rmSync(store, { recursive: true });
});

const idRow = z.object({ id: z.string() });

async function newCase(tenant = bed.tenant) {
  const card = newCard();
  const payment = testPayment(tenant, { card, terminal: "T7" });
  await bed.producer.send([payment.vector, payment.decision]);
  const found = await eventually(async () => {
    const rows = await bed.database.query(idRow, "SELECT id FROM console.cases WHERE card_token = $1", [card]);
    expect(rows).toHaveLength(1);
    return rows;
  });
  return { card, payment, id: found[0]?.id ?? "" };
}

/** The text as a reader sees it, with the lines of a paragraph joined. */
async function textOf(pdf: Buffer): Promise<string> {
  const { text } = await extractText(await getDocumentProxy(new Uint8Array(pdf)), { mergePages: true });
  return text.replaceAll(/\s+/g, " ");
}

/** The audit events of a case. */
async function notedOf(subject: string): Promise<{ actor: string; action: string; details: string }[]> {
  const noted: AuditEvent[] = [];
  const consumer = await bed.kafka.consume({
    group: `audit-${crypto.randomUUID()}`,
    topics: [AUDIT_TOPIC.name],
    async handle(batches) {
      for (const { value } of batches.flatMap(({ records }) => records)) noted.push(AuditEvent.decode(value));
    },
    onStop: () => {},
  });
  try {
    return await eventually(async () => {
      const found = noted.filter(({ subjectId }) => subjectId === subject);
      expect(found).not.toEqual([]);
      return found.map(({ actor, action, details }) => ({ actor, action, details }));
    });
  } finally {
    await consumer.close();
  }
}

describe("the report of a case", () => {
  test("contains what the page shows, in the user's time zone, and its download is audited", async () => {
    const { id, card, payment } = await newCase();
    const note = "Jiří Dvořák, Αθήνα and Москва: all three say it was not her. =1+1";
    await ana.post(`/api/cases/${id}/notes`, { text: note });
    const { status, headers, bytes } = await ana.download(`/api/cases/${id}/report.pdf?zone=Asia/Kathmandu`);
    expect([status, headers.get("content-type"), headers.get("content-disposition")]).toEqual([
      200,
      "application/pdf",
      `attachment; filename="case-${id}.pdf"`,
    ]);
    expect([headers.get("x-content-type-options"), headers.get("cache-control")]).toEqual(["nosniff", "no-store"]);
    const text = await textOf(bytes);
    const shown = (await ana.get(`/api/cases/${id}`)).body as { narrative: string; openedAtMs: number };
    const opened = new Date(shown.openedAtMs + 345 * 60_000).toISOString().slice(0, 16).replace("T", " ");
    for (const part of [card, payment.transactionId, "T7", "123.45 EUR", "SCORE_HIGH", note, "Ana", opened]) {
      expect(text).toContain(part);
    }
    expect(text).toContain(shown.narrative);
    expect(text).not.toContain("masked");
    const taken = { actor: bed.people.analyst.id, action: "case-viewed", details: '{"file":"report.pdf"}' };
    await expect(notedOf(id)).resolves.toContainEqual(taken);
  });

  test("masks the same values as the page, and is 404 for another tenant", async () => {
    const [{ id, card }, foreign] = await Promise.all([newCase(), newCase("another-tenant")]);
    const text = await textOf((await vera.download(`/api/cases/${id}/report.pdf`)).bytes);
    expect(text).not.toContain(card);
    expect(text).toContain(`${card.slice(0, 5)}…${card.slice(-4)}`);
    expect(text).toContain("Card, device and address tokens are masked");
    await expect(ana.get(`/api/cases/${foreign.id}/report.pdf`)).resolves.toMatchObject({ status: 404 });
    await expect(ana.get(`/api/cases/${id}/report.pdf?zone=Moon/Base`)).resolves.toMatchObject({
      status: 422,
      body: { errors: [{ pointer: "/zone" }] },
    });
  });
});

const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489", "hex");
const MB = 1_000_000;
const added = z.object({ id: z.string(), name: z.string(), mediaType: z.string() });

const add = (browser: TestBrowser, id: string, content: Buffer, name = "photo.png") =>
  browser.upload(`/api/cases/${id}/attachments`, content, { "x-file-name": encodeURIComponent(name) });
const stored = (): string[] => readdirSync(store, { recursive: true }).map(String);

test("contains the newest notes if there are too many, and says so", async () => {
  const { id } = await newCase();
  await bed.database.execute(
    `INSERT INTO console.case_notes (id, case_id, author_id, author_name, text, at_ms)
     SELECT gen_random_uuid(), $1, 'ana', 'Ana', 'note' || number || repeat(' again', 650), number FROM generate_series(1, 20) number`,
    [id],
  );
  const text = await textOf((await ana.download(`/api/cases/${id}/report.pdf`)).bytes);
  expect(text).toContain("Showing the newest 15 of 20.");
  expect([text.includes("note20 again"), text.includes("note6 again"), text.includes("note5 again")]).toEqual([
    true,
    true,
    false,
  ]);
});

describe("a file of a case", () => {
  test("is returned unchanged as a download to users who may see personal data, and each access is audited", async () => {
    const { id } = await newCase();
    const answer = await add(ana, id, PNG, "../Jiří's “photo”.png");
    expect(answer).toMatchObject({
      status: 201,
      body: { name: "Jiří's “photo”.png", mediaType: "image/png", bytes: PNG.length, author: { name: "Ana" } },
    });
    const file = added.parse(answer.body);
    expect(stored().join()).toContain(file.id);
    const path = `/api/cases/${id}/attachments/${file.id}`;
    const { status, headers, bytes } = await ana.download(path);
    expect([status, bytes]).toEqual([200, PNG]);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-type": "image/png",
      "content-disposition": "attachment; filename*=UTF-8''Ji%C5%99%C3%AD%27s%20%E2%80%9Cphoto%E2%80%9D.png",
      "content-security-policy": "default-src 'none'; sandbox",
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
    });
    await expect(vera.get(path)).resolves.toMatchObject({ status: 403 });
    const [seen, masked] = [await ana.get(`/api/cases/${id}`), await vera.get(`/api/cases/${id}`)];
    expect(seen.body).toMatchObject({ attachments: [file], history: [{ text: "Added a file (image/png)." }, {}] });
    expect(masked.body).toMatchObject({ attachments: [{ id: file.id, name: "file.png" }] });
    await expect(ana.send("DELETE", path)).resolves.toMatchObject({ status: 204 });
    await expect(ana.get(path)).resolves.toMatchObject({ status: 404 });
    const noted = async () => (await notedOf(file.id)).map(({ actor, action }) => [actor, action]);
    const { id: person } = bed.people.analyst;
    await eventually(async () => {
      expect(await noted()).toEqual([
        [person, "attachment-added"],
        [person, "attachment-viewed"],
        [person, "attachment-removed"],
      ]);
    });
    await bed.service.get(Retention).drop();
    expect(stored().join()).not.toContain(file.id);
  });

  test.each([
    ["an image with the name of a program", PNG, "invoice.exe", "image/png", "invoice.exe.png"],
    ["a text with the name of a web page", Buffer.from("<script>1</script>"), "a.html", "text/plain", "a.html.txt"],
    ["a list", Buffer.from("a,b\r\n1,ž"), "list.CSV", "text/plain", "list.CSV"],
    ["a name that changes the text direction", PNG, "photo\u202egnp.exe", "image/png", "photognp.exe.png"],
    ["an empty name", PNG, "/", "image/png", "file.png"],
    ["a text larger than the JSON limit", Buffer.alloc(1.5 * MB, 97), "a.txt", "text/plain", "a.txt"],
  ])("gets its type from its content: %s", async (_, content, given, mediaType, name) => {
    const { id } = await newCase();
    await expect(add(ana, id, content, given)).resolves.toMatchObject({ status: 201, body: { mediaType, name } });
  });

  test.each([
    ["too large", Buffer.alloc(2 * MB + 1, 32), 413, "body-too-large", "The file is larger than 2 MB."],
    ["of another type", Buffer.from("504b0304140000000800", "hex"), 415, "unsupported-media-type", /PDF, PNG/],
    ["a program", Buffer.from("4d5a90000300000004000000ffff0000", "hex"), 415, "unsupported-media-type", /PDF, PNG/],
    ["empty", Buffer.alloc(0), 422, "invalid-field", "The file is empty."],
  ])("is rejected if it is %s", async (_, content, status, code, detail) => {
    const { id } = await newCase();
    const before = stored();
    const answer = await add(ana, id, content);
    expect(answer).toMatchObject({ status, body: { code, detail: expect.stringMatching(detail) } });
    expect((await ana.get(`/api/cases/${id}`)).body).toMatchObject({ attachments: [] });
    expect(stored()).toEqual(before);
  });

  test("is 404 in another case, for another tenant, or without permission for cases", async () => {
    const [own, other, foreign] = await Promise.all([newCase(), newCase(), newCase("another-tenant")]);
    const { id } = added.parse((await add(ana, own.id, PNG)).body);
    for (const path of [
      `/api/cases/${other.id}/attachments/${id}`,
      `/api/cases/${foreign.id}/attachments/${id}`,
      `/api/cases/${own.id}/attachments/${own.id}`,
      `/api/cases/${own.id}/attachments/..%2f..`,
    ]) {
      expect([path, await ana.get(path)]).toMatchObject([path, { status: 404 }]);
      expect([path, await ana.send("DELETE", path)]).toMatchObject([path, { status: 404 }]);
    }
    await expect(add(ana, foreign.id, PNG)).resolves.toMatchObject({ status: 404 });
    await expect(add(vera, own.id, PNG)).resolves.toMatchObject({ status: 403 });
    await expect(ana.download(`/api/cases/${own.id}/attachments/${id}`)).resolves.toMatchObject({ status: 200 });
    await expect(ana.send("POST", `/api/cases/${own.id}/attachments`, { a: 1 })).resolves.toMatchObject({
      status: 415,
    });
    await expect(ana.upload(`/api/cases/${own.id}/notes`, PNG, {})).resolves.toMatchObject({ status: 415 });
  });

  test("is erased with its card, and so is an unfinished upload", async () => {
    const [gone, kept] = await Promise.all([newCase(), newCase()]);
    const [first, second] = [await add(ana, gone.id, PNG), await add(ana, kept.id, PNG)].map((one) =>
      added.parse(one.body),
    );
    const left = crypto.randomUUID();
    await bed.database.execute("INSERT INTO console.attachment_removals (id, due_at_ms) VALUES ($1, 0)", [left]);
    const value = Erasure.encode({ tenant: bed.tenant, subject: gone.card, erasedAtMs: Date.now() }).finish();
    await bed.producer.send([{ topic: TABLES.erasures.name, key: `${bed.tenant}/${gone.card}`, value, headers: {} }]);
    await eventually(async () => expect(stored().join()).not.toContain(first?.id));
    expect(stored().join()).toContain(second?.id);
    await expect(ana.get(`/api/cases/${gone.id}`)).resolves.toMatchObject({ status: 404 });
    await eventually(async () => {
      const rows = bed.database.query(idRow, "SELECT id FROM console.attachment_removals WHERE id = $1", [left]);
      expect(await rows).toEqual([]);
    });
  });
});

test("a model's summary uses only anonymous facts and is marked as generated, and its request is audited", async () => {
  const card = newCard();
  const given = { card, id: "canary-order", terminal: "canary-shop", device: "dt_canary" };
  const payment = testPayment(bed.tenant, given);
  await bed.producer.send([payment.vector, payment.decision]);
  const { id } = await eventually(async () => {
    const rows = await bed.database.query(idRow, "SELECT id FROM console.cases WHERE card_token = $1", [card]);
    return idRow.parse(rows[0]);
  });
  await ana.post(`/api/cases/${id}/notes`, { text: "canary: Jane Roe, 4000 0000 0000 0002" });
  await add(ana, id, PNG, "canary.png");
  const choice = { index: 0, message: { role: "assistant", content: "A held payment." }, finish_reason: "stop" };
  model.answer = { status: 200, body: { choices: [choice] } };
  await expect(ana.get(`/api/cases/${id}`)).resolves.toMatchObject({ body: { narrativeModel: "writer" } });
  expect(model.seen).toEqual([]);
  const written = await ana.post(`/api/cases/${id}/narrative`);
  expect(written).toMatchObject({ status: 200, body: { text: "A held payment.", model: "writer", fallback: null } });
  const sent = JSON.stringify(model.seen);
  expect(sent).toContain("123.45 EUR");
  for (const kept of ["canary", card, payment.transactionId, id, "Ana", "Jane", "0000 0002", bed.tenant]) {
    expect(sent).not.toContain(kept);
  }
  const asked = { actor: bed.people.analyst.id, action: "narrative-asked", details: '{"model":"writer"}' };
  await eventually(async () => expect(await notedOf(id)).toContainEqual(asked));
  const foreign = await newCase("another-tenant");
  await expect(ana.post(`/api/cases/${foreign.id}/narrative`)).resolves.toMatchObject({ status: 404 });
});
