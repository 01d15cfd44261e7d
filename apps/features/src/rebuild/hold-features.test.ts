import type { OutgoingRecord } from "@tripline/kafka/port";
import { createLogger } from "@tripline/telemetry/logger";
import { cardOf, label, labelRecord, payment, paymentRecord, randomNumbers, START_MS } from "../testing/events.js";
import { TestHistory } from "../testing/history.js";
import { COMPLETE_KEY } from "../testing/instance.js";

const EVENTS_AT_A_TIME = 40;

let history: TestHistory;

beforeEach(async () => {
  history = await TestHistory.open();
});
afterEach(() => history.close());

/** Payments and labels of a few cards at shared terminals. */
function* events(): Generator<OutgoingRecord> {
  const below = randomNumbers(11);
  for (let index = 0; ; index += 1) {
    const common = {
      clientTransactionId: `h-${index}`,
      cardToken: cardOf(below(30)),
      terminalId: `t-${below(5)}`,
      occurredAtMs: START_MS + index * 10_000,
    };
    yield below(5) === 0
      ? labelRecord(label({ ...common, labelledAtMs: common.occurredAtMs, fraud: below(2) === 0 }))
      : paymentRecord(payment({ ...common, amountMinor: below(90_000) }));
  }
}

/** Errors that the service logs. */
function listeningLogger() {
  const errors: string[] = [];
  const logger = Object.assign(createLogger("features", "silent"), {
    error: (_extra: unknown, line: string) => void errors.push(line),
  });
  return { logger, errors };
}

test("under load, every event counts once, and a loss of the states does not change the features", async () => {
  const stream = events();
  let sent = 0;
  const send = async () => {
    await history.producer.send(Array.from({ length: EVENTS_AT_A_TIME }, () => stream.next().value as OutgoingRecord));
    sent += EVENTS_AT_A_TIME;
  };
  const { logger, errors } = listeningLogger();
  const service = await history.startService(logger);
  let flagged = 0;
  try {
    for (let times = 0; times < 5; times += 1) await send();
    await history.untilHandled();
    expect(errors).toEqual([]);
    await history.redis.flushdb();
    for (let times = 0; times < 5; times += 1) await send();
    await history.untilHandled();
    expect(errors).toEqual([expect.stringContaining("rebuild-state")]);

    let isOver = false;
    const traffic = async () => {
      while (!isOver) {
        await send();
        await history.archive();
      }
    };
    const rebuilding = history.rebuild({ waitMs: 60_000 }).finally(() => {
      isOver = true;
    });
    const [report] = await Promise.all([rebuilding, traffic()]);
    flagged = report.incomplete;
    expect(flagged).toBeGreaterThanOrEqual(5 * EVENTS_AT_A_TIME);
    expect(report.doubled).toBe(0);
    expect(await history.redis.exists(COMPLETE_KEY)).toBe(1);
    await send();
    await history.untilHandled();
  } finally {
    await service.close();
  }
  const { events: emitted, different } = await history.emitted();
  const incomplete = emitted.map((event) => (event.kind === "payment" ? event.vector : event.applied).incomplete);
  expect(incomplete.filter(Boolean)).toHaveLength(flagged);
  expect([...different.values()]).toEqual(Array(sent).fill(1));
  expect(await history.differences()).toEqual({ counted: sent, stuck: 0, differing: [] });
});
