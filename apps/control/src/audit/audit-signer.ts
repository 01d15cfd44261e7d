import type { OnApplicationBootstrap, OnApplicationShutdown } from "@nestjs/common";
import { Inject, Injectable } from "@nestjs/common";
import type { AuditCheckpoint } from "@tripline/contracts/audit/audit-checkpoint";
import { CheckpointSigner } from "@tripline/contracts/audit/audit-checkpoint";
import { AuditVerifier } from "@tripline/contracts/audit/audit-verifier";
import { asTriplineError, TriplineError } from "@tripline/contracts/error-table";
import { closeWithin } from "@tripline/nest-kit/close-within";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import { gauge } from "@tripline/telemetry/metrics";
import type { ControlConfig } from "../config.js";
import { CONTROL_CONFIG } from "../config.js";
import type { Unsigned } from "./audit-log.js";
import { AuditLog } from "./audit-log.js";
import { writeAnchor } from "./write-anchor.js";

const MS_PER_S = 1_000;

/**
 * Signs the heads of the logs, and every hour writes the newest signatures to a store outside the database. A key is
 * written there before it signs anything. Before signing, it verifies the entries since the last signature, and it does
 * not sign an inconsistent log.
 */
@Injectable()
export class AuditSigner implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #signer: CheckpointSigner | undefined;
  readonly #endReading: readonly (() => void)[];
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #failingSinceMs: number | undefined;
  #isKeyAnchored = false;
  #anchoredHour = "";
  #unanchoredSinceMs: number | undefined;
  #anchorFault = "";

  constructor(
    @Inject(AuditLog) private readonly log: AuditLog,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(CONTROL_CONFIG) private readonly config: ControlConfig,
  ) {
    const { AUDIT_SIGNING_KEY: seed } = config;
    this.#signer = seed === undefined ? undefined : new CheckpointSigner(seed);
    const unsigned = "Time for which the audit log could not be signed; 0 if it can be signed";
    const unanchored = "Time for which anchors of the audit log could not be written; 0 if they can be written";
    this.#endReading = [
      gauge("tripline_audit_unsigned_seconds", { description: unsigned }, () => secondsSince(this.#failingSinceMs)),
      gauge("tripline_audit_unanchored_seconds", { description: unanchored }, () =>
        secondsSince(this.#unanchoredSinceMs),
      ),
    ];
  }

  get notes() {
    return {
      signature: noteOf("the audit log has not been signed", this.#failingSinceMs),
      anchor: noteOf("anchors of the audit log have not been written", this.#unanchoredSinceMs),
    };
  }

  onApplicationBootstrap(): void {
    const { logger, config } = this;
    if (this.#signer === undefined) {
      logger.warn("AUDIT_SIGNING_KEY is not set, so the audit log is hash-chained but not signed");
      return;
    }
    this.#timer = setInterval(
      () => void this.sign().catch(() => undefined),
      config.AUDIT_CHECKPOINT_SECONDS * MS_PER_S,
    );
    this.#timer.unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    for (const end of this.#endReading) end();
    await closeWithin(this.logger, "audit signatures", () => this.#round?.catch(() => undefined));
  }

  /** Signs all unsigned heads. @throws AuditFault for an inconsistent log */
  sign(): Promise<void> {
    this.#round ??= this.#signAll().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #signAll(): Promise<void> {
    const { log, logger } = this;
    const signer = this.#signer;
    if (signer === undefined) return;
    try {
      await log.addKey(signer.key);
      if (!this.#isKeyAnchored) this.#isKeyAnchored = await this.#anchor(`key-${signer.key.keyId}`);
      for (const { tenant } of await log.unsigned()) {
        await log.sign(tenant, (unsigned) => checkpointOf(unsigned, signer));
      }
      this.#failingSinceMs = undefined;
    } catch (thrown) {
      const { code, message } = asTriplineError(thrown);
      if (this.#failingSinceMs === undefined) logger.error({ code }, `the audit log cannot be signed: ${message}`);
      this.#failingSinceMs ??= performance.now();
      throw thrown;
    }
    const hour = new Date().toISOString().slice(0, "YYYY-MM-DDTHH".length);
    if (hour !== this.#anchoredHour && (await this.#anchor(hour))) this.#anchoredHour = hour;
  }

  /** @returns false if the store rejected it; the next round tries again */
  async #anchor(name: string): Promise<boolean> {
    const { log, logger } = this;
    const { AUDIT_ANCHOR_URL: anchorUrl } = this.config;
    if (anchorUrl === undefined) return true;
    try {
      await writeAnchor(anchorUrl, name, { checkpoints: await log.newestCheckpoints(), keys: await log.keys() });
      this.#unanchoredSinceMs = undefined;
      this.#anchorFault = "";
      return true;
    } catch (thrown) {
      const { code, message } = asTriplineError(thrown);
      this.#unanchoredSinceMs ??= performance.now();
      if (message !== this.#anchorFault)
        logger.error({ code }, `the anchor of the audit log cannot be written: ${message}`);
      this.#anchorFault = message;
      return false;
    }
  }
}

function secondsSince(sinceMs: number | undefined): number {
  return sinceMs === undefined ? 0 : (performance.now() - sinceMs) / MS_PER_S;
}

function noteOf(what: string, sinceMs: number | undefined): string | undefined {
  return sinceMs === undefined ? undefined : `${what} for ${Math.round(secondsSince(sinceMs))} s`;
}

function checkpointOf({ head, last, entries }: Unsigned, signer: CheckpointSigner): AuditCheckpoint {
  const verifier = new AuditVerifier({
    tenant: head.tenant,
    checkpoints: [],
    keys: [],
    ...(last === undefined ? {} : { from: last }),
  });
  for (const entry of entries) verifier.add(entry);
  const newest = entries.at(-1);
  if (newest === undefined || newest.sequence >= head.sequence) verifier.end(head);
  if (newest === undefined) throw new TriplineError("internal", "There is no unsigned entry in the audit log.");
  const { sequence, hash } = newest;
  return signer.sign({ tenant: head.tenant, sequence, hash, signedAtMs: Date.now() });
}
