import { existsSync, globSync } from "node:fs";
import { basename, join, normalize } from "node:path";
import type { Tool } from "../../../../tools/start/tools.mjs";
import { findTool, PROGRAM_BENCHES, TOOLS } from "../../../../tools/start/tools.mjs";
import { faultOfTripline } from "./check-tripline.js";
import type { DocumentedCommand } from "./read-commands.js";
import { PLACEHOLDER } from "./read-commands.js";
import type { Repository } from "./repository.js";

/** Third-party programs that the documents call. Their arguments are not checked. */
const OF_OTHERS: ReadonlySet<string> = new Set([
  ...[
    "aws",
    "az",
    "base64",
    "cat",
    "cd",
    "curl",
    "date",
    "echo",
    "gcloud",
    "git",
    "grep",
    "head",
    "k6",
    "kind",
    "kubectl",
  ],
  ...[
    "jq",
    "openapi-python-client",
    "openssl",
    "pip",
    "promtool",
    "python",
    "spark-sql",
    "tail",
    "terraform",
    "tofu",
    "uv",
  ],
]);
/** Scripts of package.json that pass their name, and the arguments after `--`, to `tripline`. */
const RUN_SCRIPT = /start\/run\.mjs(?: ([\w-]+))?$/;
/** Folders of the repository, as alternatives of a regular expression. */
export const FOLDERS = "apps|packages|tools|deploy|docs|infra|load-tests|training|\\.github|\\.ci";
const PATH = new RegExp(`^(?:\\./)?(?:(?:${FOLDERS})/|(?:compose[.\\w]*\\.yaml|package\\.json|README\\.md)$)`);

/** Why a documented command would not work in this repository; undefined if it would work. */
export async function faultOf(command: DocumentedCommand, repository: Repository): Promise<string | undefined> {
  const [program = "", ...words] = command.words;
  const missing = command.words.find((word) => isMissing(word, repository));
  if (missing !== undefined) return `there is no ${missing}`;
  if (program === "npm") return faultOfNpm(words, command.isWhole, repository);
  if (program === "npx" && words[0] !== "tripline") return faultOfBinary(words[0] ?? "", repository);
  if (program === "npx") return faultOfRun(words.slice(1), command.isWhole, repository);
  if (program === "tripline") return faultOfRun(words, command.isWhole, repository);
  if (program === "docker") return faultOfDocker(words, repository);
  if (program === "helm") return faultOfHelm(words, repository);
  if (/(^|\/)node$/.test(program)) return faultOfNode(words, command.isWhole);
  if (OF_OTHERS.has(program) || program.startsWith(PLACEHOLDER)) return undefined;
  return `nothing here knows the program ${program}`;
}

/** Whether a path below one of our folders is missing. Files that a documented command creates may be missing. */
function isMissing(word: string, { root, written }: Repository): boolean {
  const path = word.replace(/^--[\w-]+=/, "");
  if (!PATH.test(path) || /[$:]/.test(path) || written.has(basename(path))) return false;
  const pattern = normalize(path).replaceAll(new RegExp(`(?<=/)${PLACEHOLDER}(?=/|$)`, "g"), "*");
  return !existsSync(join(root, pattern)) && globSync(pattern, { cwd: root }).length === 0;
}

async function faultOfNpm(words: readonly string[], isWhole: boolean, repository: Repository) {
  const [verb = "", ...rest] = words;
  // Users install our published packages.
  if (verb === "install") return undefined;
  // npm's own options, such as -s, come before the script's name.
  const name = verb === "run" ? (rest.find((word) => !word.startsWith("-")) ?? "") : verb;
  if (verb !== "run" && verb !== "test") return `the documents use npm run and npm test, not npm ${verb}`;
  const script = repository.scripts[name];
  if (script === undefined) return `package.json has no script ${name}`;
  const args = words.includes("--") ? words.slice(words.indexOf("--") + 1) : [];
  const inner = RUN_SCRIPT.exec(script);
  if (inner !== null) return faultOfRun([...(inner[1] === undefined ? [] : [inner[1]]), ...args], isWhole, repository);
  const tool = TOOLS.find((one) => script.endsWith(one.script));
  return tool === undefined ? faultOfScript(script, args, repository) : faultOfTool(tool, args, isWhole, repository);
}

/** Checks the arguments of `npx tripline` and `npm run tripline --`. */
async function faultOfRun(words: readonly string[], isWhole: boolean, repository: Repository) {
  const tool = findTool(words);
  if (tool !== undefined) return faultOfTool(tool, words.slice(tool.words.split(" ").length), isWhole, repository);
  if (words[0] === "doctor") {
    return /^doctor( --cloud (aws|gcp|azure))?$/.test(words.join(" ")) ? undefined : "doctor takes only --cloud";
  }
  if (words[0] !== "demo" || !words.includes("--docker")) return faultOfTripline(words, isWhole);
  return faultOfScript("tools/start/demo-docker.mjs", words.slice(1), repository);
}

