import type { Telemetry } from "@tripline/telemetry/telemetry";
import { startTelemetry } from "@tripline/telemetry/telemetry";
import { paymentBody, recordCount, rowsOf, startTestBed } from "../testing/service.js";

const PATH = "/v1/transactions";

describe("limits and shutdown", () => {
  let telemetry: Telemetry;

  beforeAll(() => {
    telemetry = startTelemetry({ service: "ingestion" });
  });

  afterAll(() => telemetry.shutdown());

  test("callers above the limit get 429 and no payment is accepted; finished callers free their places", async () => {
    const bed = await startTestBed({ WAITERS_MAX: "2" });
    try {
      const lines = [paymentBody(), paymentBody(), paymentBody()].map((body) => JSON.stringify(body));
      const answer = await bed.client.postLines(`${PATH}/batch`, lines, { prefer: "wait=0.1" });
      expect(answer.status).toBe(429);
      expect(answer.headers.get("retry-after")).toBe("1");
      expect(answer.body).toMatchObject({ code: "too-many-requests" });
      expect(await recordCount(bed.admin, "transactions")).toBe(0);
      for (let round = 0; round < 3; round += 1) {
        const two = await bed.client.postLines(`${PATH}/batch`, lines.slice(0, 2), { prefer: "wait=0.05" });
        expect(rowsOf(two)).toMatchObject([{ status: 202 }, { status: 202 }]);
      }
      expect((await bed.client.postLines(`${PATH}/batch`, lines)).status).toBe(200);
    } finally {
      await bed.close();
    }
  });

  test("while all places are taken, rejects a waiting request before reading its token and body", async () => {
    const bed = await startTestBed({ WAITERS_MAX: "1" });
    try {
      const waiting = bed.client.post(PATH, paymentBody(), { prefer: "wait=30" });
      while ((await recordCount(bed.admin, "transactions")) === 0)
        await new Promise((resolve) => setTimeout(resolve, 10));
      const refused = await bed.client.post(PATH, "not a payment", { prefer: "wait=1", authorization: "Bearer none" });
      expect(refused.status).toBe(429);
      expect(refused.headers.get("retry-after")).toBe("1");
      expect((await bed.client.post(PATH, "not a payment", { prefer: "wait=1" })).status).toBe(429);
      const { text } = await bed.client.get("/metrics");
      expect(text).toMatch(/duration_seconds_count\{[^}]*status_code="429",http_route="\/v1\/transactions"[^}]*\} 2/);
      expect(text).toMatch(/tripline_ingestion_callers_max(\{[^}]*\})? 100/);
      expect((await bed.client.post(PATH, "not a payment")).status).toBe(422);
      expect((await bed.client.post(PATH, paymentBody())).status).toBe(202);
      const closing = bed.service.close();
      expect((await waiting).status).toBe(202);
      await closing;
    } finally {
      await bed.close();
    }
  });

  test("regression #24: while one tenant uses all places, other tenants are served", async () => {
    const bed = await startTestBed({ WAITERS_MAX: "4" });
    try {
      const quiet = await bed.clientOf({ tenant: "quiet" });
      expect((await quiet.post(PATH, paymentBody())).status).toBe(202);
      const flood = [1, 2, 3, 4].map(() => bed.client.post(PATH, paymentBody(), { prefer: "wait=30" }));
      while ((await recordCount(bed.admin, "transactions")) < 5)
        await new Promise((resolve) => setTimeout(resolve, 10));
      expect((await bed.client.post(PATH, paymentBody(), { prefer: "wait=0.1" })).status).toBe(429);
      for (let round = 0; round < 10; round += 1) {
        expect((await quiet.post(PATH, paymentBody(), { prefer: "wait=0.01" })).status).toBe(202);
      }
      await bed.service.close();
      await Promise.all(flood);
    } finally {
      await bed.close();
    }
  });

  test("with too many pending records, returns 503 and neither accepts nor reserves anything", async () => {
    const bed = await startTestBed({ PENDING_RECORDS_MAX: "1" });
    try {
      const bodies = [paymentBody(), paymentBody()];
      const lines = bodies.map((body) => JSON.stringify(body));
      const answer = await bed.client.postLines(`${PATH}/batch`, lines, { prefer: "wait=5" });
      expect(answer.status).toBe(503);
      expect(answer.headers.get("retry-after")).toBe("1");
      expect(answer.body).toMatchObject({ code: "queue-full" });
      expect(await recordCount(bed.admin, "transactions")).toBe(0);
      expect(await bed.redis.keys("idem:*")).toEqual([]);
      expect((await bed.client.post(PATH, bodies[0])).status).toBe(202);
      expect((await bed.client.post(PATH, bodies[1])).status).toBe(202);
    } finally {
      await bed.close();
    }
  });

  test("at shutdown, waiting callers get 202 immediately", async () => {
    const bed = await startTestBed();
    try {
      const body = paymentBody();
      const waiting = bed.client.post(PATH, body, { prefer: "wait=30" });
      while ((await recordCount(bed.admin, "transactions")) === 0)
        await new Promise((resolve) => setTimeout(resolve, 10));
      const startedAtMs = Date.now();
      const closing = bed.service.close();
      expect((await waiting).status).toBe(202);
      expect(Date.now() - startedAtMs).toBeLessThan(15_000);
      await closing;
      expect(Date.now() - startedAtMs).toBeLessThan(20_000);
    } finally {
      await bed.close();
    }
  });
});
