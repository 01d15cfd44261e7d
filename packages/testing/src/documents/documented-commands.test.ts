import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadCommands } from "@tripline/cli/commands";
import { ROOT } from "@tripline/system/services/workspace";
import { findPortBase } from "@tripline/system/testing/find-port-base";
import { parse } from "yaml";
import { TOOLS } from "../../../../tools/start/tools.mjs";
import { FOLDERS, faultOf } from "./check-command.js";
import type { DocumentedCommand } from "./read-commands.js";
import { readCommands, splitCommands } from "./read-commands.js";
import { readMarkdown, textOf } from "./read-markdown.js";
import { Repository } from "./repository.js";

/** Generous: the test runs many programs one after another to get their help, and the machine may be busy. */
const RUN_MS_MAX = 300_000;
const DOCUMENTS = [
  ...[
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/*.md",
    "docs/adr/*.md",
    "infra/README.md",
    "training/README.md",
    "load-tests/README.md",
  ],
  ...["apps/*/README.md", "packages/*/README.md", "deploy/**/README.md"],
];
const files = globSync(DOCUMENTS, { cwd: ROOT, exclude: ["**/node_modules"] }).sort();
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const found = files.flatMap((file) => readCommands(file, read(file)));
/** Files that a documented command writes, or that readers write themselves. */
const written = new Set([
  ...files.flatMap((file) => [...read(file).matchAll(/> ([\w./-]+\.json)\b/g)].map(([, path = ""]) => basename(path))),
  "mine.yaml",
]);
const repository = new Repository(ROOT, written);
const text = ({ words }: DocumentedCommand) => words.join(" ");
const NIGHTLY = ".github/workflows/nightly.yml";
/** The commands in the matrix of the nightly workflow. */
const nightly: readonly DocumentedCommand[] = parse(read(NIGHTLY)).jobs["long-runs"].strategy.matrix.include.flatMap(
  ({ name, command }: { readonly name: string; readonly command: string }) =>
    splitCommands(command).map((words) => ({ at: `${NIGHTLY}, ${name}`, words, isWhole: true })),
);

test("splits a text like a shell", () => {
  expect(
    splitCommands(
      'A="$(npm run x)" curl -d \'{"a": 1}\' \\\n  "$URL" # said\nfor app in a b; do docker push $app; done && ls <folder> > out.json\nkubectl apply -f - <<\'END\'\nkind: Job\nEND\npwd',
    ),
  ).toEqual([
    ["npm", "run", "x"],
    ["curl", "-d", '{"a": 1}', "$URL"],
    ["docker", "push", "$app"],
    ["ls", "1"],
    ["kubectl", "apply", "-f", "-"],
    ["pwd"],
  ]);
});

test("finds commands in blocks of any form, and in code spans across lines", () => {
  const text = [
    "Some `npm run",
    "check` or ``npm test`` but `npm`:",
    "",
    "1. first",
    "",
    "   ```sh",
    "   npm run demo",
    "   ```",
    "",
    "> ~~~sh",
    "> npm run dev",
    "> ~~~",
    "",
    "````",
    "```sh",
    "rm -rf /",
    "```",
    "````",
  ].join("\n");
  expect(readCommands("a.md", text)).toEqual([
    { at: "a.md:1", words: ["npm", "run", "check"], isWhole: false },
    { at: "a.md:2", words: ["npm", "test"], isWhole: false },
    { at: "a.md:7", words: ["npm", "run", "demo"], isWhole: true },
    { at: "a.md:11", words: ["npm", "run", "dev"], isWhole: true },
  ]);
});

test("the documents contain commands, in blocks and in sentences", () => {
  expect(found.filter(({ isWhole }) => isWhole).length).toBeGreaterThan(60);
  expect(found.filter(({ isWhole }) => !isWhole).length).toBeGreaterThan(60);
});

const wrong: [string, string][] = [
  ["npm run demmo", "package.json has no script demmo"],
  ["npm run tripline -- dlq lst", "unknown command 'lst'"],
  ["npm run tripline -- capacity --rat 3", "unknown option '--rat'"],
  ["npm run tripline -- load-state --ttl-days 1", "required option"],
  ["npx tripline retrain --lake 1 --lakes 1", "unknown option '--lakes'"],
  ["npm run load -- stedy", "load/main.js has no stedy"],
  ["npm run load -- steady --rates 3", "unknown option --rates"],
  ["npm run bench -- features --round 3", "unknown option --round"],
  ["npm run bench -- kafak", "main.js has no kafak"],
  ["npm run bench -- model --handbok 1", "required option '--handbook <folder>'"],
  ["npm test -- packages/kakfa", "there is no packages/kakfa"],
  ["npx tripline test deploy --keeep", "unknown option --keeep"],
  ["npx tripline lst", "unknown command 'lst'"],
  ["npm run -s tripline -- lst", "unknown command 'lst'"],
  ["npx tripline images --onyl scoring", "unknown option --onyl"],
  ["npm run demo -- --docker --exit 3", "unknown option --exit"],
  ["npm run demo -- --exit 3", "unknown option '--exit'"],
  ["node tools/start/instal.mjs", "there is no tools/start/instal.mjs"],
  ["node apps/cli/dist/main.js lst", "unknown command 'lst'"],
  ["docker compose --profile trafic up", "compose has no profile trafic"],
  ["docker compose logs ingestoin", "compose has no service ingestoin"],
  ["docker compose run --rm tripline tokn", "unknown command 'tokn'"],
  ["helm install x deploy/helm/triplin", "there is no deploy/helm/triplin"],
  ["helm upgrade x . --set services.scoring.replica=3", "the chart has no value services.scoring.replica"],
  ["npx tcs -b", "node_modules/.bin has no tcs"],
  ["kubctl get pods", "nothing here knows the program kubctl"],
];
test.each(wrong)(
  "a command that does not exist is reported: %s",
  async (command, sentence) => {
    const [words = []] = splitCommands(command);
    expect(await faultOf({ at: "", words, isWhole: true }, repository)).toContain(sentence);
  },
  RUN_MS_MAX,
);

test(
  "every command in the documents and the nightly workflow exists",
  async () => {
    const faults: string[] = [];
    for (const command of [...found, ...nightly]) {
      const fault = await faultOf(command, repository);
      if (fault !== undefined) faults.push(`${command.at}: ${text(command)}: ${fault}`);
    }
    expect(faults).toEqual([]);
  },
  RUN_MS_MAX,
);

test("each command of tripline is loaded by its own name, without the others", async () => {
  const names = (await loadCommands()).map((command) => command.name());
  const loaded = await Promise.all(names.map(loadCommands));
  expect(loaded.map((commands) => commands.map((command) => command.name()))).toEqual(names.map((name) => [name]));
  expect(names.length).toBeGreaterThan(30);
});

test("package.json has at most a dozen scripts, and CONTRIBUTING.md names each of them and each tool of `npx tripline`", () => {
  const commands = Object.keys(repository.scripts).map((name) => (name === "test" ? "npm test" : `npm run ${name}`));
  // Tools that are also scripts are documented as scripts.
  const tools = TOOLS.filter(({ words }) => repository.scripts[words.replace(" ", ":")] === undefined);
  expect(commands.length).toBeLessThanOrEqual(12);
  const text = read("CONTRIBUTING.md");
  const named = [...commands, ...tools.map(({ words }) => `npx tripline ${words}`)];
  expect(named.filter((command) => !new RegExp(`\`${command}[ \`]`).test(text))).toEqual([]);
});

test("CONTRIBUTING.md lists every command of the nightly workflow", () => {
  const [, table = ""] = /\n### What runs where\n([\s\S]*?)\n## /.exec(read("CONTRIBUTING.md")) ?? [];
  const rows = table.split("\n").filter((line) => / \| yes \| [^|]*\|$/.test(line));
  const documented = rows.flatMap((row) => readCommands("", row.split(" | ").at(-1) ?? "").map(text));
  expect(nightly.length).toBeGreaterThan(9);
  expect(nightly.map(text).filter((command) => !documented.includes(command))).toEqual([]);
  expect(documented.filter((command) => !nightly.map(text).includes(command))).toEqual([]);
});

test("every chart value in the documents exists", () => {
  const faults: string[] = [];
  for (const file of files.filter((name) => /deploy/.test(name))) {
    for (const node of readMarkdown(read(file))) {
      if (node.type !== "code" || node.lang !== "yaml") continue;
      for (const path of leavesOf(parse(node.value)))
        if (!repository.hasChartValue(path)) faults.push(`${file}: ${path.join(".")}`);
    }
  }
  expect(faults).toEqual([]);
});

function leavesOf(value: unknown): string[][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[]];
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner).map((path) => [key, ...path]));
}

