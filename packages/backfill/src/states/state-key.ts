import { readFile, writeFile } from "node:fs/promises";
import { TriplineError } from "@tripline/contracts/error-table";
import { z } from "zod";
import { keyFingerprint } from "../mapping/tokenise-values.js";

/*
 * Window states are keyed by tokens. With a different token key, the same card has a different token, so its state
 * would never be found, and every card would look new. For this reason, `<states>.key.json`, next to the states, stores
 * the key's fingerprint.
 */

const stateKey = z.strictObject({ key_fingerprint: z.string() });

const fileOf = (statePath: string): string => `${statePath}.key.json`;

/** Stores the fingerprint of the key with which the tokens of these states were created. */
export async function writeStateKey(statePath: string, key: Uint8Array): Promise<void> {
  await writeFile(fileOf(statePath), `${JSON.stringify({ key_fingerprint: keyFingerprint(key) })}\n`);
}

/**
 * Checks that the tokens of these states were created with this key. States without a stored fingerprint pass the
 * check.
 *
 * @throws TriplineError `state-conflict` if they were created with another key
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
