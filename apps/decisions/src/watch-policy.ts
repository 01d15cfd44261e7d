import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import type { FeatureSpec } from "@tripline/contracts/feature-spec";
import { parsePolicy } from "@tripline/decision-engine/parse-policy";
import type { Policy } from "@tripline/decision-engine/policy";

export interface PolicyWatchOptions {
  readonly file: string;
  readonly spec: FeatureSpec;
  /** How often the file is looked at, in milliseconds; a change is used at the second look. */
  readonly pollMs?: number;
  /** Reads the file's text; the file system unless told otherwise. */
  readonly read?: (file: string) => Promise<string>;
  onReload(policy: Policy): void;
  /** Told once per content of the file that is refused; the policy before it stays in force. */
  onRefused(error: TriplineError): void;
}

/** The policy in force, kept up with its file. */
export interface PolicyWatch {
  readonly current: Policy;
  close(): void;
}

const POLL_MS_DEFAULT = 500;

/**
 * Reads the policy and goes on looking at its file. It is polled, since file events do not tell of a replaced file or
 * of a mounted one that is swapped by a link. A change must look the same twice, so that a file caught half written,
 * which may well be valid, is never used.
 *
 * @throws TriplineError `policy-invalid` for a faulty file, `config-invalid` for one that cannot be read
 */
export async function watchPolicy(options: PolicyWatchOptions): Promise<PolicyWatch> {
  const name = basename(options.file);
  const read = options.read ?? readPolicy;
  let usedText = await read(options.file);
  let seenText = usedText;
  let current = parsePolicy(usedText, options.spec, name);
  let refusal: string | undefined;
  let looking = false;

  async function look(): Promise<void> {
    const text = await read(options.file);
    const settled = text === seenText;
    seenText = text;
    if (!settled || text === usedText) return;
    usedText = text;
    current = parsePolicy(text, options.spec, name);
    refusal = undefined;
    options.onReload(current);
  }

  async function lookAndTell(): Promise<void> {
    if (looking) return;
    looking = true;
    try {
      await look();
    } catch (thrown) {
      const error = asTriplineError(thrown);
      if (error.message !== refusal) options.onRefused(error);
      refusal = error.message;
    } finally {
      looking = false;
    }
  }

  const timer = setInterval(() => void lookAndTell(), options.pollMs ?? POLL_MS_DEFAULT);
  timer.unref();

  return {
    get current() {
      return current;
    },
    close: () => clearInterval(timer),
  };
}

async function readPolicy(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TriplineError("config-invalid", `The policy file cannot be read: ${why}`, [], { cause: error });
  }
}
