import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { asTriplineError } from "@tripline/contracts/error-table";
import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { SUBJECT_KEYS } from "@tripline/contracts/generated/payment-fields";
import { TOPICS } from "@tripline/contracts/topics";
import { LAKE_VARIABLES } from "@tripline/lake/log/open-disk";
import { readRows } from "@tripline/lake/read/read-rows";
import { signInVariables } from "@tripline/system/client/connect-system";
import type { ControlClient } from "@tripline/system/client/control-client";
import type { CommandOutput } from "@tripline/system/command-output";
import { operatorVariables, readLocalSystem } from "@tripline/system/services/local-system";
import { ROOT } from "@tripline/system/services/workspace";
import { Command } from "commander";
import { z } from "zod";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";
import { personKinds, readToken, STDIN } from "../read-token.js";

interface ExportFlags extends ControlFlags {
  readonly account?: true;
  readonly output?: string;
  readonly redis?: string;
  readonly postgres?: string;
  readonly lake?: string;
}

/** Addresses of the stores that have personal data; a local system needs none. */
interface Places {
  readonly REDIS_URL?: string | undefined;
  readonly POSTGRES_URL?: string | undefined;
  readonly lake?: string | undefined;
}

/** The maximum number of payments that control decrypts per request. */
const OPENED_TOGETHER = 100;
const REASON = "right-of-access";
/** Lake topics whose records each concern one card, with the column of its token. */
const LAKE_TOPICS = [
  TOPICS.transactions,
  TOPICS.features,
  TOPICS.decisions,
  TOPICS.labels,
  TOPICS.appliedLabels,
  TOPICS.paymentUpdates,
  TOPICS.fraudReports,
  TOPICS.appliedPaymentUpdates,
];

const held = z.looseObject({ tenant: z.string(), subject: z.string() });
const opened = z.object({
  payments: z.array(z.object({ transaction_id: z.string(), fields: z.record(z.string(), z.string()).nullable() })),
});
const sealedRow = z.object({ personal: z.string(), row: z.object({ transaction_id: z.string() }) });

type Say = (line: object) => void;

/** `tripline personal`: exports a person's data. */
export function personalCommand(
  output: CommandOutput = process.stdout,
  input: AsyncIterable<Uint8Array> = process.stdin,
): Command {
  return new Command("personal").description("right of access: export the data stored about a person").addCommand(
    controlCommand("export", "export all data that an erasure would find, as JSON lines")
      .argument(
        "<subject>",
        `the token of a card (ct_…), an e-mail address (et_…) or an account (at_…), or ${STDIN} as for erase`,
      )
      .option("--account", "standard input is an account ID")
      .option("--output <file>", "output file (default: standard output)")
      .option("--redis <url>", "Redis of the features service (default: REDIS_URL)")
      .option("--postgres <url>", "the database of the console (default: POSTGRES_URL)")
      .option("--lake <place>", "the folder or URL that the archive service writes to (default: LAKE_URL)")
      .action(async (given: string, flags: ExportFlags) => {
        const subject = given === STDIN ? await readToken(input, personKinds(flags), flags) : given;
        const file = flags.output === undefined ? undefined : createWriteStream(flags.output, { mode: 0o600 });
        const say: Say = (line) => void (file ?? output).write(`${JSON.stringify(line)}\n`);
        await exportPerson(await openControl(flags), subject, placesOf(flags), say);
        await new Promise<void>((done) => (file === undefined ? done() : file.end(done)));
      }),
  );
}

/** @throws Error in one sentence if a place is missing: otherwise the export would be silently incomplete */
function placesOf(flags: ExportFlags): Places & Readonly<Record<string, string | undefined>> {
  const { REDIS_URL, POSTGRES_URL, LAKE_URL } = process.env;
  const given = {
    REDIS_URL: flags.redis ?? REDIS_URL,
    POSTGRES_URL: flags.postgres ?? POSTGRES_URL,
    lake: flags.lake ?? LAKE_URL,
  };
  if (Object.values(given).some((place) => place !== undefined)) {
    const missing = Object.entries({
      "--redis": given.REDIS_URL,
      "--postgres": given.POSTGRES_URL,
      "--lake": given.lake,
    });
    const names = missing.flatMap(([name, place]) => (place === undefined ? [name] : []));
    if (names.length > 0)
      throw new Error(
        `${names.join(" and ")} is missing. If you omit all three, the command uses the system on this machine.`,
      );
    return given;
  }
  const local = readLocalSystem(flags.workspace);
  if (local.postgresUrl === undefined)
    throw new Error(
      "The system on this machine connects to its database over TLS. Specify --redis, --postgres and --lake.",
    );
  return {
    ...operatorVariables(local),
    REDIS_URL: local.redisUrl,
    POSTGRES_URL: local.postgresUrl,
    lake: local.lakeDirectory,
  };
}

