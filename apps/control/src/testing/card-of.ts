import { TrialRole } from "@tripline/contracts/generated/tripline/events/v1/events";
import { placeOf } from "@tripline/decision-engine/assign-card";

/** A card in the first 1 % for the candidate, or in the last 4 % for the champion, whose alerts are compared. */
export function cardOf(rolloutId: string, role: TrialRole, name: string): string {
  for (let time = 0; ; time += 1) {
    const card = `ct_${name}_${time}`;
    const place = placeOf(card, rolloutId);
    if (role === TrialRole.CANARY ? place < 100 : place >= 9_600) return card;
  }
}
