import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { AuditKey } from "@tripline/contracts/audit/audit-checkpoint";
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
  return controlCommand("verify", "find entries that were changed, removed or moved; exit code 1 if there are any")
    .option("--input <file>", "verify an export instead of the log in the control plane")
    .option(
      "--anchors <place>",
      "folder or URL of anchors stored elsewhere, which reveal even a completely rewritten log",
    )
    .option(
      "--key <id>",
      "trust only signatures by this key (default: the keys in the anchors, or, without anchors, all keys in the log)",
    )
    .action(async ({ input, anchors, key, ...flags }: VerifyFlags) => {
      const log = input === undefined ? await fetchLog(await openControl(flags)) : await readLog(input);
      const kept = anchors === undefined ? [] : await readAnchors(anchors);
      output.write(`${await verify(log, kept, key)}\n`);
    });
}

/** @returns the result as a sentence. @throws Error with the first fault */
export async function verify(log: ExportedLog, anchors: readonly Anchor[], keyId?: string): Promise<string> {
  const { tenant, head } = log;
  const anchoredKeys = anchors.flatMap(({ keys }) => keys);
  const keys = anchors.length > 0 ? anchoredKeys : log.keys;
  const trusted = keys.filter((key) => keyId === undefined || key.keyId === keyId);
  const checkpoints = [...log.checkpoints, ...anchors.flatMap((one) => one.checkpoints)];
  try {
    if (anchors.length > 0) requireAnchored(log, anchoredKeys);
    const verifier = new AuditVerifier({ tenant, checkpoints, keys: trusted });
    for await (const entry of log.entries) verifier.add(entry);
    const { entries, signed } = verifier.end(head.hash === null ? undefined : { ...head, hash: head.hash });
    const whose = tenant === "" ? "all tenants" : `the tenant ${tenant}`;
    const proof = signed === undefined ? "none signed" : `signed up to ${signature(signed)}`;
    return `The audit log of ${whose} is intact: ${entries} entries, ${proof}.`;
  } catch (error) {
    if (error instanceof AuditFault) throw new Error(`The audit log is not intact. ${error.message}`, { cause: error });
    throw error;
  }
}

/**
 * Control anchors a key before signing with it, so a key without an anchor does not belong to control.
 *
 * @throws AuditFault for a signature by such a key
 */
function requireAnchored({ tenant, checkpoints }: ExportedLog, keys: readonly AuditKey[]): void {
  const known = new Set(keys.map(({ keyId }) => keyId));
  for (const { tenant: owner, sequence, keyId } of checkpoints) {
    if (owner === tenant && !known.has(keyId)) {
      throw new AuditFault(sequence, `Entry ${sequence} is signed with the key ${keyId}, which is not in any anchor.`);
    }
  }
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
  if (anchors.length === 0) throw new Error(`${place} contains no audit-anchor-….json file.`);
  return anchors;
}