/** Control is called first, because it checks permissions and audits the request. */
export async function exportPerson(
  control: Pick<ControlClient, "call">,
  subject: string,
  places: Places,
  say: Say,
): Promise<void> {
  const of = held.parse(await control.call("POST", "/v1/personal/export", { body: { subject } }));
  const opener = new Opener(control, say);
  say({ store: "control", ...of });
  const { lake, ...addresses } = places;
  const environment = { ...addresses, TENANT: of.tenant, SUBJECT: subject };
  const features = join(ROOT, "apps", "features", "dist", "export", "main.js");
  await runProgram(features, environment, async (line) =>
    say({ store: "redis", spec: currentFeatureSpec().version, ...line }),
  );
  const console = join(ROOT, "apps", "console", "dist", "export", "main.js");
  await runProgram(console, environment, async ({ personal, ...line }) => {
    say({ store: "console", ...line });
    const sealed = sealedRow.safeParse({ personal, ...line }).data;
    if (sealed !== undefined) await opener.add(sealed.row.transaction_id, sealed.personal);
  });
  if (lake !== undefined) await exportLake(lake, of, say, opener);
  await opener.end();
}

/** @throws TriplineError `not-found` if the lake has none of the topics; otherwise as `readRows` */
async function exportLake(
  lake: string,
  { tenant, subject }: z.infer<typeof held>,
  say: Say,
  opener: Opener,
): Promise<void> {
  let missing = 0;
  for (const { name } of LAKE_TOPICS) {
    try {
      for await (const rows of readRows({ lake, topic: name })) {
        for (const { personal, ...row } of rows) {
          if (row.tenant !== tenant || !SUBJECT_KEYS.some((field) => row[field] === subject)) continue;
          say({ store: "lake", topic: name, row });
          const { transaction_id: id } = row;
          if (!(personal instanceof Uint8Array) || typeof id !== "string") continue;
          await opener.add(id, Buffer.from(personal).toString("base64"));
        }
      }
    } catch (thrown) {
      missing += 1;
      // The lake has no data of that topic yet.
      if (asTriplineError(thrown).code !== "not-found" || missing === LAKE_TOPICS.length) throw thrown;
    }
  }
}

/** Has control decrypt the sealed fields of payments, once per payment. */
class Opener {
  readonly #seen = new Set<string>();
  #waiting: { readonly transaction_id: string; readonly personal: string }[] = [];

  constructor(
    private readonly control: Pick<ControlClient, "call">,
    private readonly say: Say,
  ) {}

  async add(id: string, personal: string): Promise<void> {
    if (personal === "" || this.#seen.has(id)) return;
    this.#seen.add(id);
    this.#waiting.push({ transaction_id: id, personal });
    if (this.#waiting.length === OPENED_TOGETHER) await this.end();
  }

  async end(): Promise<void> {
    const payments = this.#waiting.splice(0);
    if (payments.length === 0) return;
    const answer = opened.parse(
      await this.control.call("POST", "/v1/personal/open", { body: { payments, reason: REASON } }),
    );
    for (const { transaction_id, fields } of answer.payments) {
      if (fields !== null) this.say({ store: "personal fields", transaction_id, fields });
    }
  }
}

/**
 * Runs a program of the service that knows how the data is stored. The settings may contain a password, so they are not
 * passed as arguments.
 */
async function runProgram(
  entry: string,
  environment: Readonly<Record<string, string | undefined>>,
  onLine: (line: Record<string, unknown>) => Promise<void>,
): Promise<void> {
  const lake = Object.fromEntries(LAKE_VARIABLES.map((name) => [name, process.env[name]]));
  const given = { FEAST_TENANT: process.env.FEAST_TENANT, FEAST_PROJECT: process.env.FEAST_PROJECT };
  const env = { PATH: process.env.PATH, ...signInVariables(process.env), ...lake, ...given, ...environment };
  const child = spawn(process.execPath, ["--enable-source-maps", entry], { env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<number>((done, fail) => {
    child.once("error", fail);
    child.once("close", (code) => done(code ?? 1));
  });
  for await (const line of createInterface({ input: child.stdout })) {
    await onLine(z.record(z.string(), z.unknown()).parse(JSON.parse(line)));
  }
  if ((await ended) !== 0) throw new Error("The export is incomplete. See the line above.");
}
