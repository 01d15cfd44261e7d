import { HOME } from "../name-payers.js";
import type { Random } from "../seed-random.js";
import { below, STREAM, seedRandom } from "../seed-random.js";
import type { PaymentDetails } from "./payment-details.js";

/** Details shared by all payments of a card's owner. */
export interface Owner {
  readonly funding: PaymentDetails["cardFunding"];
  readonly account: Account | null;
  readonly phone: string;
  /** Day on which the e-mail address was first seen. */
  readonly emailDay: number;
  readonly address: Address;
}

/** An account at the shops of one platform. */
interface Account {
  readonly id: string;
  readonly openedDay: number;
}

export interface Address {
  readonly country: string;
  readonly postalCode: string;
}

const ACCOUNT_SHARE = 0.6;
/** Days from 2016-01-01 to 2023-12-31. */
const OPENED = { first: 16_801, days: 2_922 };
/** The address may be older than the account. */
const EMAIL_OLDER_DAYS_MAX = 1_000;

export function ownerOf(seed: number, card: number): Owner {
  const random = seedRandom(seed, STREAM.owner, card, 0);
  const account = accountFrom(random);
  const share = random();
  return {
    funding: share < 0.6 ? "debit" : share < 0.93 ? "credit" : "prepaid",
    account: account.hasAccount ? account : null,
    phone: phoneFrom(random),
    emailDay: account.openedDay - below(random, EMAIL_OLDER_DAYS_MAX),
    address: { country: HOME, postalCode: postalCodeFrom(random) },
  };
}

/** The owner's account, if it was open on this day. */
export function openAccountOf({ account }: Owner, day: number): Account | null {
  return account !== null && account.openedDay < day ? account : null;
}

function accountFrom(random: Random): Account & { readonly hasAccount: boolean } {
  const hasAccount = random() < ACCOUNT_SHARE;
  const id = `user-${below(random, 2 ** 32).toString(36)}`;
  return { hasAccount, id, openedDay: OPENED.first + below(random, OPENED.days) };
}

/** ITU has not assigned the country code 999. */
export function phoneFrom(random: Random): string {
  return `+999${String(below(random, 1e9)).padStart(9, "0")}`;
}

/** Four digits, as for domestic postal codes. */
export function postalCodeFrom(random: Random): string {
  return String(1_000 + below(random, 9_000));
}
