import { firstAnswered, RawClient } from "@tripline/nest-kit/testing/service";
import { BATCH_BYTES_MAX } from "../requests/limits.js";
import type { TestBed } from "../testing/service.js";
import { paymentBody, startTestBed } from "../testing/service.js";

const PATH = "/v1/transactions";
/** Bodies of this size may use seven eighths of the 64 MiB for incoming bodies. */
const BATCHES_MAX = 7;
const BATCHES = 30;

describe("half-sent batches", () => {
  let bed: TestBed;
  let batches: RawClient[];

  beforeAll(async () => {
    bed = await startTestBed();
    const head = [
      `POST ${PATH}/batch HTTP/1.1`,
      "host: x",
      `authorization: ${await bed.issuer.authorization()}`,
      "content-type: application/x-ndjson",
      `content-length: ${BATCH_BYTES_MAX}`,
    ];
    const half = "\n".repeat(BATCH_BYTES_MAX / 2);
    batches = Array.from({ length: BATCHES }, () =>
      new RawClient(bed.service).write(`${head.join("\r\n")}\r\n\r\n${half}`),
    );
  });

  afterAll(async () => {
    for (const { socket } of batches) socket.destroy();
    await bed.close();
  });

  test("regression #12: are limited by memory, and single payments are still accepted", async () => {
    const refused = await firstAnswered(batches, BATCHES - BATCHES_MAX);
    for (const { received } of refused) {
      expect(received).toMatch(/^HTTP\/1\.1 503 .*retry-after: 1\r\n.*"code":"queue-full"/s);
    }
    expect((await bed.client.post(PATH, paymentBody())).status).toBe(202);
  });

  test("do not delay the shutdown of the service", async () => {
    const open = batches.filter(({ received }) => received === "");
    expect(open).toHaveLength(BATCHES_MAX);
    await bed.service.close();
    for (const batch of open) expect(await batch.ended).toMatch(/^HTTP\/1\.1 503 .*"code":"shutting-down"/s);
  });
});
