import { TriplineError } from "@tripline/contracts/error-table";
import { DEAD_LETTER_HEADERS, HEADERS, REFERENCE_HEADERS, RETURNED_HEADER } from "@tripline/contracts/headers";
import { deadLetterTopic } from "@tripline/contracts/topics";
import { platformaticLibrary } from "@tripline/kafka/client/platformatic/platformatic-library";
import { connectKafka } from "@tripline/kafka/connect-kafka";
import { RETURN_GROUP } from "@tripline/kafka/dead-letters/return-letters";
import type { EventConsumer, IncomingRecord, Kafka, KafkaAdmin } from "@tripline/kafka/port";
import { openProducer } from "@tripline/kafka/producer/open-producer";
import { testStack } from "@tripline/local-stack/testing/stack";
import { readTopic } from "@tripline/system/ledger/ledger";
import { dlqCommand } from "./dlq.js";

const WAIT_MS_MAX = 120_000;

let brokers: string[];
let topicPrefix: string;
let kafka: Kafka;
let admin: KafkaAdmin;
let consumer: EventConsumer | undefined;
let failing: Set<string>;

beforeEach(async () => {
  ({ kafkaBrokers: brokers, topicPrefix } = await testStack());
  kafka = connectKafka({ brokers, clientId: "test", topicPrefix });
  admin = await kafka.admin();
  await admin.ensureTopics();
  failing = new Set();
  consumer = undefined;
});

afterEach(async () => {
  await consumer?.close();
  await admin.close();
});

async function run(...args: string[]): Promise<string> {
  let text = "";
  const command = dlqCommand({ write: (more: string) => (text += more) });
  await command.parseAsync([...args, "--brokers", ...brokers, "--topic-prefix", topicPrefix], { from: "user" });
  return text;
}

/** A consumer of `labels` that fails for the entries of `failing`, with the code before the colon. */
async function startConsumer(): Promise<void> {
  consumer = await kafka.consume({
    group: "reader",
    topics: ["labels"],
    async handle(batches) {
      for (const { value } of batches.flatMap(({ records }) => records)) {
        const text = value.toString();
        if (!failing.has(text)) continue;
        throw new TriplineError(text.startsWith("spec") ? "spec-mismatch" : "message-unreadable", `cannot: ${text}`);
      }
    },
    onStop(error) {
      throw error;
    },
  });
}

async function deadLetter(...texts: string[]): Promise<void> {
  for (const text of texts) failing.add(text);
  if (consumer === undefined) await startConsumer();
  await produce(...texts);
  await reachLetters(texts.length);
}

/** Writes directly to the dead letter topic, which allows larger records. */
async function putLetters(...letters: { value: Buffer; headers?: Record<string, string> }[]): Promise<void> {
  const log = () => {};
  const library = platformaticLibrary({ brokers, clientId: "test" });
  const producer = await openProducer({ library, topicPrefix, log });
  for (const { value, headers = {} } of letters) {
    const all = { [DEAD_LETTER_HEADERS.code]: "message-unreadable", ...headers };
    await producer.sendRaw(deadLetterTopic("labels"), { key: "one", value, headers: Object.entries(all) });
  }
  await producer.close();
}

async function produce(...texts: string[]): Promise<void> {
  const producer = await kafka.producer();
  const headers = { [HEADERS.tenant]: "demo", [HEADERS.deadline]: "1", [HEADERS.replyTo]: "reply:gone" };
  await producer.send(texts.map((text) => ({ topic: "labels", key: text, value: Buffer.from(text), headers })));
  await producer.close();
}

let letters = 0;
beforeEach(() => {
  letters = 0;
});

async function reachLetters(more: number): Promise<void> {
  letters += more;
  const deadline = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const ends = await admin.endOffsets(deadLetterTopic("labels"));
    const count = [...ends.values()].reduce((sum, end) => sum + end, 0);
    if (count >= letters) return;
    if (Date.now() > deadline) throw new Error(`${count} dead letters instead of ${letters}`);
  }
}

async function records(topic: string): Promise<IncomingRecord[]> {
  const found: IncomingRecord[] = [];
  await readTopic(kafka, topic, (record) => found.push(record));
  return found;
}

test("lists and redrives nothing if there are no dead letters", async () => {
  expect(await run("list")).toBe("No dead letters.\n");
  for (const name of ["redrive", "return"]) {
    expect(await run(name, "--topic", "labels")).toBe("0 dead letters were put back on labels.\n");
  }
});

