import type { TokenKind } from "@tripline/contracts/identifiers";
import { binOf, cardToken, keyedToken, networkOf } from "@tripline/contracts/identifiers";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import type { OPTIONAL_COLUMNS } from "../generated/optional-columns.js";

export type Cell = string | number | boolean | null | undefined;
type OptionalCells = Readonly<Partial<Record<keyof typeof OPTIONAL_COLUMNS, Cell>>>;

/** A payment whose label may never arrive. */
export type HistoryPayment = Omit<SimulatedPayment, "labelledAtMs"> & { readonly labelledAtMs: number | null };

/** Computes tokens as the ingestion API does, each only once. */
export interface PaymentTokens {
  card(number: string): string;
  device(id: string): string;
  ip(address: string): string;
  network(address: string): string;
  email(address: string): string;
  account(id: string): string;
  phone(number: string): string;
  fingerprint(text: string): string;
  postalCode(code: string): string;
}

export function paymentTokens(key: Uint8Array, tenant: string): PaymentTokens {
  const made = (kind: TokenKind) => remembered((text) => keyedToken(kind, key, tenant, text));
  return {
    card: remembered((number) => cardToken(key, tenant, number)),
    device: made("device"),
    ip: made("ip"),
    network: made("network"),
    email: made("email"),
    account: made("account"),
    phone: made("phone"),
    fingerprint: made("fingerprint"),
    postalCode: made("postal_code"),
  };
}

/** Memoizes `make`, with one result per card, device or address in the simulation. */
function remembered(make: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const found = known.get(text) ?? make(text);
    known.set(text, found);
    return found;
  };
}

/** The optional columns of a transactions file. */
export function optionalCells(payment: HistoryPayment, tokens: PaymentTokens): OptionalCells {
  return { ...knownCells(payment, tokens), ...detailCells(payment, tokens) };
}

/** The optional columns that the simulator always fills. */
function knownCells(payment: HistoryPayment, tokens: PaymentTokens): OptionalCells {
  const { deviceId, ipAddress, email } = payment;
  return {
    terminal_id: payment.terminalId,
    device_token: deviceId && tokens.device(deviceId),
    ip_token: ipAddress && tokens.ip(ipAddress),
    latitude: payment.latitude,
    longitude: payment.longitude,
    bin: binOf(payment.cardNumber),
    email_token: email && tokens.email(email),
    network_token: ipAddress && tokens.network(networkOf(ipAddress)),
    card_country: payment.cardCountry,
    merchant_country: payment.merchantCountry,
    ip_country: payment.ipCountry,
  };
}

/** The optional columns that the simulator fills only in simulations with details. */
function detailCells(payment: HistoryPayment, tokens: PaymentTokens): OptionalCells {
  const { accountId, phone, deviceFingerprint, billingPostalCode, shippingPostalCode } = payment;
  return {
    merchant_id: payment.merchantId,
    mcc: payment.mcc,
    channel: payment.channel,
    entry_mode: payment.entryMode,
    initiator: payment.initiator,
    card_funding: payment.cardFunding,
    card_brand: payment.cardBrand,
    account_token: accountId && tokens.account(accountId),
    account_age_days: payment.accountAgeDays,
    email_age_days: payment.emailAgeDays,
    phone_token: phone && tokens.phone(phone),
    device_fingerprint_token: deviceFingerprint && tokens.fingerprint(deviceFingerprint),
    billing_country: payment.billingCountry,
    billing_postal_token: billingPostalCode && tokens.postalCode(billingPostalCode),
    shipping_country: payment.shippingCountry,
    shipping_postal_token: shippingPostalCode && tokens.postalCode(shippingPostalCode),
    three_ds_version: payment.threeDsVersion,
    three_ds_result: payment.threeDsResult,
    eci: payment.eci,
    liability_shift: payment.liabilityShift,
    exemption: payment.exemption,
    avs_result: payment.avsResult,
    cvc_result: payment.cvcResult,
  };
}
