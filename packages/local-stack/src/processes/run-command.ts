import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { TriplineError } from "@tripline/contracts/error-table";
import { trackChild } from "./track-children.js";

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  /** The purpose of the command, worded so that it can follow "could not": `download Kafka`. */
  readonly purpose: string;
  readonly logFile: string;
  readonly timeoutMs: number;
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly user?: { readonly uid: number; readonly gid: number };
}

const TAIL_LINES = 15;
const TAIL_CHARACTERS = 4_000;

/** The last lines of a log, for an error message. */
export function tailOf(logFile: string): string {
  try {
    return readFileSync(logFile, "utf8").slice(-TAIL_CHARACTERS).trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
  } catch {
    return "";
  }
}

/**
 * Runs a command to completion, with its output in `logFile`. Throws one sentence with the log's last lines if it
 * fails.
 */
export async function runCommand(command: Command): Promise<void> {
  mkdirSync(dirname(command.logFile), { recursive: true });
  const log = openSync(command.logFile, "w");
  try {
    const outcome = await waitForEnd(command, log);
    if (outcome === "ended") return;
    throw new TriplineError(
      "internal",
      `Could not ${command.purpose}: ${command.command} ${outcome}. Its log is ${command.logFile}; its last lines:\n${tailOf(command.logFile)}`,
    );
  } finally {
    closeSync(log);
  }
}

function waitForEnd({ command, args, timeoutMs, cwd, environment, user }: Command, log: number): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ["ignore", log, log],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
      ...(cwd === undefined ? {} : { cwd }),
      ...(environment === undefined ? {} : { env: { ...process.env, ...environment } }),
      ...user,
    });
    trackChild(child);
    child.once("error", (error) => resolve(`could not be started (${error.message})`));
    child.once("exit", (code, signal) => {
      if (code === 0) resolve("ended");
      else
        resolve(
          signal === null
            ? `exited with code ${code}`
            : `was terminated by ${signal} (time limit: ${timeoutMs / 1000} s)`,
        );
    });
  });
}
