// Generated from packages/contracts/payment.yaml by `npx tripline generate`. Do not edit.

import type { Transaction } from "@tripline/contracts/generated/tripline/events/v1/events";
import { z } from "zod";
import { fromRow } from "../input/row-values.js";

/** Optional columns of a transactions file. NULL or a missing column means that the payment has no such value. */
export const OPTIONAL_COLUMNS = {
  device_token: "VARCHAR",
  ip_token: "VARCHAR",
  latitude: "DOUBLE",
  longitude: "DOUBLE",
  bin: "VARCHAR",
  email_token: "VARCHAR",
  network_token: "VARCHAR",
  card_country: "VARCHAR",
  merchant_country: "VARCHAR",
  ip_country: "VARCHAR",
} as const;

/** The schema of these columns in a line of JSON. */
export const OPTIONAL_LINE = {
  device_token: z.string().optional(),
  ip_token: z.string().optional(),
  latitude: z.number().optional(),
  longitude: z.number().optional(),
  bin: z.string().optional(),
  email_token: z.string().optional(),
  network_token: z.string().optional(),
  card_country: z.string().optional(),
  merchant_country: z.string().optional(),
  ip_country: z.string().optional(),
};

/** Converts these columns of a row to fields of the message. */
export function optionalFields(row: Readonly<Record<string, unknown>>) {
  return {
    deviceToken: fromRow.text(row.device_token),
    ipToken: fromRow.text(row.ip_token),
    latitude: fromRow.number(row.latitude),
    longitude: fromRow.number(row.longitude),
    bin: fromRow.text(row.bin),
    emailToken: fromRow.text(row.email_token),
    networkToken: fromRow.text(row.network_token),
    cardCountry: fromRow.text(row.card_country),
    merchantCountry: fromRow.text(row.merchant_country),
    ipCountry: fromRow.text(row.ip_country),
  } satisfies Partial<Transaction>;
}
