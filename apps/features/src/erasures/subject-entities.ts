import { COUNTRIES } from "@tripline/contracts/country";
import type { KeyField } from "@tripline/contracts/feature-spec";
import { subjectFields } from "@tripline/contracts/feature-spec";
import { ENTITY_KEYS, UNSENT } from "@tripline/contracts/generated/payment-fields";
import { subjectField } from "@tripline/contracts/identifiers";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import type { EntityPlan } from "@tripline/feature-engine/plan-entities";
import { stateKey } from "@tripline/feature-engine/state/state-key";

/** An entity that belongs to a person. */
export interface SubjectEntity {
  /** Index of the entity in the spec. */
  readonly entity: number;
  readonly id: string;
}

export interface SubjectStateKey {
  readonly key: string;
  readonly entity: number;
}

/** A field with a known set of values. */
const LISTED_FIELD: KeyField = "merchant_country";

/**
 * The entities whose ids can be derived from a person's token: the token alone, and the token with each country.
 *
 * @param subject the token of a person
 */
export function listedEntities(engine: FeatureEngine, subject: string): readonly SubjectEntity[] {
  const own = subjectField(subject);
  if (own === undefined) return [];
  const named = { ...UNSENT, cardToken: "", [ENTITY_KEYS[own]]: subject };
  const events = ["", ...COUNTRIES].map((merchantCountry) => ({ ...named, merchantCountry }));
  return engine.entities.flatMap((plan, entity) => {
    if (!plan.fields.includes(own) || isOpen(plan)) return [];
    return [...new Set(events.map((event) => engine.entityId(entity, event)))].flatMap((id) =>
      id === undefined ? [] : [{ entity, id }],
    );
  });
}

/** Redis keys of the states of `listedEntities`. */
export function listedStateKeys(engine: FeatureEngine, tenant: string, subject: string): readonly SubjectStateKey[] {
  return listedEntities(engine, subject).flatMap(({ entity, id }) => {
    const plan = engine.entities[entity];
    return plan === undefined ? [] : [{ key: stateKey(plan, tenant, id), entity }];
  });
}

/**
 * Whether an entity belongs to a person but its ids cannot be derived from the person's token, for example a card at a
 * terminal. The names of its keys contain the token.
 */
export function isOpen({ fields }: Pick<EntityPlan, "fields">): boolean {
  const subjects = subjectFields(fields);
  const others = fields.filter((field) => !subjects.includes(field) && field !== LISTED_FIELD);
  return subjects.length > 1 || (subjects.length === 1 && others.length > 0);
}
