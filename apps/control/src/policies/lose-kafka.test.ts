import type { TestBed } from "../testing/test-bed.js";
import { startTestBed } from "../testing/test-bed.js";

const POLICY = `version: 1
rules: [{ id: all, when: amount >= 0, reason: ALL, action: review, text: "All." }]
default_decision: { default: { action: review, reason: NO_FACTS, text: "Nothing." } }
`;

let bed: TestBed;

beforeEach(async () => {
  bed = await startTestBed({ KAFKA_BROKERS: "127.0.0.1:1" });
});

afterEach(() => bed.close());

test("without Kafka, stores an activation for later publication, and is not ready", async () => {
  const ann = bed.as("ann");
  await ann.send("POST", "/v1/policy/revisions", { text: POLICY });
  await expect(ann.send("POST", "/v1/policy/activations", { revision: 1, after: 0 })).resolves.toMatchObject({
    status: 202,
    body: { activation: 1, is_published: false },
  });
  await expect(ann.get("/v1/policy")).resolves.toMatchObject({ body: { in_force: { activation: 1 } } });
  expect((await fetch(`${bed.service.url}/health/ready`)).status).toBe(503);
});