async function faultOfTool(tool: Tool, args: readonly string[], isWhole: boolean, repository: Repository) {
  const { words, script, args: given = [] } = tool;
  // Paths were already checked; the other arguments are for Jest.
  if (words === "test") return undefined;
  if (words === "bench" && PROGRAM_BENCHES.includes(args[0] ?? "")) {
    return faultOfTripline([`bench-${args[0]}`, ...args.slice(1)], isWhole);
  }
  if (words === "bench") return faultOfHelp("load-tests/dist/main.js", args[0] ?? "", args, repository);
  if (words === "load") return faultOfHelp("load-tests/dist/load/main.js", args[0] ?? "", args, repository);
  const [built = script] = given.filter((word) => word.endsWith(".js"));
  return faultOfScript(built.replace("/dist/", "/src/").replace(/\.js$/, ".ts"), args, repository);
}

/** Checks a program against its help text: the name must be one of its commands, and the options must be listed. */
function faultOfHelp(program: string, name: string, args: readonly string[], repository: Repository) {
  const isName = name !== "" && !name.startsWith("-");
  if (isName && !new RegExp(`^ {2}${name}\\b`, "m").test(repository.helpOf(program, [])))
    return `${program} has no ${name}`;
  if (!args.some((word) => word.startsWith("--"))) return undefined;
  const help = repository.helpOf(program, isName ? [name] : []);
  return unknownOption(args, (option) => new RegExp(`${option}(?![\\w-])`).test(help));
}

/** Checks the options of one of our scripts that uses parseArgs. */
function faultOfScript(script: string, args: readonly string[], repository: Repository): string | undefined {
  const file = /[\w./-]+\.(?:mjs|ts)\b/.exec(script)?.[0];
  if (args.length === 0 || file === undefined) return undefined;
  const source = repository.read(file);
  return unknownOption(args, (option) => new RegExp(`["']?\\b${option.slice(2)}\\b["']?: \\{ ?type`).test(source));
}

function unknownOption(args: readonly string[], isKnown: (option: string) => boolean): string | undefined {
  const options = args.filter((word) => word.startsWith("--")).map((word) => word.replace(/=.*/, ""));
  const unknown = options.find((option) => option !== "--help" && !isKnown(option));
  return unknown === undefined ? undefined : `unknown option ${unknown}`;
}

async function faultOfNode(words: readonly string[], isWhole: boolean): Promise<string | undefined> {
  const script = words.findIndex((word) => !word.startsWith("-"));
  if (!/apps\/cli\/dist\/main\.js$/.test(words[script] ?? "")) return undefined;
  return faultOfTripline(words.slice(script + 1), isWhole);
}

function faultOfBinary(name: string, { root }: Repository): string | undefined {
  const isThere = existsSync(join(root, "node_modules", ".bin", name));
  return isThere ? undefined : `node_modules/.bin has no ${name}`;
}

/**
 * Checks profiles and services of Compose. `run tripline` is followed by one of our commands; Compose sets its
 * variables.
 */
async function faultOfDocker(words: readonly string[], repository: Repository): Promise<string | undefined> {
  if (words[0] !== "compose") return undefined;
  const rest = words.slice(1);
  while (rest[0]?.startsWith("--")) {
    const [option, value = ""] = rest.splice(0, 2);
    if (option === "--profile" && !repository.composeProfiles.has(value)) return `compose has no profile ${value}`;
  }
  const [verb = "", ...args] = rest;
  if (!["run", "exec", "logs", "restart", "up", "stop", "kill"].includes(verb)) return undefined;
  const at = args.findIndex((word) => !word.startsWith("-"));
  const service = args[at];
  if (service === undefined) return undefined;
  if (!repository.composeServices.has(service)) return `compose has no service ${service}`;
  return verb === "run" && service === "tripline" ? faultOfTripline(args.slice(at + 1), false) : undefined;
}

/** Values that are set must be in the chart's schema. */
function faultOfHelm(words: readonly string[], repository: Repository): string | undefined {
  for (const [index, word] of words.entries()) {
    if (!/^--set(-string)?$/.test(word)) continue;
    for (const [, path = ""] of (words[index + 1] ?? "").matchAll(/(?:^|,)([^=,]+)=/g)) {
      if (!repository.hasChartValue(path.split("."))) return `the chart has no value ${path}`;
    }
  }
  return undefined;
}
