import { setImmediate as nextTurn } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { handleChunk } from "./handle-chunk.js";
import { Unfinished } from "./unfinished.js";
import { WorkGatherer } from "./work-gatherer.js";

/** Rounds that end when the test decides. */
class HeldRounds {
  readonly begun: (readonly string[])[] = [];
  readonly #ends: PromiseWithResolvers<void>[] = [];

  readonly doTogether = async (pieces: readonly string[]): Promise<void> => {
    const end = Promise.withResolvers<void>();
    this.begun.push(pieces);
    this.#ends.push(end);
    await end.promise;
  };

  async end(round: number, error?: Error): Promise<void> {
    if (error === undefined) this.#ends[round]?.resolve();
    else this.#ends[round]?.reject(error);
    for (let turn = 0; turn < 3; turn += 1) await nextTurn();
  }
}

const gathererOf = (rounds: HeldRounds, change: { sizeMax?: number; roundsMax?: number } = {}) =>
  new WorkGatherer<string>({
    doTogether: rounds.doTogether,
    sizeOf: (piece) => piece.length,
    sizeMax: 5,
    roundsMax: 1,
    ...change,
  });

test("runs the pieces of one turn together, and later ones in the next round", async () => {
  const rounds = new HeldRounds();
  const gatherer = gathererOf(rounds);
  const first = [gatherer.run("a"), gatherer.run("b")];
  await nextTurn();
  await nextTurn();
  const second = [gatherer.run("c"), gatherer.run("d")];
  expect(rounds.begun).toEqual([["a", "b"]]);
  await rounds.end(0);
  await Promise.all(first);
  expect(rounds.begun).toEqual([
    ["a", "b"],
    ["c", "d"],
  ]);
  await rounds.end(1);
  await Promise.all(second);
});

test("fills a round up to its limit, and runs a larger piece alone", async () => {
  const rounds = new HeldRounds();
  const gatherer = gathererOf(rounds);
  const all = ["aaa", "bb", "cccccccc", "d"].map((piece) => gatherer.run(piece));
  for (let round = 0; round < 3; round += 1) {
    await nextTurn();
    await rounds.end(round);
  }
  await Promise.all(all);
  expect(rounds.begun).toEqual([["aaa", "bb"], ["cccccccc"], ["d"]]);
});

test("runs an exclusive piece alone in its round", async () => {
  const rounds = new HeldRounds();
  const gatherer = gathererOf(rounds);
  const all = [gatherer.run("a"), gatherer.run("b", true), gatherer.run("c"), gatherer.run("d")];
  for (let round = 0; round < 3; round += 1) {
    await nextTurn();
    await rounds.end(round);
  }
  await Promise.all(all);
  expect(rounds.begun).toEqual([["a"], ["b"], ["c", "d"]]);
});

test("runs the allowed number of rounds in parallel", async () => {
  const rounds = new HeldRounds();
  const gatherer = gathererOf(rounds, { roundsMax: 2, sizeMax: 1 });
  const all = ["a", "b", "c"].map((piece) => gatherer.run(piece));
  await nextTurn();
  await nextTurn();
  expect(rounds.begun).toEqual([["a"], ["b"]]);
  await rounds.end(1);
  expect(rounds.begun).toEqual([["a"], ["b"], ["c"]]);
  await rounds.end(0);
  await rounds.end(2);
  await Promise.all(all);
});

test("an unfinished round makes room for the next, and its pieces are done when it has finished", async () => {
  const [begun, ends]: [string[], PromiseWithResolvers<void>[]] = [[], []];
  const gatherer = new WorkGatherer<string>({
    async doTogether([piece = ""]) {
      begun.push(piece);
      const end = Promise.withResolvers<void>();
      ends.push(end);
      return new Unfinished(end.promise);
    },
    sizeOf: () => 1,
    sizeMax: 1,
    roundsMax: 1,
  });
  const done: string[] = [];
  const all = ["a", "b"].map((piece) => gatherer.run(piece).then(() => done.push(piece)));
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
  expect([begun, done]).toEqual([["a", "b"], []]);
  ends[1]?.resolve();
  await all[1];
  expect(done).toEqual(["b"]);
  ends[0]?.resolve();
  await all[0];
});

test("each piece is retried alone after a fault in an unfinished round", async () => {
  const tried: (readonly string[])[] = [];
  const gatherer = new WorkGatherer<string>({
    async doTogether(pieces) {
      tried.push(pieces);
      const fails = pieces.includes("bad");
      return new Unfinished(fails ? Promise.reject(new TriplineError("message-unreadable", "bad")) : Promise.resolve());
    },
    sizeOf: () => 1,
    sizeMax: 10,
    roundsMax: 1,
  });
  const outcomes = await Promise.allSettled(["a", "bad"].map((piece) => gatherer.run(piece)));
  expect(outcomes).toMatchObject([{ status: "fulfilled" }, { reason: { code: "message-unreadable" } }]);
  expect(tried).toEqual([["a", "bad"], ["a"], ["bad"]]);
});

test("a temporary fault fails the whole round, without trying each piece", async () => {
  const rounds = new HeldRounds();
  const gatherer = gathererOf(rounds);
  const both = Promise.allSettled([gatherer.run("a"), gatherer.run("b")]);
  await nextTurn();
  await nextTurn();
  const away = new TriplineError("redis-unavailable", "Redis is away.");
  await rounds.end(0, away);
  expect((await both).map((outcome) => "reason" in outcome && outcome.reason)).toEqual([away, away]);
  expect(rounds.begun).toHaveLength(1);
});

test("retries each piece alone after a failed round, and fails only the faulty one", async () => {
  const tried: (readonly string[])[] = [];
  const gatherer = new WorkGatherer<string>({
    async doTogether(pieces) {
      tried.push(pieces);
      if (pieces.includes("bad")) throw new TriplineError("message-unreadable", "the bad one");
    },
    sizeOf: () => 1,
    sizeMax: 10,
    roundsMax: 1,
  });
  const outcomes = await Promise.allSettled(["a", "bad", "b"].map((piece) => gatherer.run(piece)));
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(outcomes[1]).toMatchObject({ reason: { code: "message-unreadable" } });
  expect(tried).toEqual([["a", "bad", "b"], ["a"], ["bad"], ["b"]]);
  await gatherer.run("c");
  expect(tried.at(-1)).toEqual(["c"]);
});

test("a persistent fault in one partition does not stop the others of its round", async () => {
  const tried: (readonly string[])[] = [];
  const gatherer = new WorkGatherer<string>({
    async doTogether(pieces) {
      tried.push(pieces);
      if (pieces.includes("stuck")) throw new TriplineError("state-conflict", "It stays.");
    },
    sizeOf: () => 1,
    sizeMax: 100,
    roundsMax: 1,
  });
  const losing = new AbortController();
  const handleOne = (record: string) =>
    handleChunk([record], {
      handle: ([piece = ""], isRepeated) => gatherer.run(piece, isRepeated),
      deadLetter: async () => {},
      done() {},
      failing() {},
      log() {},
      signal: losing.signal,
      backoff: { firstMs: 1, maxMs: 10 },
    });
  const stuck = handleOne("stuck");
  expect(await handleOne("well")).toBe(true);
  losing.abort();
  expect(await stuck).toBe(false);
  expect(tried[0]).toEqual(["stuck", "well"]);
  expect(tried.slice(1).filter((pieces) => pieces.length > 1)).toEqual([]);
});
