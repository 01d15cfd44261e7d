import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ROOT } from "@tripline/system/services/workspace";
import { z } from "zod";
import { compiled, selectTests } from "../../../../tools/test/select-tests.mjs";
import { sortTests, wholeSystemTests } from "../../../../tools/test/sort-tests.mjs";

const manifestFile = z.object({ scripts: z.record(z.string(), z.string()) });
const turboFile = z.object({ tasks: z.record(z.string(), z.object({ inputs: z.array(z.string()) })) });
const sorted = sortTests(ROOT);
const packageOf = (test: string) => test.replace(/\/dist\/.*/, "");

describe("sortTests", () => {
  test.each([
    { kind: "unit", test: "packages/contracts/dist/currency.test.js", why: "starts nothing" },
    {
      kind: "process",
      test: "packages/local-stack/dist/servers/start-stack.test.js",
      why: "starts its own servers",
    },
    { kind: "server", test: "packages/kafka/dist/connect-kafka.test.js", why: "requests the run's servers" },
  ] as const)("$test is a $kind test, because it $why", ({ kind, test }) => {
    expect(sorted[kind]).toContain(test);
  });

  test("every compiled test has exactly one kind, and a test without a source file has no kind", () => {
    const all = Object.values(sorted).flat();
    const compiledTests = globSync("{apps/*,apps/console/web,packages/*,load-tests}/src/**/*.test.ts", {
      cwd: ROOT,
    }).map(compiled);
    expect(all.toSorted()).toEqual(compiledTests.filter((test) => existsSync(join(ROOT, test))).toSorted());
  });
});

test("whole-system and browser tests are recognised by their imports or because they are journeys", () => {
  const whole = wholeSystemTests(ROOT);
  expect(whole).toEqual(
    expect.arrayContaining([
      "packages/testing/dist/journeys/demo-command.test.js",
      "packages/testing/dist/access/access-matrix.test.js",
      "packages/testing/dist/journeys/kill-services.test.js",
      "apps/console/web/dist/testing/screens.test.js",
    ]),
  );
  expect(whole.filter((test) => sorted.unit.includes(test))).toEqual([]);
  expect(whole).not.toContain("packages/kafka/dist/connect-kafka.test.js");
});

test("the title of a regression test begins with its issue: `regression #12: …`", () => {
  const titles = globSync("{apps/*,packages/*,load-tests}/src/**/*.test.ts", { cwd: ROOT }).flatMap((source) =>
    Array.from(
      readFileSync(join(ROOT, source), "utf8").matchAll(/^\s*(?:test\()?["`](regression.*)/gim),
      ([, text]) => text,
    ),
  );
  expect(titles.length).toBeGreaterThan(30);
  expect(titles.filter((title) => !/^regression #\d+: \S/.test(title ?? ""))).toEqual([]);
});

describe("turbo reruns a unit test when its inputs change", () => {
  test("every package with unit tests has the task", () => {
    const without = [...new Set(sorted.unit.map(packageOf))].filter((folder) => {
      const { scripts } = manifestFile.parse(JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8")));
      return scripts["test:unit"] === undefined;
    });
    expect(without).toEqual([]);
  });

  test("a package whose unit tests read files outside it lists its inputs in turbo.json", () => {
    const leaving = sorted.unit.filter((test) => leavesPackage(test)).map(packageOf);
    expect(leaving.length).toBeGreaterThan(0);
    const unlisted = [...new Set(leaving)].filter((folder) => {
      const file = join(ROOT, folder, "turbo.json");
      if (!existsSync(file)) return true;
      const inputs = turboFile.parse(JSON.parse(readFileSync(file, "utf8"))).tasks["test:unit"]?.inputs ?? [];
      return !inputs.some((input) => input.startsWith("$TURBO_ROOT$/") && !/jest|tools/.test(input));
    });
    expect(unlisted).toEqual([]);
  });
});

/** Whether a test reads a relative path outside of its package, or the root. */
function leavesPackage(test: string): boolean {
  const code = readFileSync(join(ROOT, test), "utf8");
  const paths = Array.from(code.matchAll(/"((?:\.\.\/)+[^"]*)"/g), ([, path = ""]) =>
    resolve(ROOT, dirname(test), path),
  );
  const home = join(ROOT, packageOf(test));
  const isOutside = (path: string) => path !== home && !path.startsWith(`${home}/`) && existsSync(path);
  return /import \{[^}]*\bROOT\b/.test(code) || paths.some(isOutside);
}

describe("selectTests", () => {
  const all = (...words: string[]) => selectTests(words, ROOT);

  test.each([
    ["a folder", "packages/kafka", "packages/kafka"],
    ["a source folder", "packages/kafka/src/consumer", "packages/kafka/dist/consumer"],
    ["a source file", "packages/kafka/src/connect-kafka.test.ts", "packages/kafka/dist/connect-kafka.test.js"],
    ["a compiled test", "packages/kafka/dist/connect-kafka.test.js", "packages/kafka/dist/connect-kafka.test.js"],
  ])("%s selects its compiled tests", (_what, word, path) => {
    expect(all(word, "-t", "dead letter")).toEqual({ jest: [join(ROOT, path), "-t", "dead letter"], python: [] });
  });

  test("paths are relative to the current folder", () => {
    const selected = selectTests(["src"], ROOT, join(ROOT, "packages", "kafka"));
    expect(selected.jest).toEqual([join(ROOT, "packages", "kafka", "dist")]);
  });

  test("Python tests run alone, with a title that pytest accepts", () => {
    const python = [{ environment: "training", args: ["training/tests/core/test_metrics.py", "-k", "recall"] }];
    expect(all("training/tests/core/test_metrics.py", "-t", "recall")).toEqual({ jest: undefined, python });
  });

  test("passes other words to Jest", () => {
    expect(all("handle-chunk", "--verbose")).toEqual({ jest: ["handle-chunk", "--verbose"], python: [] });
  });
});
