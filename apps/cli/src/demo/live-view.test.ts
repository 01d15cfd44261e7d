import { PassThrough } from "node:stream";
import { LiveView } from "./live-view.js";
import { Tally } from "./tally.js";

test("regression #24: the demo does not ask for a rebuild while it rebuilds lost window states itself", () => {
  const out = new PassThrough();
  const tally = new Tally();
  tally.areStatesLost = true;
  new LiveView(Object.assign(out, { isTTY: false }) as unknown as NodeJS.WriteStream).show(tally, {
    elapsedMs: 6_000,
    perSecond: 0,
    eventTimeMs: 0,
  });
  const text = String(out.read());
  expect(text).toContain("The window states are lost: payments get the default decision until they are rebuilt.");
  expect(text).not.toContain("rebuild-state");
});