test("every link within the repository works", () => {
  const faults: string[] = [];
  let links = 0;
  for (const file of files) {
    const urls = readMarkdown(read(file)).flatMap((node) => ("url" in node ? [node.url] : []));
    for (const url of urls.filter((one) => !/^\w+:/.test(one))) {
      links += 1;
      const [path = "", anchor] = url.split("#");
      const target = path === "" ? file : join(file, "..", path);
      if (!existsSync(join(ROOT, target))) faults.push(`${file}: there is no ${target}`);
      else if (anchor !== undefined && target.endsWith(".md") && !anchorsOf(target).includes(anchor)) {
        faults.push(`${file}: ${target} has no heading for #${anchor}`);
      }
    }
  }
  expect(faults).toEqual([]);
  expect(links).toBeGreaterThan(60);
});

test("every repository file named in a document exists", () => {
  const named = files.flatMap((file) =>
    readMarkdown(read(file)).flatMap((node) =>
      node.type === "inlineCode" && isFile(node.value) ? [{ file, path: node.value }] : [],
    ),
  );
  expect(named.length).toBeGreaterThan(60);
  const isMissing = (path: string) => !existsSync(join(ROOT, path)) && globSync(path, { cwd: ROOT }).length === 0;
  const missing = named.filter(({ path }) => isMissing(path));
  expect(missing.map(({ file, path }) => `${file}: there is no ${path}`)).toEqual([]);
});

