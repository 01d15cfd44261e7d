import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { provisionPython } from "@tripline/local-stack/provision/provision-python";
import { ROOT } from "@tripline/system/services/workspace";

const SEED = 1;
const ANSWER_S_MAX = 20;
const EXIT_FAILURE = 1;

/**
 * Excludes checks that require accepting every body that matches the schema, because a policy's text is valid text but
 * may be an invalid policy. No document contains 500, so it is reported; 503 is documented for slow servers.
 */
const CHECKS = [
  ...["status_code_conformance", "content_type_conformance", "response_schema_conformance"],
  ...["response_headers_conformance", "negative_data_rejection", "unsupported_method", "ignored_auth"],
];

/** Statuses that may reject an invalid request: schemathesis's own, and 413 and 414 for requests that are too long. */
const REFUSALS = [400, 401, 403, 404, 405, 406, 409, 413, 414, 415, 422, 428, 429, "5xx"];

const EXCLUDED_PATHS = [
  // Schemathesis cannot generate JSON lines. Each line is an object like the body of a single request, which is tested.
  "/batch$",
  // An event stream never ends, so it cannot be tested.
  "^/api/live$",
  // A caller that signs out or changes its own client then gets 401. Schemathesis finds that client in the list.
  "sign-out$",
  "^/v1/clients/.+",
  // By default, no client has the scope for this endpoint.
  "^/oauth/introspect$",
];

/** Schemathesis's warning about operations with 401 for all valid requests. It also counts some with 404. */
const UNAUTHORIZED = /401 Unauthorized \((\d+) operation/;
const SELECTED = /Operations:\s+(\d+) selected/;

export interface Fuzzing {
  /** URL of the service. Its OpenAPI document is at `/openapi.json`. */
  readonly url: string;
  /** Headers that authenticate the caller. */
  readonly headers: Readonly<Record<string, string>>;
  /** API keys by security scheme. In `headers`, they would also be sent with requests that must omit them. */
  readonly keys?: Readonly<Record<string, string>>;
  /** Maximum number of examples per operation. */
  readonly examples: number;
  /** Folder for schemathesis's files. */
  readonly folder: string;
  /** Receives schemathesis's output. */
  print(text: string): void;
}

/** Installs schemathesis if it is missing. @returns the program */
export async function installSchemathesis(): Promise<string> {
  const requirementsFile = join(ROOT, "load-tests", "peers", "security", "schemathesis.txt");
  const { python } = await provisionPython({ name: "schemathesis", requirementsFile, root: ROOT });
  return join(dirname(python), "schemathesis");
}

/**
 * Generates valid and invalid requests from a service's OpenAPI document, and checks the responses against it.
 *
 * @returns the exit code; 0 if nothing was found
 */
export async function runSchemathesis(program: string, fuzzing: Fuzzing): Promise<number> {
  const { url, headers, keys = {}, examples, folder, print } = fuzzing;
  const config = [
    "[checks.negative_data_rejection]",
    `expected-statuses = ${JSON.stringify(REFUSALS)}`,
    ...Object.entries(keys).flatMap(([scheme, key]) => [
      `[auth.openapi.${scheme}]`,
      `api_key = ${JSON.stringify(key)}`,
    ]),
  ];
  await writeFile(join(folder, "schemathesis.toml"), `${config.join("\n")}\n`);
  const args = [
    ...[
      "run",
      `${url}/openapi.json`,
      ...Object.entries(headers).flatMap(([name, value]) => ["--header", `${name}: ${value}`]),
      "--checks",
      CHECKS.join(","),
    ],
    ...["--max-examples", String(examples), "--seed", String(SEED), "--request-timeout", String(ANSWER_S_MAX)],
    ...["--exclude-path-regex", EXCLUDED_PATHS.join("|")],
    ...["--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--suppress-health-check", "all"],
  ];
  const child = spawn(program, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      print(text);
    });
  }
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("close", (code) => {
      const countOf = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? 0);
      const [unauthorized, selected] = [countOf(UNAUTHORIZED), countOf(SELECTED)];
      if (unauthorized * 2 < selected) return done(code ?? EXIT_FAILURE);
      print(`${unauthorized} of ${selected} operations returned 401 for every request, so they were not tested.\n`);
      done(EXIT_FAILURE);
    });
  });
}
