import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { isStoreUrl } from "@tripline/object-store/open-store";
import { STORE_VARIABLES } from "@tripline/object-store/store-variables";
import { signInVariables } from "@tripline/system/client/connect-system";
import { ROOT } from "@tripline/system/services/workspace";
import { Command } from "commander";

const ENTRY = join(ROOT, "apps", "auth", "dist", "backup", "main.js");
const EXIT_FAILURE = 1;

const DATABASE = "auth's database, for example postgresql://user@127.0.0.1:5432/tripline (default: POSTGRES_URL)";

/** `tripline backup`: writes auth's data to one file. All other data is already in files or can be recomputed. */
export function backupCommand(): Command {
  return new Command("backup")
    .description("write auth's clients, users and encrypted signing keys to a file, without KEY_ENCRYPTION_KEY")
    .requiredOption("--to <place>", "a file, or a URL such as s3://bucket/auth.json")
    .option("--postgres <url>", DATABASE)
    .action(async ({ to, postgres }: { to: string; postgres?: string }) => {
      process.exitCode = await run("backup", to, postgres);
    });
}

/** `tripline restore`: restores a backup into an empty database. */
export function restoreCommand(): Command {
  return new Command("restore")
    .description("restore a backup into an empty database")
    .requiredOption("--from <place>", "output of `tripline backup`")
    .option("--postgres <url>", DATABASE)
    .action(async ({ from, postgres }: { from: string; postgres?: string }) => {
      process.exitCode = await run("restore", from, postgres);
    });
}

/**
 * Runs a program of auth in a separate process, because only auth knows its tables. The address may contain a password,
 * so it is not passed as an argument.
 */
function run(action: "backup" | "restore", file: string, postgres: string | undefined): Promise<number> {
  const url = postgres ?? process.env.POSTGRES_URL;
  const environment = {
    PATH: process.env.PATH,
    ...signInVariables(process.env),
    BACKUP_ACTION: action,
    ...Object.fromEntries(STORE_VARIABLES.map((name) => [name, process.env[name]])),
    BACKUP_FILE: isStoreUrl(file) ? file : resolve(process.env.INIT_CWD ?? process.cwd(), file),
    ...(url === undefined ? {} : { POSTGRES_URL: url }),
  };
  const child = spawn(process.execPath, ["--enable-source-maps", ENTRY], { env: environment, stdio: "inherit" });
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("exit", (code) => done(code ?? EXIT_FAILURE));
  });
}
