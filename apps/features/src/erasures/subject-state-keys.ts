import { COUNTRIES } from "@tripline/contracts/country";
import { CARD_TOKEN_PATTERN } from "@tripline/contracts/identifiers";
import { UNSENT } from "@tripline/contracts/unsent-fields";
import type { FeatureEngine } from "@tripline/feature-engine/online/compile-engine";
import { stateKey } from "@tripline/feature-engine/state/state-key";

export interface SubjectEntity {
  /** Place of the entity in the spec. */
  readonly entity: number;
  readonly id: string;
}

export interface SubjectStateKey {
  readonly key: string;
  readonly entity: number;
}

/**
 * All entities that a card or an e-mail address names, alone or with a country.
 *
 * @param subject a card token or the token of an e-mail address
 */
export function subjectEntities(engine: FeatureEngine, subject: string): readonly SubjectEntity[] {
  const isCard = CARD_TOKEN_PATTERN.test(subject);
  const field = isCard ? "card_token" : "email_token";
  const named = { ...UNSENT, cardToken: "", terminalId: "", [isCard ? "cardToken" : "emailToken"]: subject };
  const events = ["", ...COUNTRIES].map((country) => {
    return { ...named, cardCountry: country, merchantCountry: country, ipCountry: country };
  });
  return engine.entities.flatMap(({ fields }, entity) => {
    if (!fields.includes(field)) return [];
    return [...new Set(events.map((event) => engine.entityId(entity, event)))].flatMap((id) =>
      id === undefined ? [] : [{ entity, id }],
    );
  });
}

/** Redis keys of all states that a person may have. */
export function subjectStateKeys(engine: FeatureEngine, tenant: string, subject: string): readonly SubjectStateKey[] {
  return subjectEntities(engine, subject).flatMap(({ entity, id }) => {
    const plan = engine.entities[entity];
    return plan === undefined ? [] : [{ key: stateKey(plan, tenant, id), entity }];
  });
}
