import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AppliedLabel,
  FeatureVector,
  Label,
  Transaction,
} from "@tripline/contracts/generated/tripline/events/v1/events";
import { TestArchive } from "../testing/archive.js";
import { readCounted, totalCounted } from "./read-counted.js";
import { readTail } from "./read-tail.js";

const NOTHING = new Uint8Array();
const AT_MS = Date.UTC(2024, 1, 29, 12);

let lake: string;
let archive: TestArchive;

beforeEach(async () => {
  lake = await mkdtemp(join(tmpdir(), "tripline-lake-test-"));
  archive = new TestArchive(lake, { cluster: "c", topicPrefix: "p." });
});
afterEach(() => rm(lake, { recursive: true, force: true }));

const transactionOf = (id: string): Transaction => ({
  ...Transaction.decode(NOTHING),
  transactionId: `txn_${id}`,
  clientTransactionId: id,
  tenant: "demo",
  currency: "EUR",
  latitude: 50.5,
  occurredAtMs: AT_MS,
});
const labelOf = (id: string): Label => ({ ...Label.decode(NOTHING), labelId: `l_${id}`, labelledAtMs: AT_MS });

/** Each becomes a record; the number of the card's state, and when it was counted. */
const vector = (id: string, number: number, atMs: number, incomplete = false): FeatureVector => ({
  transaction: transactionOf(id),
  specVersion: 2,
  values: [0.1 + 0.2, -0],
  computedAtMs: AT_MS + atMs,
  sequences: [number, 0],
  tooLate: false,
  incomplete,
  profileTimesMs: [],
});
const applied = (id: string, number: number, atMs: number, incomplete = false): AppliedLabel => ({
  label: labelOf(id),
  specVersion: 2,
  entityIds: [],
  sequences: [number, 7],
  tooLate: true,
  incomplete,
  appliedAtMs: AT_MS + atMs,
});

const records = (values: readonly Uint8Array[], partition = 0, from = 0) =>
  values.map((value, index) => ({ partition, offset: from + index, value }));
const vectors = (...all: readonly FeatureVector[]) => records(all.map((one) => FeatureVector.encode(one).finish()));
const labels = (...all: readonly AppliedLabel[]) => records(all.map((one) => AppliedLabel.encode(one).finish()));

async function read(options: { once?: boolean } = {}) {
  const events = [];
  for await (const chunk of readCounted({ lake, ...options })) events.push(...chunk);
  return events;
}

const counted = async (options: { once?: boolean } = {}) =>
  (await read(options)).map((event) => {
    if (event.kind === "payment")
      return `${event.vector.transaction?.clientTransactionId} ${event.vector.sequences[0]}`;
    const id = event.kind === "label" ? event.applied.label?.labelId : event.applied.update?.updateId;
    return `${id} ${event.applied.sequences[0]}`;
  });

test("returns complete payments and labels, in the order in which they were counted", async () => {
  await archive.append("features", vectors(vector("b", 3, 30), vector("a", 1, 10)));
  await archive.append("applied-labels", labels(applied("a", 2, 20)));
  expect(await read()).toEqual([
    { kind: "payment", vector: vector("a", 1, 10) },
    { kind: "label", applied: applied("a", 2, 20) },
    { kind: "payment", vector: vector("b", 3, 30) },
  ]);
  expect(await totalCounted(lake)).toEqual({ events: 3, missing: 0 });
});

test("returns events counted while states were lost once, and only if not also counted at another time", async () => {
  await archive.append(
    "features",
    vectors(
      vector("a", 1, 1),
      // Delivered twice, and counted again after its state was lost.
      vector("a", 1, 1),
      vector("a", 1, 10, true),
      // Counted twice while states were lost, the second time after another loss.
      vector("b", 2, 11, true),
      vector("b", 1, 12, true),
      vector("c", 3, 20),
    ),
  );
  await archive.append(
    "applied-labels",
    labels(applied("a", 1, 10, true), applied("a", 2, 2), applied("b", 3, 13, true)),
  );
  expect(await counted()).toEqual(["a 1", "a 1", "l_a 2", "b 2", "l_b 3", "c 3"]);
  expect(await totalCounted(lake)).toEqual({ events: 5, missing: 0 });
});

