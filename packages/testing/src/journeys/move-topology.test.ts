import type { KnownPayment } from "@tripline/system/client/payment";
import { awaitLedger, balances } from "@tripline/system/ledger/ledger";
import { buildPayment } from "../support/build-payment.js";
import type { InProcessSystem, ProgramName } from "../support/in-process-system.js";
import { startInProcess } from "../support/in-process-system.js";
import { paymentId } from "../support/payment-id.js";
import { testModel } from "../support/test-model.js";

const WAIT_S = 60;
const CALLERS = 4;
const PAYMENTS_BETWEEN = 40;
const APART: readonly ProgramName[] = ["decisions", "scoring"];
const TOGETHER: readonly ProgramName[] = ["tripline"];

describe("moving decisions and scoring into one process and back", () => {
  let system: InProcessSystem;

  beforeAll(async () => {
    const { registryUrl } = await testModel();
    system = await startInProcess({ registryUrl, scoringWaitMs: 20_000 });
  }, 240_000);
  afterAll(() => system?.close());

  test("loses and duplicates nothing under traffic, and the model decides in both topologies", async () => {
    const sent: KnownPayment[] = [];
    const rungs = new Set<string>();
    const decided = (count: number) => sent.length >= count;
    let isOver = false;
    let wake = (): void => {};
    const call = async (): Promise<void> => {
      while (!isOver) {
        const payment = buildPayment();
        const { decision } = await system.client.send(payment, WAIT_S);
        sent.push(payment);
        rungs.add(decision?.rung ?? "none");
        wake();
      }
    };
    const untilDecided = async (count: number): Promise<void> => {
      while (!decided(count)) await new Promise<void>((resolve) => (wake = resolve));
    };
    const move = async (from: readonly ProgramName[], to: readonly ProgramName[]): Promise<void> => {
      await untilDecided(sent.length + PAYMENTS_BETWEEN);
      for (const name of from) await system.stop(name);
      for (const name of [...to].reverse()) await system.start(name);
    };
    const callers = Promise.all(Array.from({ length: CALLERS }, call));
    const moves = (async () => {
      await move(APART, TOGETHER);
      await move(TOGETHER, APART);
      await untilDecided(sent.length + PAYMENTS_BETWEEN);
      isOver = true;
    })();
    await Promise.all([moves, callers]);
    const ledger = await awaitLedger(system.kafka, new Set(sent.map(paymentId)));
    expect(ledger).toMatchObject({ accepted: sent.length, decided: sent.length, lost: [], contradicted: [] });
    expect(balances(ledger)).toBe(true);
    expect([...rungs]).toEqual(["model"]);
  }, 300_000);
});
