import type { TestBed } from "./testing/test-bed.js";
import { startTestBed } from "./testing/test-bed.js";

let bed: TestBed;

beforeEach(async () => {
  bed = await startTestBed();
});

afterEach(() => bed.close());

test("it is ready with Kafka, Postgres and the keys of the tokens, and another instance starts beside it", async () => {
  const another = await bed.startAnother();
  for (const { url } of [bed.service, another]) {
    const response = await fetch(`${url}/health/ready`);
    await expect(response.json()).resolves.toEqual({
      status: "ready",
      checks: { keys: "ok", postgres: "ok", kafka: "ok" },
    });
  }
});
