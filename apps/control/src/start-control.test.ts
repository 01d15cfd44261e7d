import type { TestBed } from "./testing/test-bed.js";
import { startTestBed } from "./testing/test-bed.js";

let bed: TestBed;

beforeEach(async () => {
  bed = await startTestBed();
});

afterEach(() => bed.close());

/** Waits until its consumer has joined the group. */
async function readyReport(url: string): Promise<unknown> {
  for (;;) {
    const response = await fetch(`${url}/health/ready`);
    if (response.ok) return response.json();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("is ready with Kafka, Postgres and the token keys, and a second instance can start", async () => {
  const another = await bed.startAnother();
  for (const { url } of [bed.service, another]) {
    expect(await readyReport(url)).toEqual({
      status: "ready",
      checks: {
        ...{ keys: "ok", "auth-events": "ok", erasures: "ok", postgres: "ok", kafka: "ok" },
        ...{ audit_signatures: "ok", audit_anchors: "ok", policy_checks: "ok" },
        ...{ policy_guard: "ok", rule_watch: "ok", list_guard: "ok", due_changes: "ok" },
      },
    });
  }
});
