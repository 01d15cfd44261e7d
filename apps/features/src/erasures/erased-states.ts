import { subjectFields, subjectsOf } from "@tripline/contracts/feature-spec";
import type { Erasure } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { FeatureEngine } from "@tripline/feature-engine/apply/compile-engine";
import { parseStateKey } from "@tripline/feature-engine/state/state-key";

/**
 * Returns a function that, given a state key, returns the time at which a person to whom the state belongs was last
 * erased; undefined if no such person was erased.
 */
export function erasedStates(engine: FeatureEngine, erasures: readonly Erasure[]): (key: string) => number | undefined {
  const erasedAtMs = new Map(erasures.map(({ tenant, subject, erasedAtMs: atMs }) => [`${tenant}/${subject}`, atMs]));
  const plans = engine.entities.filter(({ fields }) => subjectFields(fields).length > 0);
  return (key) => {
    if (erasedAtMs.size === 0) return undefined;
    for (const plan of plans) {
      const place = parseStateKey(plan, key);
      if (place === undefined) continue;
      const times = subjectsOf(place.id).flatMap((subject) => erasedAtMs.get(`${place.tenant}/${subject}`) ?? []);
      return times.length === 0 ? undefined : Math.max(...times);
    }
    return undefined;
  };
}
