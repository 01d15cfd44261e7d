import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { AuditCheckpoint, AuditKey } from "@tripline/contracts/audit/audit-checkpoint";
import { auditCheckpoint, auditKey } from "@tripline/contracts/audit/audit-checkpoint";
import type { SignedUpTo } from "@tripline/contracts/audit/audit-verifier";
import { AuditFault, AuditVerifier } from "@tripline/contracts/audit/audit-verifier";
import { isStoreUrl, openStore } from "@tripline/object-store/open-store";
import type { CommandOutput } from "@tripline/system/command-output";
import type { Command } from "commander";
import { z } from "zod";
import type { ControlFlags } from "../control-options.js";
import { controlCommand, openControl } from "../control-options.js";
import type { ExportedLog } from "./read-log.js";
import { fetchLog, readLog } from "./read-log.js";

interface VerifyFlags extends ControlFlags {
  readonly input?: string;
  readonly anchors?: string;
  readonly key?: string;
}

const anchor = z.object({ checkpoints: z.array(auditCheckpoint), keys: z.array(auditKey) });
type Anchor = z.infer<typeof anchor>;

export function verifyCommand(output: CommandOutput): Command {
  return controlCommand("verify", "find any entry that was changed, removed or moved; exits with 1 if there is one")
    .option("--input <file>", "an export instead of the control plane's own answers")
    .option(
      "--anchors <place>",
      "folder or URL of anchors that were kept elsewhere: even a log that was written anew is found by them",
    )
    .option(
      "--key <id>",
      "trust signatures of this key alone; of those in anchors, or of all that the log names, unless given",
    )
    .action(async ({ input, anchors, key, ...flags }: VerifyFlags) => {
      const log = input === undefined ? await fetchLog(await openControl(flags)) : await readLog(input);
      const kept = anchors === undefined ? [] : await readAnchors(anchors);
      output.write(`${await verify(log, kept, key)}\n`);
    });
}

/** @returns what was found, in a sentence. @throws Error with the first fault */
async function verify(log: ExportedLog, anchors: readonly Anchor[], keyId?: string): Promise<string> {
  const { tenant, head } = log;
  const keptKeys = anchors.flatMap(({ keys }) => keys);
  const known = (keptKeys.length > 0 ? keptKeys : log.keys).filter((key) => keyId === undefined || key.keyId === keyId);
  const newer = keptKeys.length > 0 && keyId === undefined ? keysSince(log, anchors) : [];
  const checkpoints = [...log.checkpoints, ...anchors.flatMap((one) => one.checkpoints)];
  try {
    const verifier = new AuditVerifier({ tenant, checkpoints, keys: [...known, ...newer] });
    for await (const entry of log.entries) verifier.add(entry);
    const { entries, signed } = verifier.end(head.hash === null ? undefined : { ...head, hash: head.hash });
    const whose = tenant === "" ? "what concerns all tenants" : `the tenant ${tenant}`;
    const since = newer.some((key) => key.keyId === signed?.keyId) ? signed : undefined;
    const trusted = since === undefined ? signed : newestOf(checkpoints, tenant, known);
    const proofs = [trusted, since].flatMap((one) => (one === undefined ? [] : [`up to ${signature(one)}`]));
    const proof = proofs.length === 0 ? "none of them is signed" : `signed ${proofs.join(", and ")}`;
    const warning = since === undefined ? "" : ` No anchor has the key ${since.keyId} yet.`;
    return `The audit log of ${whose} is whole: ${entries} entries, ${proof}.${warning}`;
  } catch (error) {
    if (error instanceof AuditFault) throw new Error(`The audit log is not whole. ${error.message}`, { cause: error });
    throw error;
  }
}

/**
 * Keys with which control signed after the newest anchor: one that replaced another is in no anchor until the next day. A key that
 * signed something at or before an anchored signature would be in the anchor, so it is none of these.
 */
function keysSince({ tenant, keys, checkpoints }: ExportedLog, anchors: readonly Anchor[]): AuditKey[] {
  const anchored = anchors.flatMap((one) => one.checkpoints).filter((one) => one.tenant === tenant);
  const upTo = anchored.reduce((newest, { sequence }) => Math.max(newest, sequence), 0);
  const old = new Set(anchors.flatMap((one) => one.keys.map((key) => key.keyId)));
  for (const { sequence, keyId } of checkpoints) if (sequence <= upTo) old.add(keyId);
  return keys.filter(({ keyId }) => !old.has(keyId));
}

function newestOf(checkpoints: readonly AuditCheckpoint[], tenant: string, keys: readonly AuditKey[]) {
  const known = new Set(keys.map(({ keyId }) => keyId));
  return checkpoints
    .filter((one) => one.tenant === tenant && known.has(one.keyId))
    .toSorted((left, right) => left.sequence - right.sequence)
    .at(-1);
}

function signature({ sequence, keyId, signedAtMs }: SignedUpTo): string {
  return `entry ${sequence} by the key ${keyId} at ${new Date(signedAtMs).toISOString()}`;
}

/** @throws Error in one sentence for a folder or bucket without anchors */
async function readAnchors(place: string): Promise<Anchor[]> {
  const store = await openStore(isStoreUrl(place) ? place : pathToFileURL(resolve(place)).href);
  const anchors: Anchor[] = [];
  for await (const { key } of store.list("audit-anchor-")) {
    const bytes = await store.get(key);
    if (bytes !== undefined) anchors.push(anchor.parse(JSON.parse(Buffer.from(bytes).toString("utf8"))));
  }
  if (anchors.length === 0) throw new Error(`${place} has no file audit-anchor-….json.`);
  return anchors;
}
