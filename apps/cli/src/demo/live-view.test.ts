import { PassThrough } from "node:stream";
import { LiveView, latencyLine } from "./live-view.js";
import { Tally } from "./tally.js";

test("the demo reports that lost window states are being restored", () => {
  const out = new PassThrough();
  const tally = new Tally();
  const stream = Object.assign(out, { isTTY: false }) as unknown as NodeJS.WriteStream;
  const view = new LiveView(stream);
  view.show(tally, { elapsedMs: 6_000, perSecond: 0, eventTimeMs: 0 });
  expect(String(out.read())).not.toContain("lost");
  tally.areStatesLost = true;
  view.show(tally, { elapsedMs: 12_000, perSecond: 0, eventTimeMs: 0 });
  expect(String(out.read())).toContain(
    "The window states were lost: payments get the default decision until the states are",
  );
});

test("regression #25: the summary of a demo without decisions has no latencies", () => {
  expect(latencyLine(new Tally())).toBe("  latency p50 –, p95 –, p99 – (HTTP, from request to decision)");
});
