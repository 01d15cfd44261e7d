import { TriplineError } from "@tripline/contracts/error-table";
import type { StampedRecord } from "../client/client-library.js";
import type { Deliver, GatherLimits } from "./send-gatherer.js";
import { GATHER_LIMITS, SendGatherer } from "./send-gatherer.js";

const record = (name: string, sizeBytes = 10): StampedRecord => ({
  topic: "t",
  record: { key: name, value: null, headers: [] },
  sizeBytes,
});
const records = (count: number, prefix = "r") => [...Array(count).keys()].map((index) => record(`${prefix}${index}`));

/** Requests wait until `answer` is called, unless it was already called. */
function stage(limits: Partial<GatherLimits> = {}, fault: (names: readonly string[]) => unknown = () => undefined) {
  const requests: string[][] = [];
  const deadlines: number[] = [];
  let release: (() => void) | undefined;
  let isOpen = true;
  const deliver: Deliver = async (given, deadlineMs) => {
    const names = given.map(({ record: { key } }) => String(key));
    requests.push(names);
    deadlines.push(deadlineMs - performance.now());
    if (!isOpen) {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
    }
    const thrown = fault(names);
    if (thrown !== undefined) throw thrown;
  };
  const gatherer = new SendGatherer(deliver, { ...GATHER_LIMITS, ...limits });
  const hold = () => {
    isOpen = false;
  };
  const answer = () => {
    isOpen = true;
    release?.();
  };
  return { gatherer, requests, deadlines, hold, answer };
}

const tooLarge = () => {
  const cause = Object.assign(new Error("too large"), { apiId: "MESSAGE_TOO_LARGE" });
  return new TriplineError("body-too-large", "too large", [], { cause });
};

test("combines simultaneous sends into one request, in order", async () => {
  const { gatherer, requests } = stage();
  await Promise.all([gatherer.send(records(2, "a")), gatherer.send([]), gatherer.send(records(1, "b"))]);
  expect(requests).toEqual([["a0", "a1", "b0"]]);
});

test("combines sends made in one turn of the event loop into one request, even without a linger time", async () => {
  const { gatherer, requests } = stage({ lingerMs: 0 });
  const sends = [gatherer.send(records(1, "a"))];
  await Promise.resolve();
  sends.push(gatherer.send(records(1, "b")));
  expect(requests).toEqual([]);
  await Promise.all(sends);
  expect(requests).toEqual([["a0", "b0"]]);
});

test("sends a full request without waiting", async () => {
  const { gatherer, requests } = stage({ lingerMs: 60_000, requestRecordsMax: 3 });
  await Promise.all([gatherer.send(records(2, "a")), gatherer.send(records(1, "b"))]);
  expect(requests).toEqual([["a0", "a1", "b0"]]);
});

test("gathers the next request while one is in progress", async () => {
  const { gatherer, requests, hold, answer } = stage({ requestRecordsMax: 1 });
  hold();
  const first = gatherer.send(records(1, "a"));
  expect(requests).toEqual([["a0"]]);
  const others = [gatherer.send(records(1, "b")), gatherer.send(records(1, "c"))];
  expect(requests).toEqual([["a0"]]);
  answer();
  await Promise.all([first, ...others]);
  expect(requests).toEqual([["a0"], ["b0"], ["c0"]]);
});

test.each([...Array(12).keys()])(
  "sends what arrives %i turns after a response (regression #14)",
  async (turns) => {
    const { gatherer, requests, hold, answer } = stage({ lingerMs: 0 });
    hold();
    const first = gatherer.send(records(1, "a"));
    await new Promise(setImmediate);
    answer();
    for (let turn = 0; turn < turns; turn += 1) await undefined;
    await Promise.all([first, gatherer.send(records(1, "b"))]);
    expect(requests).toEqual([["a0"], ["b0"]]);
  },
  2_000,
);

test("splits a send larger than a request, and resolves it when the last part is acknowledged", async () => {
  const { gatherer, requests } = stage({ requestRecordsMax: 2 });
  await gatherer.send(records(5));
  expect(requests).toEqual([["r0", "r1"], ["r2", "r3"], ["r4"]]);
});