test("returns each event once on request, from the record with a valid number", async () => {
  await archive.append(
    "features",
    vectors(vector("a", 1, 1), vector("a", 4, 30), vector("a", 2, 0, true), vector("b", 2, 2, true)),
  );
  expect(await counted({ once: true })).toEqual(["a 1", "b 2"]);
  expect(await counted()).toEqual(["a 1", "b 2", "a 4"]);
  // Counted under two numbers, like a late repetition: two events.
  expect(await totalCounted(lake)).toEqual({ events: 3, missing: 0 });
});

test("counts records that Kafka had and the lake lacks", async () => {
  await archive.append("features", vectors(vector("a", 1, 1), vector("b", 2, 2), vector("c", 3, 3)).slice(1));
  await archive.append("applied-labels", labels(applied("a", 1, 10)));
  expect(await totalCounted(lake)).toEqual({ events: 3, missing: 1 });
});

test("reads an archive written before labels had `incomplete`", async () => {
  await archive.append("features", vectors(vector("a", 1, 1)));
  await archive.append("applied-labels", labels(applied("a", 2, 2)), ["incomplete"]);
  expect(await counted()).toEqual(["a 1", "l_a 2"]);
  await archive.append("applied-labels", records([AppliedLabel.encode(applied("b", 3, 3, true)).finish()], 0, 1));
  expect((await read()).map((event) => event.kind === "label" && event.applied.incomplete)).toEqual([
    false,
    false,
    true,
  ]);
});

test("reads labels without payments", async () => {
  await archive.append("applied-labels", labels(applied("a", 1, 10)));
  expect(await counted()).toEqual(["l_a 1"]);
});

test("rejects a folder that contains neither of the two archives", async () => {
  await expect(read()).rejects.toMatchObject({ code: "not-found" });
});

describe("the tail of the input of features", () => {
  const payments = (ids: readonly string[], partition = 0, from = 0) =>
    records(
      ids.map((id) => Transaction.encode(transactionOf(id)).finish()),
      partition,
      from,
    );
  async function tail(from: Record<number, number> = {}, topic: "transactions" | "labels" = "transactions") {
    const found = [];
    const starts = new Map(Object.entries(from).map(([partition, offset]) => [Number(partition), offset]));
    for await (const record of readTail(lake, topic, starts)) found.push(record);
    return found;
  }
  const short = async (from?: Record<number, number>) =>
    (await tail(from)).map(({ partition, offset, isEmitted }) => `${partition}@${offset}${isEmitted ? "" : " open"}`);

  test("ends with the last record that had an effect, and says of each record whether it was emitted", async () => {
    await archive.append("transactions", [
      ...payments(["a", "b", "c", "d"]),
      ...payments(["e", "f"], 1),
      ...payments(["g"], 2),
    ]);
    await archive.append("features", vectors(vector("e", 1, 1), vector("a", 1, 1), vector("c", 2, 2, true)));
    expect(await short()).toEqual(["0@0", "0@1 open", "0@2", "1@0"]);
    expect(await short({ 0: 1, 1: 1 })).toEqual(["0@1 open", "0@2"]);
    expect(await short({ 0: 2 })).toEqual(["0@2", "1@0"]);
    expect((await tail({ 0: 2 }))[0]).toEqual({
      kind: "payment",
      partition: 0,
      offset: 2,
      isEmitted: true,
      transaction: transactionOf("c"),
    });
  });

  test("does not end with a retry by a client, but includes earlier retries as emitted", async () => {
    await archive.append("transactions", payments(["a", "b", "a", "c", "b", "d", "a"]));
    await archive.append("features", vectors(vector("a", 1, 1), vector("b", 1, 1), vector("c", 2, 2)));
    expect(await short({ 0: 1 })).toEqual(["0@1", "0@2", "0@3"]);
    expect(await short({ 0: 4 })).toEqual([]);
  });

  test("also works for labels, and is empty if nothing has had an effect", async () => {
    const value = Label.encode(labelOf("a")).finish();
    await archive.append("labels", records([value]));
    expect(await tail({}, "labels")).toEqual([]);
    await archive.append("applied-labels", labels(applied("a", 1, 1)));
    const found = { kind: "label", partition: 0, offset: 0, isEmitted: true, label: labelOf("a") };
    expect(await tail({}, "labels")).toEqual([found]);
  });
});
