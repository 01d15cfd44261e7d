import { newErasure, newExport, sealedPayments } from "../personal/personal-requests.js";
import { ANSWERS } from "./answer-schemas.js";
import type { ControlRoute } from "./control-route.js";

export const PERSONAL: readonly ControlRoute[] = [
  {
    method: "post",
    path: "/v1/erasures",
    id: "erasePerson",
    scope: "personal:erase",
    summary: "Destroy the keys of a card's or an e-mail address's personal data",
    body: newErasure,
    answers: { 200: ANSWERS.erased },
  },
  {
    method: "post",
    path: "/v1/personal/export",
    id: "exportPerson",
    scope: "personal:read",
    summary: "Export the data that control stores about a person; the export is recorded in the audit log",
    body: newExport,
    answers: { 200: ANSWERS.exported },
  },
  {
    method: "post",
    path: "/v1/personal/open",
    id: "openPersonalData",
    scope: "personal:read",
    summary: "Decrypt personal data of payments; the access is recorded in the audit log",
    body: sealedPayments,
    answers: { 200: ANSWERS.opened },
    errors: ["not-found", "master-key-unavailable"],
  },
];