test("each file in docs/a-payment-file-by-file.md contains the name that the page refers to", () => {
  const steps = [...read("docs/a-payment-file-by-file.md").matchAll(/^\| \d+ \| \[([^\]]+)\]\(\S+\) \| `(\w+)`/gm)];
  expect(steps.length).toBeGreaterThan(10);
  const wrong = steps.filter(([, file = "", name = ""]) => !new RegExp(`\\b${name}\\b`).test(read(file)));
  expect(wrong.map(([, file, name]) => `${file}: ${name}`)).toEqual([]);
});

/** Whether it is the path of a file of ours, or a pattern for such paths. */
const isFile = (span: string) => new RegExp(`^(${FOLDERS})/[\\w./*{},-]+\\.\\w+$`).test(span);

/** Anchors of a document's headings on GitHub. */
const anchorsOf = (file: string) =>
  readMarkdown(read(file))
    .filter(({ type }) => type === "heading")
    .map((heading) =>
      textOf(heading)
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    );

/**
 * How to run a documented command here: the program behind npm's script, without installing first, and its expected
 * exit code.
 */
interface Runnable {
  readonly pattern: RegExp;
  readonly program: string;
  readonly more?: readonly string[];
  readonly status?: number;
  readonly says: RegExp;
}
const CLI = "apps/cli/dist/main.js";

describe("commands without prerequisites run", () => {
  const folder = mkdtempSync(join(tmpdir(), "tripline-documents-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const empty = ["--registry", pathToFileURL(folder).href];
  const runnable: Runnable[] = [
    { pattern: /^npx tripline doctor$/, program: "tools/start/run.mjs", more: ["doctor"], says: /✓/ },
    { pattern: / --dry-run$/, program: "tools/init/init.mjs", says: /Nothing was changed/ },
    { pattern: /^(npm run tripline --|npx tripline) (--help|\S+ --help)$/, program: CLI, says: /^Usage: tripline/ },
    {
      pattern: /^(npm run tripline --|npx tripline) capacity (?!.*--(learn|measured|help))/,
      program: CLI,
      says: /instances/,
    },
    {
      pattern: /^(npm run tripline --|npx tripline) models list$/,
      program: CLI,
      more: empty,
      status: 1,
      says: /None exist so far/,
    },
    { pattern: /^npm run load -- --help$/, program: "load-tests/dist/load/main.js", says: /^Usage: load/ },
  ];
  const written = [...new Set(found.map(text))];
  const commands = runnable.flatMap((how) =>
    written.filter((command) => how.pattern.test(command)).map((command) => ({ command, ...how })),
  );

  test("the documents contain such commands", () => {
    expect(commands.length).toBeGreaterThanOrEqual(5);
  });

  test.each(commands)(
    "$command",
    async ({ command, program, more = [], status = 0, says }) => {
      const portBase = await findPortBase();
      const args = [
        ...command.replace(/^(npm run \S+ --|npx tripline( (init|doctor))?) ?/, "").split(" "),
        ...more,
      ].filter(Boolean);
      const run = spawnSync(process.execPath, [join(ROOT, program), ...args], {
        cwd: ROOT,
        encoding: "utf8",
        timeout: RUN_MS_MAX,
        env: { ...process.env, NODE_OPTIONS: "", TRIPLINE_PORT_BASE: portBase },
      });
      expect([run.status, `${run.stdout}${run.stderr}`.trim()]).toEqual([status, expect.stringMatching(says)]);
    },
    RUN_MS_MAX,
  );
});
