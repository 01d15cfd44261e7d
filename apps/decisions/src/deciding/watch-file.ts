import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";

export interface FileWatchOptions<T> {
  readonly file: string;
  /** Name of the file in messages, as in "The policy file cannot be read". */
  readonly what: string;
  /** Polling interval in milliseconds. A change takes effect once it has been read twice. */
  readonly pollMs?: number;
  /** Reads the file's text; from the file system by default. */
  readonly read?: (file: string) => Promise<string>;
  /** @throws TriplineError for an invalid text */
  parse(text: string, fileName: string): T;
  onReload(value: T): void;
  /** Called once for each invalid version of the file; the previous value stays in use. */
  onRefused(error: TriplineError): void;
}

/** The current content of a watched file. */
export interface FileWatch<T> {
  readonly current: T;
  close(): void;
}

const POLL_MS_DEFAULT = 500;

/**
 * Reads a file and watches it. Polls the file, because file events miss files that are replaced, and mounted files that
 * are replaced through a link. A change must be read twice with the same content, so that a half-written file, which
 * may be valid, never takes effect.
 *
 * @throws errors of `parse` for an invalid file, TriplineError `config-invalid` for an unreadable one
 */
export async function watchFile<T>(options: FileWatchOptions<T>): Promise<FileWatch<T>> {
  const name = basename(options.file);
  const read = options.read ?? ((file) => readText(file, options.what));
  let usedText = await read(options.file);
  let seenText = usedText;
  let current = options.parse(usedText, name);
  let refusal: string | undefined;
  let looking = false;

  async function look(): Promise<void> {
    const text = await read(options.file);
    const settled = text === seenText;
    seenText = text;
    if (!settled || text === usedText) return;
    usedText = text;
    current = options.parse(text, name);
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

async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TriplineError("config-invalid", `The ${what} file cannot be read: ${why}`, [], { cause: error });
  }
}
