import { capacityCommand } from "./command.js";

test.each([
  ["--rate 1000", undefined, /^$/],
  [
    "--rate 2000 --lake-cache 20",
    1,
    /^capacity: refused: 2,000 per second exceeds the limit of reading the lake, .*LAKE_CACHE_GIB=20/,
  ],
  ["--rate 1000 --lake-cache 20", undefined, /^$/],
  [
    "--rate 10000 --json",
    1,
    /^capacity: refused: 10,000 per second exceeds the limit of Redis, memory of one Redis with 400 GB/,
  ],
  ["--rate 1000000", 1, /exceeds the limit of features, one instance for each of 24 partitions/],
])("%s ends with exit code %s and reports what it exceeds", async (flags, code, words) => {
  const [output, errors]: [string[], string[]] = [[], []];
  const collect = (into: string[]) => ({ write: (text: string) => into.push(text) > 0 });
  await capacityCommand(collect(output), collect(errors)).parseAsync(flags.split(" "), { from: "user" });
  const exitCode = process.exitCode;
  process.exitCode = undefined;
  expect(exitCode).toBe(code);
  expect(errors.join("")).toMatch(words);
  expect(output.join("")).toContain(flags.includes("--json") ? '"limits"' : "lowest first");
});

test("regression #30: --partitions must be a whole number", async () => {
  const command = capacityCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  await expect(command.parseAsync(["--partitions", "7.5"], { from: "user" })).rejects.toThrow(/must be a whole number/);
});
