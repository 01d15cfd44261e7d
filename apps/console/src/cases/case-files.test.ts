import { AuditEvent } from "@tripline/contracts/generated/tripline/events/v1/events";
import { AUDIT_TOPIC } from "@tripline/contracts/topics";
import { extractText, getDocumentProxy } from "unpdf";
import { z } from "zod";
import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";
import type { TestBrowser } from "../testing/test-browser.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";

let bed: TestBed;
let ana: TestBrowser;
let vera: TestBrowser;

beforeAll(async () => {
  bed = await startTestBed();
  ana = await bed.as(bed.people.analyst);
  vera = await bed.as(bed.people.viewer);
});

afterAll(() => bed?.close());

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

/** As a reader sees it, with the lines of a paragraph joined. */
async function textOf(pdf: Buffer): Promise<string> {
  const { text } = await extractText(await getDocumentProxy(new Uint8Array(pdf)), { mergePages: true });
  return text.replaceAll(/\s+/g, " ");
}

/** What was noted of a case, as it left for the audit log. */
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
  test("says what the page shows, in the zone of the person, and who took it is noted", async () => {
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

  test("masks what the page masks, and is not there for another tenant", async () => {
    const [{ id, card }, foreign] = await Promise.all([newCase(), newCase("another-tenant")]);
    const text = await textOf((await vera.download(`/api/cases/${id}/report.pdf`)).bytes);
    expect(text).not.toContain(card);
    expect(text).toContain(`${card.slice(0, 5)}…${card.slice(-4)}`);
    expect(text).toContain("Tokens of cards, devices and addresses are masked");
    await expect(ana.get(`/api/cases/${foreign.id}/report.pdf`)).resolves.toMatchObject({ status: 404 });
    await expect(ana.get(`/api/cases/${id}/report.pdf?zone=Moon/Base`)).resolves.toMatchObject({
      status: 422,
      body: { errors: [{ pointer: "/zone" }] },
    });
  });
});
