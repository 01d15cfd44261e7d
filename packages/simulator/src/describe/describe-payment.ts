import { HOME, ownerEmail } from "../name-payers.js";
import { dayOf } from "../payment-times.js";
import { cardOf } from "../profile-cards.js";
import type { Random } from "../seed-random.js";
import { STREAM, seedRandom } from "../seed-random.js";
import type { SimulatedPayment, TerminalPayment } from "../simulated-payment.js";
import { deliveryOf, guestOf } from "./guest-details.js";
import type { Owner } from "./owner-details.js";
import { openAccountOf, ownerOf } from "./owner-details.js";
import type { PaymentDetails } from "./payment-details.js";
import { pick } from "./pick.js";
import { shopOf } from "./shop-details.js";

/** Entry modes of payments from a device, with and without an account. */
const ENTRY_MODES = {
  account: { on_file: 0.65, keyed: 0.15, wallet: 0.2 },
  guest: { keyed: 0.75, wallet: 0.25 },
  counter: { contactless: 0.58, chip: 0.4, magnetic_stripe: 0.02 },
} as const;
/** Share of recurring payments among those without a device, at a shop without a location. */
const RECURRING_SHARE = 0.7;
const LOW_VALUE_MINOR_MAX = 3_000;
const LOW_VALUE_SHARE = 0.5;
const LOW_RISK_SHARE = 0.15;
/** Age in days of a thief's e-mail address. */
const NEW_EMAIL_DAYS = { "0": 0.5, "1": 0.3, "2": 0.2 } as const;

const AVS = {
  owner: { full_match: 0.86, postal_code_match: 0.05, address_match: 0.03, no_match: 0.01, unavailable: 0.05 },
  stranger: { full_match: 0.05, postal_code_match: 0.05, address_match: 0.02, no_match: 0.68, unavailable: 0.2 },
} as const;
const CVC = {
  known: { match: 0.97, no_match: 0.01, unavailable: 0.02 },
  guessed: { match: 0.04, no_match: 0.86, unavailable: 0.1 },
} as const;
const THREE_DS = {
  owner: { authenticated: 0.88, attempted: 0.07, failed: 0.01, unavailable: 0.04 },
  stranger: { authenticated: 0.03, attempted: 0.35, failed: 0.22, unavailable: 0.4 },
} as const;
const ECI = { authenticated: "05", attempted: "06", failed: "07", unavailable: "07" } as const;
/** Attack patterns that guess the security code. */
const GUESSING: readonly string[] = ["testing-burst", "bin-testing", "card-testing"];

const NO_PAYER = {
  accountId: null,
  accountAgeDays: null,
  emailAgeDays: null,
  phone: null,
  deviceFingerprint: null,
  billingCountry: null,
  billingPostalCode: null,
  shippingCountry: null,
  shippingPostalCode: null,
  threeDsVersion: null,
  threeDsResult: null,
  eci: null,
  liabilityShift: null,
  exemption: null,
  avsResult: null,
  cvcResult: null,
} as const;

type DetailsOfPayer = Omit<PaymentDetails, "merchantId" | "mcc" | "cardFunding" | "cardBrand">;

/** Adds the additional fields, which depend only on the seed and the payment; the other fields remain unchanged. */
export function describePayment(seed: number, payment: TerminalPayment): SimulatedPayment {
  const card = cardOf(seed, payment.cardNumber);
  const random = seedRandom(seed, STREAM.details, card, payment.occurredAtMs % 2 ** 32);
  const owner = ownerOf(seed, card);
  const { merchantId, mcc, isDelivered, isApp } = shopOf(seed, payment.terminalId);
  const details =
    payment.deviceId === null
      ? withoutDevice(payment, random)
      : withDevice(seed, payment, { card, owner, isDelivered, isApp }, random);
  return { ...payment, merchantId, mcc, cardFunding: owner.funding, cardBrand: "visa", ...details };
}

