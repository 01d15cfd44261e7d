import { Inject, Injectable } from "@nestjs/common";
import { subjectsOf } from "@tripline/contracts/feature-spec";
import { SUBJECT_PREFIXES } from "@tripline/contracts/generated/payment-fields";
import type { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { parseStateKey } from "@tripline/feature-engine/state/state-key";
import { FEATURE_ENGINE } from "../features.tokens.js";
import { KeyScan } from "./key-scan.js";
import { ProfileEraser } from "./profile-eraser.js";
import type { ItemScan } from "./scan-keys.js";
import { StateEraser } from "./state-eraser.js";
import { isOpen } from "./subject-entities.js";

/** Pattern for keys whose names contain the token of a person, whose prefix has two letters. */
const ANYBODY = `*${letters(0)}${letters(1)}_*`;

/**
 * Erases data that only a scan of all key names can find: states and Feast rows of a person combined with a device, a
 * network, a terminal, an issuer or another person (ADR 48). Does nothing if the spec has no such entity.
 */
@Injectable()
export class ScanEraser {
  readonly #open: readonly number[];

  constructor(
    @Inject(FEATURE_ENGINE) private readonly engine: FeatureEngine,
    @Inject(KeyScan) private readonly scan: ItemScan,
    @Inject(StateEraser) private readonly states: Pick<StateEraser, "empty">,
    @Inject(ProfileEraser) private readonly profiles: Pick<ProfileEraser, "rowOf" | "eraseRow">,
  ) {
    this.#open = engine.entities.flatMap((plan, entity) => (isOpen(plan) ? [entity] : []));
  }

  /**
   * Runs one scan for all erasures.
   *
   * @throws TriplineError `redis-unavailable`, `state-conflict`, `state-unreadable`, `shutting-down`
   */
  async erase(erasures: readonly Erasure[]): Promise<void> {
    if (this.#open.length === 0 || erasures.length === 0) return;
    // A redelivered batch may contain more records, so the interrupted scan is finished first.
    const begun = await this.scan.begun(erasures.map(personOf));
    for (const part of [erasures.slice(0, begun), erasures.slice(begun)])
      if (part.length > 0) await this.#scanFor(part);
  }

  async #scanFor(erasures: readonly Erasure[]): Promise<void> {
    const wanted = new Map(erasures.map((erasure) => [personOf(erasure), erasure]));
    const [only] = wanted.values();
    const match = wanted.size === 1 && only !== undefined ? `*${only.subject}*` : ANYBODY;
    await this.scan.run(erasures.map(personOf), match, async (keys) => {
      for (const key of keys) await this.#eraseKey(key, wanted);
    });
  }

  async #eraseKey(key: Buffer, wanted: ReadonlyMap<string, Erasure>): Promise<void> {
    const { engine, states, profiles } = this;
    const text = key.toString("utf8");
    for (const entity of this.#open) {
      const plan = engine.entities[entity];
      const state = plan && parseStateKey(plan, text);
      const row = state === undefined ? profiles.rowOf(entity, key) : undefined;
      const { tenant, id } = state ?? row ?? {};
      if (tenant === undefined || id === undefined) continue;
      for (const subject of subjectsOf(id)) {
        const erasure = wanted.get(personOf({ tenant, subject }));
        if (erasure === undefined) continue;
        if (state !== undefined) await states.empty({ key: text, entity });
        else await profiles.eraseRow(entity, id, erasure.erasedAtMs);
      }
    }
  }
}

/** The letters at a position of the prefixes, as a set of a Redis pattern. */
function letters(position: number): string {
  return `[${[...new Set(Object.keys(SUBJECT_PREFIXES).map((prefix) => prefix[position]))].join("")}]`;
}

function personOf({ tenant, subject }: Pick<Erasure, "tenant" | "subject">): string {
  return `${tenant}/${subject}`;
}
