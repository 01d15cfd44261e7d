import type { KeyField } from "@tripline/contracts/feature-spec";
import type { REQUIRED_ENTITY_KEYS } from "@tripline/contracts/generated/payment-fields";
import { ENTITY_KEYS } from "@tripline/contracts/generated/payment-fields";
import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";

/** The fields of an event that identify entities. Optional fields may be absent or empty. */
export type EntityIds = Pick<Transaction, RequiredId> & Partial<Pick<Transaction, (typeof ENTITY_KEYS)[KeyField]>>;
type RequiredId = (typeof ENTITY_KEYS)[(typeof REQUIRED_ENTITY_KEYS)[number]];

/** Returns the id of an entity from an event; undefined if the event does not name the entity. */
export type IdOfEvent = (event: EntityIds) => string | undefined;

/** @param fields of the entity's key */
export function compileId(fields: readonly KeyField[]): IdOfEvent {
  const [field = "cardToken", second, ...more] = fields.map((name) => ENTITY_KEYS[name]);
  if (second === undefined) return (event) => event[field] || undefined;
  const others = [second, ...more];
  return (event) => {
    let id = event[field];
    for (const other of others) {
      const value = event[other];
      if (!id || !value) return undefined;
      id = `${id}/${value}`;
    }
    return id;
  };
}