test("limits requests by bytes as well; a larger record is sent alone", async () => {
  const { gatherer, requests } = stage({ requestBytesMax: 100 });
  await gatherer.send([record("a", 60), record("b", 40), record("c", 1), record("big", 500), record("d", 1)]);
  expect(requests).toEqual([["a", "b"], ["c"], ["big"], ["d"]]);
});

test("rejects a send beyond the limit immediately, and accepts it again when there is room", async () => {
  const { gatherer, hold, answer } = stage({ pendingRecordsMax: 5, pendingBytesMax: 100, requestRecordsMax: 1 });
  hold();
  const waiting = gatherer.send(records(4));
  await expect(gatherer.send(records(2))).rejects.toMatchObject({ code: "queue-full" });
  await expect(gatherer.send([record("fat", 61)])).rejects.toMatchObject({ code: "queue-full" });
  const last = gatherer.send([record("lean", 60)]);
  answer();
  await Promise.all([waiting, last]);
  await gatherer.send(records(5));
});

test("one bad record does not fail the other sends of its request", async () => {
  const { gatherer, requests } = stage({}, (names) => (names.includes("bad0") ? tooLarge() : undefined));
  const outcomes = await Promise.allSettled([
    gatherer.send(records(2, "a")),
    gatherer.send(records(1, "bad")),
    gatherer.send(records(1, "b")),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(requests).toEqual([["a0", "a1", "bad0", "b0"], ["a0", "a1"], ["bad0"], ["b0"]]);
});

test("an unavailable Kafka fails the whole request and the rest of a split send, but not later sends", async () => {
  let isAway = true;
  const { gatherer, requests } = stage({ requestRecordsMax: 2 }, () =>
    isAway ? new TriplineError("kafka-unavailable", "away") : undefined,
  );
  await expect(gatherer.send(records(5))).rejects.toMatchObject({ code: "kafka-unavailable" });
  expect(requests).toEqual([["r0", "r1"]]);
  isAway = false;
  await gatherer.send(records(2, "later"));
  expect(requests).toHaveLength(2);
});

test("rejects a send that expired while Kafka acknowledged nothing, without sending a request", async () => {
  const { gatherer, requests, hold, answer } = stage(
    { sendMsMax: 30, requestRecordsMax: 1 },
    () => new TriplineError("kafka-unavailable", "away"),
  );
  hold();
  const sends = [gatherer.send(records(1, "a")), gatherer.send(records(1, "b"))];
  setTimeout(answer, 40);
  const outcomes = await Promise.allSettled(sends);
  expect(outcomes).toMatchObject([
    { reason: { code: "kafka-unavailable" } },
    { reason: { code: "kafka-unavailable" } },
  ]);
  expect(requests).toEqual([["a0"]]);
});

test("a send waits for its turn as long as Kafka acknowledges others", async () => {
  const { gatherer, requests, deadlines, hold, answer } = stage({ sendMsMax: 30, requestRecordsMax: 1 });
  hold();
  const sends = [gatherer.send(records(1, "a")), gatherer.send(records(1, "b"))];
  setTimeout(answer, 40);
  await Promise.all(sends);
  expect(requests).toEqual([["a0"], ["b0"]]);
  // However late it is, a request gets enough time to reconnect.
  expect(Math.min(...deadlines)).toBeGreaterThan(200);
});

test("close waits for accepted sends and accepts no more", async () => {
  const { gatherer, requests } = stage({ lingerMs: 60_000 });
  const sent = gatherer.send(records(1));
  await gatherer.close();
  await sent;
  expect(requests).toEqual([["r0"]]);
  await expect(gatherer.send(records(1))).rejects.toMatchObject({ code: "shutting-down" });
});

test("close does not wait forever", async () => {
  const { gatherer, hold } = stage({ drainMsMax: 20, requestRecordsMax: 1 });
  hold();
  void gatherer.send(records(1, "hangs"));
  const waiting = gatherer.send(records(1, "waits"));
  await Promise.all([gatherer.close(), expect(waiting).rejects.toMatchObject({ code: "shutting-down" })]);
});
