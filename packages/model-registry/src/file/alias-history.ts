import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import { parseJson, versionSchema } from "../model-manifest.js";
import type { AliasMove } from "../model-registry.js";
import { isCode, readFinished, writeDirectory } from "./write-atomically.js";

/** Number of moves that are kept per model; older moves are deleted. */
export const MOVES_KEPT = 200;
/** A move takes milliseconds, so one that started longer ago counts as abandoned. */
const MOVE_MS_MAX = 15_000;
/** How long a move waits for the lock. */
const TURN_MS_MAX = 60_000;
const TURN_LOOK_MS = 10;

const MOVE_FILE = "move.json";
const DONE_FILE = "done";
const ABANDONED_FILE = "abandoned";
const NUMBER_PATTERN = /^\d{8}$/;

export const moveSchema = z.object({
  alias: z.string(),
  from: versionSchema.nullable(),
  to: versionSchema,
  at: z.iso.datetime({ offset: true }),
  by: z.string(),
  why: z.string().nullable(),
  is_rollback: z.boolean(),
});

const recordSchema = moveSchema.extend({
  /** The process that makes the move, so that a move in progress can be distinguished from that of a killed process. */
  host: z.string(),
  process: z.int(),
});

type MoveRecord = z.infer<typeof recordSchema>;

/** The information about the alias that the history needs. */
export interface AliasFile {
  read(): Promise<string | null>;
  write(version: string): Promise<void>;
}

/**
 * The moves of a model's aliases: `history/<number>/move.json`. Only one process can take a number, and the next number
 * is free only once that move is done (`history/<number>/done`) or its process is dead. This serialises the moves of
 * one model across processes, and a killed process does not block others.
 */
export class AliasHistory {
  constructor(
    private readonly directory: string,
    private readonly model: string,
  ) {}

  /**
   * Moves an alias once it holds the lock.
   *
   * @param compose creates the move from the alias's current version; if it throws, the move ends
   * @throws TriplineError `state-conflict` if the lock is not available within a minute
   */
  async move(file: AliasFile, compose: (from: string | null) => AliasMove): Promise<AliasMove> {
    await mkdir(this.directory, { recursive: true });
    const deadlineMs = Date.now() + TURN_MS_MAX;
    while (Date.now() < deadlineMs) {
      const newest = (await this.#numbers()).at(-1) ?? 0;
      if (newest > 0 && (await this.#isInProgress(newest))) {
        await sleep(TURN_LOOK_MS * (0.5 + Math.random()));
        continue;
      }
      const move = compose(await file.read());
      const own = newest + 1;
      const record: MoveRecord = { ...move, host: hostname(), process: process.pid };
      const bytes = Buffer.from(`${JSON.stringify(record)}\n`);
      if (!(await writeDirectory(this.#path(own), { [MOVE_FILE]: bytes }))) continue;
      await this.#carryOut(own, () => file.write(move.to));
      return move;
    }
    throw new TriplineError(
      "state-conflict",
      `Other processes kept moving aliases of model ${this.model} for ${TURN_MS_MAX / 1000} s: try again.`,
    );
  }

  /** All completed moves, oldest first. @param current the version that an alias names now */
  async moves(current: (alias: string) => Promise<string | null>): Promise<AliasMove[]> {
    const took: AliasMove[] = [];
    /** By alias: the version that its next move replaced or, if there is none, its current version. */
    const after = new Map<string, string | null>();
    for (const number of (await this.#numbers()).reverse()) {
      const record = await this.#read(number);
      if (record === undefined) continue;
      const { host: _host, process: _process, ...move } = record;
      const next = after.has(move.alias) ? after.get(move.alias) : await current(move.alias);
      // A process that was killed after it recorded its move may not have made it.
      if (next === move.to || (await this.#isMarked(number, DONE_FILE))) took.unshift(move);
      after.set(move.alias, move.from);
    }
    return took;
  }

  /** Writes the alias while this process holds the number, and then releases it, even on failure. */
  async #carryOut(own: number, write: () => Promise<void>): Promise<void> {
    // A process that was suspended while others continued must not overwrite their moves.
    if ((await this.#numbers()).at(-1) !== own) {
      await this.#mark(own, ABANDONED_FILE);
      throw new TriplineError("state-conflict", `Another process has moved aliases of model ${this.model}. Try again.`);
    }
    try {
      await write();
    } catch (error) {
      await this.#mark(own, ABANDONED_FILE);
      throw error;
    }
    await this.#mark(own, DONE_FILE);
    await this.#dropOld(own);
  }

  async #isInProgress(number: number): Promise<boolean> {
    if (await this.#isMarked(number, DONE_FILE)) return false;
    if (await this.#isMarked(number, ABANDONED_FILE)) return false;
    const record = await this.#read(number);
    const entry = await stat(this.#path(number)).catch(() => undefined);
    if (record === undefined || entry === undefined) return false;
    if (record.host === hostname() && !isAlive(record.process)) return false;
    return Date.now() - entry.mtimeMs < MOVE_MS_MAX;
  }

  async #mark(number: number, file: string): Promise<void> {
    await writeFile(join(this.#path(number), file), "");
  }

  async #isMarked(number: number, file: string): Promise<boolean> {
    return stat(join(this.#path(number), file)).then(
      () => true,
      () => false,
    );
  }

  /** Undefined if the file has been deleted. */
  async #read(number: number): Promise<MoveRecord | undefined> {
    try {
      const text = await readFile(join(this.#path(number), MOVE_FILE), "utf8");
      return parseJson(recordSchema, text, `Move ${number} of model ${this.model}`);
    } catch (error) {
      if (isCode(error, "ENOENT")) return undefined;
      throw error;
    }
  }

  async #dropOld(newest: number): Promise<void> {
    const old = (await this.#numbers()).filter((number) => number <= newest - MOVES_KEPT);
    await Promise.all(old.map((number) => rm(this.#path(number), { recursive: true, force: true })));
  }

  async #numbers(): Promise<number[]> {
    return (await readFinished(this.directory)).filter((name) => NUMBER_PATTERN.test(name)).map(Number);
  }

  #path(number: number): string {
    return join(this.directory, String(number).padStart(8, "0"));
  }
}

/** Whether a process on this machine is alive. Another user's process is alive even if it rejects our signal. */
function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return isCode(error, "EPERM");
  }
}
