import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { ROOT } from "@tripline/system/services/workspace";

/** Generous: all sources are checked, and the machine may be busy. */
const COMMAND_MS_MAX = 900_000;
const PROJECT = ["--name", "acme-fraud", "--registry", "ghcr.io/acme", "--cloud", "aws"];
/** Generated folders. */
const MADE = new Set([
  "node_modules",
  "dist",
  ".git",
  ".tripline",
  ".turbo",
  ".plugins",
  "__pycache__",
  ".pytest_cache",
]);
const GIT = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "core.autocrlf=false"];

interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

describe("tripline init, in a copy of this repository", () => {
  const copy = join(mkdtempSync(join(tmpdir(), "tripline-init-")), "repository");
  const at = (path: string) => join(copy, path);
  const read = (path: string) => readFileSync(at(path), "utf8");

  beforeAll(() => {
    cpSync(ROOT, copy, { recursive: true, filter: (path) => !MADE.has(basename(path)) });
    mkdirSync(at(".git/info"), { recursive: true });
    run("git", ["init", "--quiet"]);
    // The pattern in .gitignore matches folders of this name, but not links.
    writeFileSync(at(".git/info/exclude"), "node_modules\n");
    symlinkSync(join(ROOT, "node_modules"), at("node_modules"));
    commit();
  }, COMMAND_MS_MAX);
  afterAll(() => rmSync(dirname(copy), { recursive: true, force: true }));

  function run(command: string, args: readonly string[]): Outcome {
    const { status, stdout, stderr, error } = spawnSync(command, args, {
      cwd: copy,
      encoding: "utf8",
      timeout: COMMAND_MS_MAX,
      maxBuffer: 100_000_000,
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    return { status, output: `${stdout}${stderr}${error?.message ?? ""}` };
  }
  function commit(): void {
    run("git", ["add", "--all"]);
    expect(run("git", [...GIT, "commit", "--quiet", "--message", "a template"])).toEqual({ status: 0, output: "" });
  }
  const init = (...args: string[]) => run(process.execPath, ["tools/init/init.mjs", ...args]);
  const changed = () => run("git", ["status", "--porcelain"]).output;
  /** Lines of the repository's files that match a pattern. */
  const found = (pattern: string, ...paths: string[]) =>
    run("git", ["grep", "--line-number", "--untracked", "--perl-regexp", pattern, "--", ...paths])
      .output.split("\n")
      .filter((line) => line !== "");

  const refusals: [string[], string][] = [
    [["--name", "acme"], "--name, --registry and --cloud are all required: npx tripline init "],
    [["--nam", "acme"], "Unknown option '--nam'"],
    [["--name", "Acme", "--registry", "r.io", "--cloud", "aws"], '--name "Acme" is invalid'],
    [["--name", "my-tripline", "--registry", "r.io", "--cloud", "aws"], "must be your own name"],
    [
      ["--name", "a-very-long-name-of-a-project", "--registry", "r.io", "--cloud", "aws"],
      "on aws, where services and environments are appended, the maximum is 20",
    ],
    [
      ["--name", "acme-payments-x", "--registry", "r.io", "--cloud", "gcp"],
      "on gcp, where services and environments are appended, the maximum is 12",
    ],
    [["--name", "acme-payments-x", "--registry", "r.io", "--cloud", "azure"], "on azure, the maximum is 11"],
    [["--name", "acme", "--registry", "https://r.io", "--cloud", "aws"], "without https://"],
    [["--name", "acme", "--registry", "r.io", "--cloud", "moon"], "--cloud must be one of aws, gcp, azure"],
  ];
  test.each(refusals)("rejects %j in one sentence", (args, sentence) => {
    const { status, output } = init(...args);
    expect(status).toBe(1);
    expect(output).toContain(sentence);
    expect(output.trim().split("\n")).toHaveLength(1);
    expect(changed()).toBe("");
  });

  test("a dry run prints the changes without making them", () => {
    const { status, output } = init(...PROJECT, "--dry-run");
    expect(status).toBe(0);
    expect(output).toMatch(/deploy\/helm\/tripline\/Chart\.yaml → deploy\/helm\/acme-fraud\/Chart\.yaml/);
    expect(output).toMatch(/npm scope: \d{3,} in \d{2,} files/);
    expect(output).toContain("Nothing was changed: --dry-run.");
    expect(changed()).toBe("");
  });

  test("does not touch a repository with uncommitted changes", () => {
    writeFileSync(at("mine.txt"), "not committed\n");
    const { status, output } = init(...PROJECT);
    expect(status).toBe(1);
    expect(output).toContain("There are uncommitted changes: commit or remove them first");
    expect(changed()).toBe("?? mine.txt\n");
    rmSync(at("mine.txt"));
  });

  test(
    "regression #28: renames names, keeps protocols and generated documents, and prints what fits on a screen",
    () => {
      const { status, output } = init(...PROJECT);
      expect(status).toBe(0);
      expect(output).toContain("This repository is now acme-fraud.");
      expect(output.split("\n").length).toBeLessThan(40);
      expect(found("@tripline\\\\?/")).toEqual([]);
      expect(JSON.parse(read("package.json"))).toMatchObject({ name: "acme-fraud" });
      expect(read("README.md")).toMatch(/^# acme-fraud\n/);
      expect(read("deploy/helm/acme-fraud/Chart.yaml")).toMatch(/^name: acme-fraud$/m);
      expect(found(".", "deploy/helm/tripline")).toEqual([]);
      expect(read("deploy/helm/acme-fraud/values.yaml")).toMatch(/^ {2}registry: ghcr\.io\/acme\/acme-fraud$/m);
      expect(read("deploy/helm/acme-fraud/values.yaml")).toMatch(/topicPrefix: "?acme-fraud\."?/);
      expect(read("infra/access.yaml")).toMatch(/^topic_prefix: "?acme-fraud\."?$/m);
      expect(read("compose.yaml")).toMatch(/^name: acme-fraud$/m);
      expect(found("TRIPLINE_IMAGES:-(?!ghcr.io/acme/acme-fraud\\})", "compose*")).toEqual([]);
      expect(read("infra/envs/aws/variables.tf")).toContain('default     = "acme-fraud"');
      expect(read("infra/modules/identity/aws/main.tf")).toMatch(/serviceaccount:\$\{var\.namespace\}:acme-fraud-\$/);
      // A Kubernetes object that kept its old name would no longer be found by references with the new one.
      expect(found("(?<![./\\w])tripline-(?!dlq)[a-z<{$]", "deploy", "infra", "compose*")).toEqual([]);
      expect(read(".github/workflows/deploy.yml")).toContain("options: [aws]");

      expect(
        found(
          'tripline (-- )?(test )?init\\b|words: "(test )?init|init-template|rename-rules|docs/template',
          ":!CHANGELOG.md",
        ),
      ).toEqual([]);
      expect(KEPT.filter(([path, word]) => !read(path).includes(word))).toEqual([]);
      expect(found("acme-fraud-console", "docs/settings.md")).toEqual([]);
      expect(found("acme", "packages/*.proto", "packages/contracts/src/headers.ts")).toEqual([]);
    },
    COMMAND_MS_MAX,
  );

  test(
    "leaves a repository that is formatted, compiles, and passes its tests",
    () => {
      linkPackages();
      const bin = (name: string) => join(ROOT, "node_modules", ".bin", name);
      // The renaming itself fails if the formatter and linter report anything that they cannot fix.
      // `npx tripline test init` builds everything.
      expect(run(bin("tsc"), ["-b", "--singleThreaded", ...COMPILED])).toEqual({ status: 0, output: "" });
      for (const check of CHECKS) {
        expect([check, run(process.execPath, [`tools/check/${check}.mjs`])]).toMatchObject([check, { status: 0 }]);
      }
      const tests = run(process.execPath, [
        ...["--experimental-vm-modules", "--disable-warning=ExperimentalWarning", "node_modules/jest/bin/jest.js"],
        ...["--config", "jest.config.js", "--runInBand", ...TESTS],
      ]);
      expect(tests).toMatchObject({
        status: 0,
        output: expect.stringContaining(`Test Suites: ${TESTS.length} passed`),
      });
    },
    2 * COMMAND_MS_MAX,
  );

  /** Links the dependencies of every package as an installation does, under the new names of the renamed packages. */
  function linkPackages(): void {
    const folders = ["apps", "packages"].flatMap((group) => readdirSync(at(group)).map((name) => join(group, name)));
    for (const folder of [...folders, "apps/console/web", "load-tests", "tools"]) {
      const from = join(ROOT, folder, "node_modules");
      if (existsSync(from)) linkFolder(from, at(join(folder, "node_modules")));
    }
  }
  function linkFolder(from: string, to: string): void {
    mkdirSync(to, { recursive: true });
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      const source = join(from, entry.name);
      if (entry.isDirectory() && entry.name.startsWith("@"))
        linkFolder(source, join(to, entry.name.replace("@tripline", "@acme-fraud")));
      else if (basename(from) === "@tripline") symlinkSync(at(packageOf(source)), join(to, entry.name));
      else symlinkSync(source, join(to, entry.name));
    }
  }
  /** Path of a linked package of ours, relative to the root. */
  function packageOf(link: string): string {
    return relative(ROOT, realpathSync(link));
  }
});

const KEPT: readonly (readonly [path: string, word: string])[] = [
  ["packages/contracts/src/headers.ts", '"tripline-schema"'],
  ["packages/contracts/src/headers.ts", '"tripline-deadline"'],
  ["docs/architecture.md", "`tripline-schema`"],
  ["docs/errors.md", "`tripline-code`"],
  ["packages/contracts/proto/tripline/events/v1/events.proto", "package tripline.events.v1;"],
  ["packages/settings/src/read-config.ts", '"urn:tripline:api"'],
  ["packages/telemetry/src/consumer-metrics.ts", '"tripline_kafka_lag"'],
  ["apps/cli/src/main.ts", 'new Command("tripline")'],
  ["infra/modules/database/aws/main.tf", 'db_name        = "tripline"'],
  ["compose.yaml", "/var/lib/tripline/registry"],
  ["compose.yaml", "POSTGRES_DB: tripline"],
];

/** The checks of `npm run check` that depend on names. */
const CHECKS = ["check-alerts", "check-containers", "check-helm", "check-infra"];

const COMPILED = ["packages/contracts", "packages/local-stack", "packages/feature-engine", "packages/decision-engine"];

/** One test of each kind: generated code, pure packages, and code that reads files by path. */
const TESTS = [
  "packages/decision-engine/dist/decide-payment.test.js",
  "packages/contracts/dist/identifiers.test.js",
  "packages/feature-engine/dist/state/state-codec.test.js",
  "packages/decision-engine/dist/find-idle-rules.test.js",
];
