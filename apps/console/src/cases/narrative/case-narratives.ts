import { Inject, Injectable } from "@nestjs/common";
import { LOGGER } from "@tripline/nest-kit/service.module";
import type { Logger } from "@tripline/telemetry/logger";
import type { CaseNarrative } from "../../contract/cases.js";
import { AtOnce } from "../../requests/at-once.js";
import type { CaseFacts } from "../narrate-case.js";
import { narrateCase } from "../narrate-case.js";
import { blindFacts } from "./blind-facts.js";
import type { ModelPlace, NarrativeModel } from "./narrative-model.js";
import { openNarrativeModel } from "./open-narrative-model.js";

/** Maximum number of concurrent requests to the model. Further requests get the template immediately. */
const ASKED_AT_ONCE_MAX = 4;
/** Maximum number of cached summaries, each for one revision of a case. */
const KEPT_MAX = 500;
const CHARACTERS_MAX = 1_200;

const TASK = `You write for an analyst who looks at a payment that a fraud detection system stopped. From the facts below, given as
JSON, write two to four short, plain sentences: what happened, what is unusual for the card, and what is linked to confirmed
fraud. Use these facts alone and keep their numbers as they are. Do not guess names, places or motives, do not say whether it
is fraud, and do not tell the analyst what to do. Answer with the sentences alone, without headings, lists or markup.`;

/** Injects a `ModelPlace`; undefined if the template writes all summaries. */
export const NARRATIVE_MODEL = Symbol("NARRATIVE_MODEL");

/**
 * Writes case summaries with the configured model. Without a model, or if it is late or fails, the template is used.
 */
@Injectable()
export class CaseNarratives {
  readonly #asked = new AtOnce(ASKED_AT_ONCE_MAX, "summaries are being generated");
  readonly #kept = new Map<string, string>();
  #opened: Promise<NarrativeModel> | undefined;

  /** @param place undefined: the template writes all summaries */
  constructor(
    @Inject(NARRATIVE_MODEL) private readonly place: ModelPlace | undefined,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Name of the model; null for the template. */
  get modelName(): string | null {
    return this.place?.model ?? null;
  }

  /** @param note records that facts will be sent; awaited before they are sent */
  async write(tenant: string, facts: CaseFacts, note: () => Promise<void>): Promise<CaseNarrative> {
    const { place } = this;
    if (place === undefined) return byTemplate(facts, null);
    const key = `${tenant}/${facts.row.id}/${facts.row.revision}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return { text: kept, model: place.model, fallback: null };
    if (this.#asked.isFull) return byTemplate(facts, "busy");
    const signal = AbortSignal.timeout(place.waitMs);
    try {
      const text = await this.#asked.run(async () => {
        await note();
        return this.#request(place, facts, signal);
      });
      this.#keep(key, text);
      return { text, model: place.model, fallback: null };
    } catch (error) {
      this.logger.warn({ reason: String(error), model: place.model }, "used the template for a case summary");
      return byTemplate(facts, signal.aborted ? "late" : "failed");
    }
  }

  async #request(place: ModelPlace, facts: CaseFacts, signal: AbortSignal): Promise<string> {
    this.#opened ??= openNarrativeModel(place);
    const model = await this.#opened;
    const prompt = { task: TASK, facts: JSON.stringify(blindFacts(facts), null, 1) };
    // Stops waiting at the timeout, even if the library ignores the signal.
    const { promise: late, reject } = Promise.withResolvers<never>();
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const text = await Promise.race([model.write(prompt, signal), late]);
    signal.removeEventListener("abort", abort);
    const plain = text.replaceAll(/\s+/g, " ").trim();
    if (plain === "") throw new Error("the model returned no text");
    return plain.length > CHARACTERS_MAX ? `${plain.slice(0, CHARACTERS_MAX)}…` : plain;
  }

  #keep(key: string, text: string): void {
    this.#kept.set(key, text);
    const [oldest = ""] = this.#kept.keys();
    if (this.#kept.size > KEPT_MAX) this.#kept.delete(oldest);
  }
}

function byTemplate(facts: CaseFacts, fallback: CaseNarrative["fallback"]): CaseNarrative {
  return { text: narrateCase(facts), model: null, fallback };
}
