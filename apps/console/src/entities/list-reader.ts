import { Inject, Injectable } from "@nestjs/common";
import { isListKind } from "@tripline/contracts/lists/list-kinds";
import { z } from "zod";
import type { ConsoleConfig } from "../config.js";
import { CONSOLE_CONFIG } from "../config.js";
import type { EntityDetail } from "../contract/cases.js";
import { may } from "../sessions/session.guard.js";
import type { Session } from "../sessions/session-store.js";
import type { SearchedKind } from "./searched-kinds.js";

const ANSWER_MS_MAX = 2_000;

const answer = z.object({
  entries: z.array(
    z.object({ list: z.string(), effect: z.string(), reason: z.string(), expires_at: z.coerce.date().nullable() }),
  ),
});

/** Asks the control plane which lists have an entity. */
@Injectable()
export class ListReader {
  readonly #controlUrl: string;

  constructor(@Inject(CONSOLE_CONFIG) { CONTROL_URL: url }: Pick<ConsoleConfig, "CONTROL_URL">) {
    this.#controlUrl = url.replace(/\/$/, "");
  }

  /** @returns undefined if the lists cannot be read */
  async of(session: Session, kind: SearchedKind, value: string): Promise<EntityDetail["lists"] | undefined> {
    if (!may(session, "lists:read")) return undefined;
    if (!isListKind(kind)) return [];
    try {
      const response = await fetch(`${this.#controlUrl}/v1/lists/entries?${new URLSearchParams({ kind, value })}`, {
        headers: { authorization: `Bearer ${session.tokens.access}` },
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
      if (!response.ok) return undefined;
      return answer.parse(await response.json()).entries.map(({ list, effect, reason, expires_at: end }) => {
        return { list, effect, reason, expiresAtMs: end === null ? null : end.getTime() };
      });
    } catch {
      return undefined;
    }
  }
}
