import { readFile, writeFile } from "node:fs/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import { keyFingerprint } from "../mapping/tokenise-values.js";

/*
 * Tokens are the keys of window states. With a different token key, the same card has a different token: its states would never
 * be found, and every card would look new. `<states>.key.json`, next to the states, therefore stores the key's fingerprint.
 */

const stateKey = z.strictObject({ key_fingerprint: z.string() });

const fileOf = (statePath: string): string => `${statePath}.key.json`;

/** Stores the fingerprint of the key with which the tokens of these states were made. */
export async function writeStateKey(statePath: string, key: Uint8Array): Promise<void> {
  await writeFile(fileOf(statePath), `${JSON.stringify({ key_fingerprint: keyFingerprint(key) })}\n`);
}

/**
 * Checks that the tokens of these states were made with this key. States without a stored fingerprint pass.
 *
 * @throws TriplineError `state-conflict` if they were made with another key
 */
export async function requireStateKey(statePath: string, key: Uint8Array): Promise<void> {
  const text = await readFile(fileOf(statePath), "utf8").catch(() => undefined);
  if (text === undefined) return;
  const { key_fingerprint: stored } = stateKey.parse(JSON.parse(text));
  const own = keyFingerprint(key);
  if (stored === own) return;
  throw new TriplineError(
    "state-conflict",
    `${statePath} has tokens made with another key (fingerprint ${stored}) than this installation's (${own}). Run ` +
      "`tripline backfill` again with CARD_TOKEN_KEY of this installation.",
  );
}