/** A payment at a counter, or a recurring payment without the payer's involvement. */
function withoutDevice({ latitude }: SimulatedPayment, random: Random): DetailsOfPayer {
  if (latitude === null && random() < RECURRING_SHARE) {
    return { ...NO_PAYER, channel: "ecommerce", entryMode: "on_file", initiator: "recurring" };
  }
  const entryMode = pick(ENTRY_MODES.counter, random);
  return { ...NO_PAYER, channel: "point_of_sale", entryMode, initiator: "customer" };
}

interface Context {
  readonly card: number;
  readonly owner: Owner;
  readonly isDelivered: boolean;
  readonly isApp: boolean;
}

function withDevice(seed: number, payment: SimulatedPayment, context: Context, random: Random): DetailsOfPayer {
  const { scenario, deviceId, email } = payment;
  const { card, owner, isDelivered, isApp } = context;
  const day = dayOf(payment.occurredAtMs);
  const isByOwner = scenario === "none" || scenario === "compromised-terminal";
  // A thief who takes over an account uses the details that the shop has stored about the owner. Other thieves pay as
  // guests.
  const guest = isByOwner || scenario === "account-takeover" ? null : guestOf(seed, payment);
  const account = guest === null ? openAccountOf(owner, day) : null;
  const entryMode = account === null ? pick(ENTRY_MODES.guest, random) : pick(ENTRY_MODES.account, random);
  const billing = guest?.address ?? owner.address;
  const delivery = deliveryOf(seed, payment, billing, random);
  const newEmailDays = Number(pick(NEW_EMAIL_DAYS, random));
  const isOwnEmail = email === ownerEmail(seed, card);
  return {
    channel: isApp ? "in_app" : "ecommerce",
    entryMode,
    initiator: "customer",
    accountId: account?.id ?? null,
    accountAgeDays: account === null ? null : day - account.openedDay,
    emailAgeDays: email === null ? null : isOwnEmail ? Math.max(0, day - owner.emailDay) : newEmailDays,
    phone: guest?.phone ?? owner.phone,
    // Digits are in a different order than in the id and are combined with a letter, so that the result never looks
    // like a card number.
    deviceFingerprint: deviceId === null ? null : `fp-${deviceId.slice(-8)}x${deviceId.slice(4, 12)}`,
    billingCountry: billing.country,
    billingPostalCode: billing.postalCode,
    shippingCountry: isDelivered ? delivery.country : null,
    shippingPostalCode: isDelivered ? delivery.postalCode : null,
    ...threeDs(payment, isByOwner, random),
    avsResult: pick(guest === null ? AVS.owner : AVS.stranger, random),
    cvcResult: entryMode === "keyed" ? pick(GUESSING.includes(scenario) ? CVC.guessed : CVC.known, random) : null,
  };
}

type ThreeDs = Pick<PaymentDetails, "threeDsVersion" | "threeDsResult" | "eci" | "liabilityShift" | "exemption">;

/** 3-D Secure, or an exemption from it. Test payments are small, so they get exemptions like other small payments. */
function threeDs({ amountMinor, merchantCountry }: SimulatedPayment, isByOwner: boolean, random: Random): ThreeDs {
  const isLow = amountMinor <= LOW_VALUE_MINOR_MAX && random() < LOW_VALUE_SHARE;
  const isLowRisk = random() < LOW_RISK_SHARE && isByOwner && merchantCountry === HOME;
  if (isLow || isLowRisk) {
    const exemption = isLow ? "low_value" : "low_risk";
    return { threeDsVersion: null, threeDsResult: null, eci: "07", liabilityShift: false, exemption };
  }
  const threeDsResult = pick(isByOwner ? THREE_DS.owner : THREE_DS.stranger, random);
  const eci = ECI[threeDsResult];
  return { threeDsVersion: "2.2.0", threeDsResult, eci, liabilityShift: eci !== "07", exemption: null };
}
