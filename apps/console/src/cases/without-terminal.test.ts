import { z } from "zod";
import { startFakeService } from "../testing/fake-service.js";
import { startTestBed } from "../testing/test-bed.js";
import { eventually, newCard, testPayment } from "../testing/test-records.js";

test("a payment without a terminal has a case, and its label has no terminal", async () => {
  const ingestion = await startFakeService();
  const bed = await startTestBed({ INGESTION_URL: ingestion.url });
  try {
    const card = newCard();
    const payment = testPayment(bed.tenant, { card, terminal: "" });
    await bed.producer.send([payment.vector, payment.decision]);
    const [found] = await eventually(async () => {
      const row = z.object({ id: z.string(), revision: z.number() });
      const rows = await bed.database.query(row, "SELECT id, revision FROM console.cases WHERE card_token = $1", [
        card,
      ]);
      expect(rows).toHaveLength(1);
      return rows;
    });
    const ana = await bed.as(bed.people.analyst);
    const shown = await ana.get(`/api/cases/${found?.id}`);
    expect(shown.body).toMatchObject({
      focus: { terminalId: "" },
      usual: { terminals: 0 },
      graph: { nodes: [expect.objectContaining({ isSubject: true, payments: 1 })], edges: [] },
      narrative: expect.stringMatching(/^A payment of 123\.45 EUR on /),
    });
    ingestion.answer = { status: 202, body: {} };
    const given = { revision: found?.revision, verdict: "fraud", reason: "stolen-card", note: "" };
    await expect(ana.post(`/api/cases/${found?.id}/verdict`, given)).resolves.toMatchObject({ status: 200 });
    await eventually(async () => expect(ingestion.seen).toHaveLength(1));
    const body = ingestion.seen[0]?.body;
    expect(body).toMatchObject({ card: { token: card }, fraud: true });
    expect(body).not.toHaveProperty("terminal_id");
  } finally {
    await bed.close();
    ingestion.close();
  }
});
