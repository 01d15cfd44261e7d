import { openAccountOf, ownerOf } from "../describe/owner-details.js";
import type { Draft, DraftParts, World } from "../draft-payment.js";
import { draftPayment } from "../draft-payment.js";
import { deviceId, foreignAddress } from "../equip-cards.js";
import { emailOf, FAR, HOME, issuerCountry, oneOf, ownerEmail } from "../name-payers.js";
import { dayOf } from "../payment-times.js";
import { anywhere } from "../place-terminals.js";
import { logNormal, STREAM, seedRandom } from "../seed-random.js";
import { ACCOUNT_TAKEOVER } from "./attack-table.js";
import { between, countBetween, issuerCode } from "./draw.js";

/**
 * Payments with the account of a card's owner, starting at `startMs`; empty if the owner has no account.
 *
 * @param run distinguishes attacks on the same day
 * @returns in no particular order
 */
export function takeOverAccount(world: World, card: number, run: number, startMs: number): Draft[] {
  const profile = world.cards[card];
  if (profile?.equipment == null || openAccountOf(ownerOf(world.seed, card), dayOf(startMs)) === null) return [];
  const random = seedRandom(world.seed, STREAM.takeover, run + 1, dayOf(startMs));
  const origin = { deviceId: deviceId(random), ipAddress: foreignAddress(random) };
  const ipCountry = random() < ACCOUNT_TAKEOVER.domesticShare ? HOME : oneOf(FAR, random);
  const newEmail = emailOf(random);
  const isChanged = random() < ACCOUNT_TAKEOVER.emailChangedShare;
  const payer = {
    email: isChanged ? newEmail : ownerEmail(world.seed, card),
    cardCountry: issuerCountry(world.seed, card),
    ipCountry,
  };
  const lengthMs = between(ACCOUNT_TAKEOVER.lengthMs, random);
  const { median, spread } = ACCOUNT_TAKEOVER.amountFactor;
  return Array.from({ length: countBetween(ACCOUNT_TAKEOVER.payments, random) }, () => {
    const parts: DraftParts = {
      terminal: anywhere(world.terminals, random),
      amountMajor: profile.amountMedian * logNormal(random, median, spread),
      occurredAtMs: startMs + Math.floor(random() * lengthMs),
      scenario: "account-takeover",
      origin,
      payer,
      attack: { attackStep: "purchase", issuerCode: issuerCode(ACCOUNT_TAKEOVER.authorisedShare, random) },
    };
    return draftPayment(world, profile, parts, random);
  });
}