test("lists dead letters by code, and redrives them unchanged once", async () => {
  await deadLetter("spec 1", "poison 2");
  const listed = await run("list");
  expect(listed).toContain("1  of labels, by reader: spec-mismatch");
  expect(listed).toContain("message-unreadable  cannot: poison 2");
  failing.clear();
  expect(await run("redrive", "--topic", "labels")).toBe("2 dead letters were put back on labels.\n");
  const back = (await records("labels")).filter(({ headers }) => headers[RETURNED_HEADER] !== undefined);
  expect(back.map(({ key, value }) => [key, value.toString()]).sort()).toEqual([
    ["poison 2", "poison 2"],
    ["spec 1", "spec 1"],
  ]);
  for (const { headers } of back) expect(headers).toEqual({ [HEADERS.tenant]: "demo", [RETURNED_HEADER]: "1" });
  expect(await run("list")).toBe("No dead letters.\n");
  expect(await run("redrive", "--topic", "labels")).toBe("0 dead letters were put back on labels.\n");
});

test("redrives only the dead letters with the given code, and keeps the others", async () => {
  await deadLetter("poison 1");
  await deadLetter("spec 2");
  failing.delete("spec 2");
  expect(await run("redrive", "--topic", "labels", "--code", "spec-mismatch")).toBe(
    "1 dead letters were put back on labels. 1 dead letters with other codes were skipped.\n",
  );
  expect(await run("list", "--topic", "labels")).toContain("1  of labels, by reader: message-unreadable");
});

test("dead-letters a record that fails again, with the number of redrives", async () => {
  await deadLetter("poison 1");
  await run("redrive", "--topic", "labels");
  await reachLetters(1);
  const letter = JSON.parse(await run("list", "--json"));
  expect(letter).toMatchObject({ topic: "labels", code: "message-unreadable", returned: 1 });
  expect(letter.buriedAtMs).toBe(letter.deadLetteredAtMs);
  const [first, second] = await records(deadLetterTopic("labels"));
  expect(first?.headers[RETURNED_HEADER]).toBeUndefined();
  expect(second?.headers).toMatchObject({ [RETURNED_HEADER]: "1", [DEAD_LETTER_HEADERS.group]: "reader" });
});

test("regression #12: dead letters that cannot be redriven are reported and skipped; the others are redriven", async () => {
  const exitCodeBefore = process.exitCode;
  await putLetters(
    { value: Buffer.from("first") },
    { value: Buffer.alloc(1_200_000) },
    {
      value: Buffer.alloc(0),
      headers: {
        [DEAD_LETTER_HEADERS.topic]: "labels",
        [DEAD_LETTER_HEADERS.partition]: "3",
        [DEAD_LETTER_HEADERS.offset]: "17",
        [DEAD_LETTER_HEADERS.message]: "it is all zeros",
        [REFERENCE_HEADERS.reference]: "record",
        [REFERENCE_HEADERS.bytes]: "2200000",
        [REFERENCE_HEADERS.sha256]: "e3b0",
      },
    },
    { value: Buffer.from("last") },
  );
  expect(await run("list")).toContain(
    "it is all zeros (by reference: a record of 2200000 bytes at labels/3@17, SHA-256 e3b0)",
  );
  const output = await run("redrive", "--topic", "labels");
  const [line, tooLarge, byReference, ...more] = output.trimEnd().split("\n");
  expect(line).toBe("2 dead letters were put back on labels.");
  expect(tooLarge).toMatch(
    /^labels\.dlq\/0@1 cannot be redriven and is kept: A record of 1200\d{3} bytes exceeds the limit of 1000000/,
  );
  expect(byReference).toMatch(/^labels\.dlq\/0@2 cannot .*it does not contain the original.* at labels\/3@17/);
  expect(more).toEqual([]);
  expect(process.exitCode).toBe(1);
  process.exitCode = exitCodeBefore;
  expect((await records("labels")).map(({ value }) => value.toString()).sort()).toEqual(["first", "last"]);
  expect(await run("list")).toBe("No dead letters.\n");
  expect(await run("redrive", "--topic", "labels")).toBe("0 dead letters were put back on labels.\n");
});

test("allows one redrive at a time", async () => {
  await deadLetter("poison 1");
  const other = await kafka.consume({
    group: RETURN_GROUP,
    topics: [deadLetterTopic("labels")],
    positions: { begin: async () => 0, deadLettered: () => {} },
    handle: async () => {},
    onStop: () => {},
  });
  await other.ready;
  await expect(run("redrive", "--topic", "labels")).rejects.toMatchObject({ code: "state-conflict" });
  await other.close();
});
