import type { Transaction } from "./generated/tripline/events/v1/events.js";

type Optional = "bin" | "emailToken" | "deviceToken" | "ipToken" | "networkToken";
type Country = "cardCountry" | "merchantCountry" | "ipCountry";

/** What the optional fields of a payment hold where the client sends none of them. */
export const UNSENT: Readonly<Pick<Transaction, Optional | Country>> = {
  bin: "",
  emailToken: "",
  deviceToken: "",
  ipToken: "",
  networkToken: "",
  cardCountry: "",
  merchantCountry: "",
  ipCountry: "",
};
