import { COUNTRIES } from "@tripline/contracts/country";
import { CARD_TOKEN_PATTERN } from "@tripline/contracts/identifiers";
import { UNSENT } from "@tripline/contracts/unsent-fields";
import type { FeatureEngine } from "@tripline/feature-engine/online/compile-engine";

export interface SubjectStateKey {
  readonly key: string;
  /** Place of the entity in the spec. */
  readonly entity: number;
}

/**
 * Redis keys of all states that a person may have: of entities that a card or an e-mail address names, alone or with a country.
 *
 * @param subject a card token or the token of an e-mail address
 */
export function subjectStateKeys(engine: FeatureEngine, tenant: string, subject: string): readonly SubjectStateKey[] {
  const isCard = CARD_TOKEN_PATTERN.test(subject);
  const field = isCard ? "card_token" : "email_token";
  const named = { ...UNSENT, cardToken: "", terminalId: "", [isCard ? "cardToken" : "emailToken"]: subject };
  const keys = new Map<string, number>();
  for (const country of ["", ...COUNTRIES]) {
    const event = { ...named, cardCountry: country, merchantCountry: country, ipCountry: country };
    for (const [entity, key] of engine.stateKeys(tenant, event).entries()) {
      if (key !== undefined && engine.entities[entity]?.fields.includes(field) === true) keys.set(key, entity);
    }
  }
  return [...keys].map(([key, entity]) => ({ key, entity }));
}
