import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isCardNumber } from "@tripline/contracts/identifiers";
import { BenchError } from "../harness/bench-error.js";
import { loadProgram } from "./load-program.js";

const folder = mkdtempSync(join(tmpdir(), "tripline-load-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The command's output, and the error it ends with. */
async function call(...args: string[]): Promise<{ printed: string; error: unknown }> {
  let printed = "";
  const program = loadProgram({
    root: folder,
    environment: { PATH: "/nowhere" },
    print: (text) => {
      printed += text;
    },
  });
  const write = (text: string): void => {
    printed += text;
  };
  for (const command of [program, ...program.commands])
    command.exitOverride().configureOutput({ writeOut: write, writeErr: write });
  try {
    await program.parseAsync(args, { from: "user" });
    return { printed, error: undefined };
  } catch (error) {
    return { printed, error };
  }
}

test("rejects an unknown scenario and lists the known ones", async () => {
  const { error } = await call("steddy");
  expect(error).toBeInstanceOf(BenchError);
  expect(error).toMatchObject({
    message: expect.stringContaining('Unknown scenario "steddy". The scenarios are smoke, steady'),
  });
});

test.each([
  [["steady", "--rate", "0"], "must be a number above 0 and at most 100000"],
  [["steady", "--rate", "much"], "must be a number above 0"],
  [["steady", "--duration", "60"], "must be a duration such as 60s, 5m or 1h"],
  [["steady", "--kill", "features"], "must be a service and a time, such as features@20s"],
  [["steady", "--kill", "console@5s"], "The services are auth, ingestion, features, scoring, decisions."],
  [["batch", "--lines", "20000"], "must be a whole number from 1 to 10000"],
  [[], "missing required argument 'scenario'"],
])("rejects %j", async (args, sentence) => {
  const { printed, error } = await call(...args);
  expect(printed).toContain(sentence);
  expect(error).toMatchObject({ exitCode: 1 });
});

test("rejects killing a service that runs elsewhere", async () => {
  const { error } = await call("steady", "--kill", "features@5s", "--target", "http://127.0.0.1:1");
  expect(error).toBeInstanceOf(BenchError);
  expect(error).toMatchObject({ message: expect.stringContaining("omit --target") });
});

test("starts nothing without k6, and explains how to install it", async () => {
  const { error } = await call("smoke", "--target", "http://127.0.0.1:1");
  expect(error).toBeInstanceOf(BenchError);
  expect(error).toMatchObject({ message: expect.stringContaining("k6 is not on the PATH: install it") });
});

test("the help lists every scenario", async () => {
  const { printed } = await call("--help");
  for (const name of ["smoke", "steady", "ramp", "spike", "soak", "sync", "async", "batch", "labels", "mix"]) {
    expect(printed).toMatch(new RegExp(`^  ${name} `, "m"));
  }
});

test("a seed always gives the same valid payments", async () => {
  const write = async (name: string, seed: string) => {
    const path = join(folder, name);
    const { error } = await call("payments", path, "--count", "50", "--seed", seed, "--cards", "100");
    expect(error).toBeUndefined();
    return readFileSync(path, "utf8");
  };
  const first = await write("first.ndjson", "7");
  expect(await write("again.ndjson", "7")).toBe(first);
  expect(await write("other.ndjson", "8")).not.toBe(first);
  const lines = first.trimEnd().split("\n");
  expect(lines).toHaveLength(50);
  for (const line of lines) {
    const { payment, fraud } = JSON.parse(line);
    expect(isCardNumber(payment.card.number)).toBe(true);
    expect(typeof fraud).toBe("boolean");
    expect(payment).not.toHaveProperty("transaction_id");
  }
});
