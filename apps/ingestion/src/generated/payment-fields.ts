// Generated from packages/contracts/payment.yaml by `npx tripline generate`. Do not edit.

import type { PersonalFields, Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { TokenKind } from "@tripline/contracts/identifiers";
import { networkOf } from "@tripline/contracts/identifiers";
import type { z } from "zod";
import * as kinds from "../requests/field-kinds.js";

/** The request's fields from payment.yaml, apart from the core fields. */
export const declaredFields = {
  terminal_id: kinds.identifier("Your own id of the terminal or shop at which the card was presented."),
  device_id: kinds.replacedText("Your own id of the device that pays.").optional(),
  ip_address: kinds.ipAddress("The network address the payment comes from.").optional(),
  email: kinds.email("The payer's e-mail address.").optional(),
  cardholder: kinds.sealedText("The name on the card.").optional(),
  card_country: kinds.country("Country of the card's issuer, ISO 3166-1 alpha-2.").optional(),
  merchant_country: kinds.country("Country of the merchant, ISO 3166-1 alpha-2.").optional(),
  ip_country: kinds.country("Country of the network address, ISO 3166-1 alpha-2.").optional(),
  location: kinds.coordinates("Where the payment takes place, in degrees (WGS 84).").optional(),
};

export type DeclaredBody = { [K in keyof typeof declaredFields]?: z.infer<(typeof declaredFields)[K]> | undefined };

/** Example values for these fields. */
export const declaredExamples = {
  terminal_id: "t-42",
  device_id: "8f14e45f-ceea-467f-a0f6-7b1d5c2e9a10",
  ip_address: "203.0.113.7",
  email: "ada@example.com",
  cardholder: "Ada Lovelace",
  card_country: "BE",
  merchant_country: "BE",
  ip_country: "BE",
  location: {"latitude":50.84673,"longitude":4.35247},
} as const;

/** These fields in the message: tokens replace personal texts, and texts that were not sent are empty. */
export function declaredValues(body: z.infer<z.ZodObject<typeof declaredFields>>, tokenOf: (kind: TokenKind, text: string) => string) {
  return {
    terminalId: body.terminal_id,
    deviceToken: body.device_id === undefined ? "" : tokenOf("device", body.device_id),
    ipToken: body.ip_address === undefined ? "" : tokenOf("ip", body.ip_address),
    latitude: body.location?.latitude,
    longitude: body.location?.longitude,
    emailToken: body.email === undefined ? "" : tokenOf("email", body.email),
    networkToken: body.ip_address === undefined ? "" : tokenOf("network", networkOf(body.ip_address)),
    cardCountry: body.card_country ?? "",
    merchantCountry: body.merchant_country ?? "",
    ipCountry: body.ip_country ?? "",
  };
}

/**
 * The values by which a retry is recognised. An empty group is left out if all later groups are empty, and newer fields
 * are added by name. A payment therefore keeps its fingerprint when fields are added.
 */
export function requestContent(payment: Transaction): unknown[] {
  const content: unknown[] = [
    payment.clientTransactionId,
    payment.cardToken,
    payment.terminalId,
    payment.amountMinor,
    payment.currency,
    payment.occurredAtMs,
  ];
  const sends1 = payment.deviceToken !== "" || payment.ipToken !== "" || payment.latitude !== undefined || payment.longitude !== undefined;
  const sends2 = payment.emailToken !== "" || payment.cardCountry !== "" || payment.merchantCountry !== "" || payment.ipCountry !== "";
  if (sends1 || sends2) content.push(payment.deviceToken, payment.ipToken, payment.latitude ?? null, payment.longitude ?? null);
  if (sends2) content.push(payment.emailToken, payment.cardCountry, payment.merchantCountry, payment.ipCountry);
  return content;
}

/** The fields to seal; undefined if none was sent. */
export function personalFields(body: DeclaredBody): PersonalFields | undefined {
  if ((body.device_id ?? body.ip_address ?? body.email ?? body.cardholder) === undefined) return undefined;
  return {
    deviceId: body.device_id ?? "",
    ipAddress: body.ip_address ?? "",
    email: body.email ?? "",
    cardholder: body.cardholder ?? "",
  };
}
