import { PassThrough } from "node:stream";
import { LiveView } from "./live-view.js";
import { Tally } from "./tally.js";

const COMMAND = "npm run tripline -- rebuild-state";

test.each([
  ["regression #24: while the demo rebuilds lost window states, it does not ask for a rebuild", undefined],
  ["the demo names the rebuild command if it does not rebuild lost window states itself", COMMAND],
])("%s", (_title, command) => {
  const out = new PassThrough();
  const tally = new Tally();
  tally.areStatesLost = true;
  const stream = Object.assign(out, { isTTY: false }) as unknown as NodeJS.WriteStream;
  new LiveView(() => command, stream).show(tally, { elapsedMs: 6_000, perSecond: 0, eventTimeMs: 0 });
  const text = String(out.read());
  expect(text).toContain("The window states are lost: payments get the default decision until they are rebuilt.");
  expect(text.includes(COMMAND)).toBe(command !== undefined);
});
