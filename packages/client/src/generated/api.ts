export interface paths {
    "/v1/transactions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a transaction
         * @description At most 16384 bytes.
         */
        post: operations["sendTransaction"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/transactions/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send up to 10000 transactions
         * @description NDJSON: one Transaction per line, at most 8388608 bytes in total. The response has one result per line, in the same order; an invalid line does not affect the others.
         */
        post: operations["sendTransactions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/decisions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Read a decision */
        get: operations["readDecision"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/labels": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a label
         * @description At most 16384 bytes.
         */
        post: operations["sendLabel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/labels/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send up to 10000 labels
         * @description NDJSON: one Label per line, at most 8388608 bytes in total. The response has one result per line, in the same order; an invalid line does not affect the others.
         */
        post: operations["sendLabels"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payment-updates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a payment update
         * @description At most 16384 bytes.
         */
        post: operations["sendPaymentUpdate"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payment-updates/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send up to 10000 payment updates
         * @description NDJSON: one PaymentUpdate per line, at most 8388608 bytes in total. The response has one result per line, in the same order; an invalid line does not affect the others.
         */
        post: operations["sendPaymentUpdates"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/fraud-reports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send a fraud report
         * @description At most 16384 bytes.
         */
        post: operations["sendFraudReport"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/fraud-reports/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send up to 10000 fraud reports
         * @description NDJSON: one FraudReport per line, at most 8388608 bytes in total. The response has one result per line, in the same order; an invalid line does not affect the others.
         */
        post: operations["sendFraudReports"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Transaction: {
            /** @description Your ID of the payment; must not contain a card number. You can safely send the same ID again: it is the same payment. */
            transaction_id: string;
            card: {
                /** @description Immediately replaced by a token; never stored. */
                number?: string;
                /** @description The `card_token` of an earlier decision. */
                token?: string;
                /** @description Only with `token`: the first 6 or 8 digits of the number. With `number`, they are taken from it. */
                bin?: string;
            } & (unknown | unknown);
            amount: {
                /** @description In minor units of the currency: 1299 means 12.99 EUR or 1299 JPY. 0 is an account check. */
                minor: number;
                currency: components["schemas"]["Currency"];
            };
            /** Format: date-time */
            occurred_at: string;
            /** @description Your own id of the terminal or shop at which the card was presented. */
            terminal_id?: string;
            /** @description Your own id of the device that pays. Immediately replaced by a token. Stored only in encrypted form, or not at all. */
            device_id?: string;
            /** @description The network address the payment comes from. Immediately replaced by a token. Stored only in encrypted form, or not at all. */
            ip_address?: string;
            /**
             * Format: email
             * @description The payer's e-mail address. Immediately replaced by a token. Stored only in encrypted form, or not at all.
             */
            email?: string;
            /** @description The name on the card. Stored only in encrypted form, or not at all; not used for decisions. */
            cardholder?: string;
            /** @description Country of the card's issuer, ISO 3166-1 alpha-2. */
            card_country?: string;
            /** @description Country of the merchant, ISO 3166-1 alpha-2. */
            merchant_country?: string;
            /** @description Country of the network address, ISO 3166-1 alpha-2. */
            ip_country?: string;
            /** @description Where the payment takes place, in degrees (WGS 84). */
            location?: {
                latitude: number;
                longitude: number;
            };
            /** @description Your own id of the merchant that is paid. */
            merchant_id?: string;
            /** @description Merchant category code, ISO 18245. */
            mcc?: string;
            /**
             * @description Where the order was placed; moto is mail order and telephone order.
             * @enum {string}
             */
            channel?: "ecommerce" | "in_app" | "point_of_sale" | "moto" | "atm";
            /**
             * @description How the card's data were entered; on_file means stored card data.
             * @enum {string}
             */
            entry_mode?: "chip" | "contactless" | "magnetic_stripe" | "keyed" | "on_file" | "wallet";
            /**
             * @description Who started the payment. The payer does not take part in a merchant or recurring payment.
             * @enum {string}
             */
            initiator?: "customer" | "merchant" | "recurring";
            /** @description Whether this is a test. Tripline decides tests like other payments; rules and features can exclude them. */
            is_test?: boolean;
            /**
             * @description How the card is funded.
             * @enum {string}
             */
            card_funding?: "credit" | "debit" | "prepaid" | "charge";
            /**
             * @description The card's scheme.
             * @enum {string}
             */
            card_brand?: "visa" | "mastercard" | "amex" | "discover" | "diners" | "jcb" | "unionpay" | "maestro" | "other";
            /** @description Your own id of the payer's account. Immediately replaced by a token. Stored only in encrypted form, or not at all. */
            account_id?: string;
            /** @description Days since the payer's account was opened. */
            account_age_days?: number;
            /** @description Days since the e-mail address was first seen, by you or by a data provider. */
            email_age_days?: number;
            /** @description The payer's telephone number in international form (E.164). Immediately replaced by a token. Stored only in encrypted form, or not at all. */
            phone?: string;
            /** @description A fingerprint of the device, from a script or a data provider. Immediately replaced by a token. Stored only in encrypted form, or not at all. */
            device_fingerprint?: string;
            /** @description Country of the billing address, ISO 3166-1 alpha-2. */
            billing_country?: string;
            /** @description Postal code of the billing address. Spaces and hyphens do not count. Immediately replaced by a token. Stored only in encrypted form, or not at all. */
            billing_postal_code?: string;
            /** @description Country of the delivery address, ISO 3166-1 alpha-2. */
            shipping_country?: string;
            /** @description Postal code of the delivery address. The same code has the same token in both addresses. Immediately replaced by a token. Stored only in encrypted form, or not at all. */
            shipping_postal_code?: string;
            /** @description Version of the 3-D Secure protocol. */
            three_ds_version?: string;
            /**
             * @description Result of 3-D Secure authentication: transaction statuses Y, A, N, U, R and I of EMV 3-D Secure.
             * @enum {string}
             */
            three_ds_result?: "authenticated" | "attempted" | "failed" | "unavailable" | "rejected" | "informational";
            /** @description Electronic commerce indicator, two digits. */
            eci?: string;
            /** @description Whether the issuer is liable for fraud. */
            liability_shift?: boolean;
            /**
             * @description The exemption from strong customer authentication that was requested.
             * @enum {string}
             */
            exemption?: "low_value" | "low_risk" | "trusted_merchant" | "secure_corporate" | "delegated";
            /**
             * @description Result of the address verification: which parts match the issuer's records.
             * @enum {string}
             */
            avs_result?: "full_match" | "address_match" | "postal_code_match" | "no_match" | "unavailable";
            /**
             * @description Result of the check of the card's security code.
             * @enum {string}
             */
            cvc_result?: "match" | "no_match" | "unavailable";
            /** @description The issuer's code for the authorisation, if there is one already. */
            authorisation_code?: string;
            /** @description Acquirer reference number (ARN), if there is one already. */
            acquirer_reference?: string;
            /** @description Up to 32 values of your own, by name: texts of at most 256 characters, numbers and booleans, together at most 4,096 bytes of JSON. A name has at most 64 characters. Stored only in encrypted form, or not at all. */
            attributes?: {
                [key: string]: string | number | boolean;
            };
        };
        /**
         * @description Current ISO 4217 code of a currency that has a minor unit.
         * @enum {string}
         */
        Currency: "AED" | "AFN" | "ALL" | "AMD" | "AOA" | "ARS" | "AUD" | "AWG" | "AZN" | "BAM" | "BBD" | "BDT" | "BHD" | "BIF" | "BMD" | "BND" | "BOB" | "BRL" | "BSD" | "BTN" | "BWP" | "BYN" | "BZD" | "CAD" | "CDF" | "CHF" | "CLP" | "CNY" | "COP" | "CRC" | "CUP" | "CVE" | "CZK" | "DJF" | "DKK" | "DOP" | "DZD" | "EGP" | "ERN" | "ETB" | "EUR" | "FJD" | "FKP" | "GBP" | "GEL" | "GHS" | "GIP" | "GMD" | "GNF" | "GTQ" | "GYD" | "HKD" | "HNL" | "HTG" | "HUF" | "IDR" | "ILS" | "INR" | "IQD" | "IRR" | "ISK" | "JMD" | "JOD" | "JPY" | "KES" | "KGS" | "KHR" | "KMF" | "KPW" | "KRW" | "KWD" | "KYD" | "KZT" | "LAK" | "LBP" | "LKR" | "LRD" | "LSL" | "LYD" | "MAD" | "MDL" | "MGA" | "MKD" | "MMK" | "MNT" | "MOP" | "MRU" | "MUR" | "MVR" | "MWK" | "MXN" | "MYR" | "MZN" | "NAD" | "NGN" | "NIO" | "NOK" | "NPR" | "NZD" | "OMR" | "PAB" | "PEN" | "PGK" | "PHP" | "PKR" | "PLN" | "PYG" | "QAR" | "RON" | "RSD" | "RUB" | "RWF" | "SAR" | "SBD" | "SCR" | "SDG" | "SEK" | "SGD" | "SHP" | "SLE" | "SOS" | "SRD" | "SSP" | "STN" | "SVC" | "SYP" | "SZL" | "THB" | "TJS" | "TMT" | "TND" | "TOP" | "TRY" | "TTD" | "TWD" | "TZS" | "UAH" | "UGX" | "USD" | "UYU" | "UZS" | "VED" | "VES" | "VND" | "VUV" | "WST" | "XAF" | "XCD" | "XCG" | "XOF" | "XPF" | "YER" | "ZAR" | "ZMW" | "ZWG";
        Label: {
            /** @description Your ID of the payment; must not contain a card number. You can safely send the same ID again: it is the same payment. */
            transaction_id: string;
            card: {
                /** @description Immediately replaced by a token; never stored. */
                number?: string;
                /** @description The `card_token` of an earlier decision. */
                token?: string;
            } & (unknown | unknown);
            /** @description The terminal of the payment. Omit it only if the payment has none; otherwise, the verdict is not counted for the terminal. */
            terminal_id?: string;
            /** Format: date-time */
            occurred_at: string;
            fraud: boolean;
            /**
             * Format: date-time
             * @description When the fraud was reported. Default: now.
             */
            labelled_at?: string;
            /** @description Who reported it, for example `chargeback` or `analyst`. */
            source?: string;
        };
        PaymentUpdate: {
            /** @description Your ID of the payment, as sent with the payment. */
            transaction_id: string;
            /** @description Your ID of this update, unique within the payment. You can safely send the same ID again: it is the same update. */
            update_id: string;
            card: {
                /** @description Immediately replaced by a token; never stored. */
                number?: string;
                /** @description The `card_token` of an earlier decision. */
                token?: string;
            } & (unknown | unknown);
            /**
             * @description What happened: the issuer authorised or declined it, the payer completed or abandoned 3-D Secure, or an amount was captured, reversed or refunded.
             * @enum {string}
             */
            kind: "authorised" | "declined" | "three_ds_completed" | "three_ds_abandoned" | "captured" | "reversed" | "refunded";
            /** @description The issuer's response code, for example `51`. Only with `authorised` and `declined`. */
            issuer_code?: string;
            /** @description The amount captured, reversed or refunded by this update alone. Required for these kinds, and not allowed with others. */
            amount?: {
                /** @description In minor units of the currency: 1299 means 12.99 EUR or 1299 JPY. */
                minor: number;
                currency: components["schemas"]["Currency"];
            };
            /**
             * Format: date-time
             * @description When it happened.
             */
            occurred_at: string;
        };
        FraudReport: {
            /** @description Your ID of the report, such as the ID of the dispute. A payment can have several reports. */
            report_id: string;
            /** @description Version of the report. For a new stage, a correction or a withdrawal, send the same report_id with a higher version; the highest version applies. You can safely send the same version again. Default: 1. */
            version?: number;
            /** @description Your ID of the payment, as sent with the payment. If it is missing, Tripline finds the payment by acquirer_reference, or by card, date and amount. */
            transaction_id?: string;
            card?: {
                /** @description Immediately replaced by a token; never stored. */
                number?: string;
                /** @description The `card_token` of an earlier decision. */
                token?: string;
            } & (unknown | unknown);
            /** @description Acquirer reference number (ARN) of the payment. */
            acquirer_reference?: string;
            /** @description The issuer's authorisation code. */
            authorisation_code?: string;
            /** @description The terminal of the payment. Omit it only if the payment has none; otherwise, the verdict is not counted for the terminal. */
            terminal_id?: string;
            /**
             * Format: date-time
             * @description When the payment took place. Without transaction_id, the day is sufficient: the search includes two days before and after it.
             */
            occurred_at: string;
            /**
             * @description Source of the report: a chargeback, the issuer's report to Visa (tc40) or Mastercard (safe), an early warning, a refund, one of your analysts, or the cardholder.
             * @enum {string}
             */
            kind: "chargeback" | "tc40" | "safe" | "early_warning" | "refund" | "analyst" | "customer";
            /**
             * @description Stage of a chargeback. Default: received.
             * @enum {string}
             */
            stage?: "received" | "represented" | "won" | "lost";
            /** @description Whether the report is withdrawn. Default: false. */
            withdrawn?: boolean;
            /** @description The network's reason code, for example `10.4`. */
            reason_code?: string;
            /** @description The reported amount, which may be a part of the payment's. */
            amount?: {
                /** @description In minor units of the currency: 1299 means 12.99 EUR or 1299 JPY. */
                minor: number;
                currency: components["schemas"]["Currency"];
            };
            /**
             * Format: date-time
             * @description When this version was reported. Default: now.
             */
            reported_at?: string;
            /** @description Name of the file that contains the report, for reconciliation. */
            file?: string;
        };
        Decision: {
            /** @description Tripline's ID of the payment and its decision. */
            id: string;
            /** @description Your ID of the payment. */
            transaction_id: string;
            /** @constant */
            status: "decided";
            /** @enum {string} */
            outcome: "approve" | "challenge" | "review" | "decline";
            /** @description Strictest first. */
            reasons: {
                /** @description A stable code for use by programs. */
                code: string;
                /** @description A sentence for an analyst. Only with the scope decisions:explain or decisions:exact. */
                text?: string;
                /**
                 * @description The outcome that this reason alone would have caused.
                 * @enum {string}
                 */
                outcome: "approve" | "challenge" | "review" | "decline";
            }[];
            /** @description Estimated fraud probability, rounded to 0.05, or exact with the scope decisions:exact. Null if neither the model nor the scorecard returned one. Only with the scope decisions:explain or decisions:exact. */
            score?: number | null;
            /**
             * @description The level of the fallback chain that made the decision.
             * @enum {string}
             */
            fallback_level: "model" | "scorecard" | "rules" | "default_decision";
            /**
             * @deprecated
             * @description The former name of fallback_level, with the former names of two values. Version 0.3.0 removes it.
             * @enum {string}
             */
            rung: "model" | "scorecard" | "rules_only" | "static_policy";
            /** @description Why the model did not decide; null if it did. */
            degraded_because: string | null;
            /** @description Rules of the policy that had no result for this payment. Only with the scope decisions:explain. */
            skipped_rules?: {
                rule_id: string;
                /** @description A code, for example budget-exceeded or evaluation-failed. */
                why: string;
            }[];
            /** @description Represents the card. Can be sent instead of the card number. */
            card_token: string;
            policy_version: string;
            /** @description Revision number of the policy in the control plane; null if the policy comes from a file. */
            policy_revision: number | null;
            model: {
                name: string;
                version: string;
            } | null;
            feature_spec_version: number;
            /** Format: date-time */
            occurred_at: string;
            /** Format: date-time */
            accepted_at: string;
            /** Format: date-time */
            decided_at: string;
        };
        Pending: {
            id: string;
            transaction_id?: string;
            /** @constant */
            status: "pending";
        };
        Problem: {
            type: string;
            title: string;
            status: number;
            /**
             * @description A stable code for use by programs.
             * @enum {string}
             */
            code: "malformed-json" | "invalid-field" | "invalid-header" | "malformed-request" | "request-timeout" | "address-too-long" | "headers-too-large" | "body-too-large" | "unsupported-media-type" | "token-missing" | "token-invalid" | "token-expired" | "token-revoked" | "scope-missing" | "client-not-served" | "session-ended" | "csrf-token-wrong" | "sign-in-failed" | "not-found" | "method-not-allowed" | "decision-not-found" | "idempotency-conflict" | "changed-meanwhile" | "name-taken" | "last-admin" | "approval-missing" | "tenant-foreign" | "too-many-requests" | "rate-limited" | "kafka-unavailable" | "lake-unavailable" | "store-unavailable" | "store-refused" | "state-incomplete" | "redis-unavailable" | "database-unavailable" | "keys-unavailable" | "master-key-unavailable" | "auth-unavailable" | "service-unavailable" | "identity-unavailable" | "shutting-down" | "state-conflict" | "state-unreadable" | "message-unreadable" | "spec-mismatch" | "model-not-found" | "rollout-not-found" | "provider-not-found" | "rollout-conflict" | "comparison-missing" | "model-refused" | "invalid-tensor" | "webhook-url-refused" | "provider-url-refused" | "provider-unavailable" | "deadline-exceeded" | "scoring-unavailable" | "queue-full" | "policy-too-slow" | "policy-too-large" | "policy-checks-busy" | "policy-invalid" | "scorecard-invalid" | "config-invalid" | "internal";
            /** @description What is wrong and how to fix it. */
            detail: string;
            errors?: {
                /** @description JSON pointer (RFC 6901) to the field; empty for the whole body. */
                pointer: string;
                detail: string;
            }[];
            trace_id?: string;
        };
        TransactionLine: {
            /** @description Line number in the request, from 1. */
            line: number;
            /** @constant */
            status: 200;
            decision: components["schemas"]["Decision"];
        } | {
            /** @description Line number in the request, from 1. */
            line: number;
            /** @constant */
            status: 202;
            id: string;
            location: string;
        } | {
            /** @description Line number in the request, from 1. */
            line: number;
            status: number;
            problem: components["schemas"]["Problem"];
        };
        AppliedLabel: {
            id: string;
            transaction_id: string;
            /** @constant */
            status: "applied";
        };
        LabelLine: {
            /** @description Line number in the request, from 1. */
            line: number;
            status: 200 | 202;
            id: string;
        } | {
            /** @description Line number in the request, from 1. */
            line: number;
            status: number;
            problem: components["schemas"]["Problem"];
        };
        PaymentUpdateLine: {
            /** @description Line number in the request, from 1. */
            line: number;
            /** @constant */
            status: 202;
            id: string;
        } | {
            /** @description Line number in the request, from 1. */
            line: number;
            status: number;
            problem: components["schemas"]["Problem"];
        };
        FraudReportLine: {
            /** @description Line number in the request, from 1. */
            line: number;
            /** @constant */
            status: 202;
            id: string;
        } | {
            /** @description Line number in the request, from 1. */
            line: number;
            status: number;
            problem: components["schemas"]["Problem"];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    sendTransaction: {
        parameters: {
            query?: never;
            header?: {
                /** @description wait=<seconds> (RFC 7240), including fractions, from 0.001 to 30: respond when the result is available. Numbers in other formats are rejected. */
                Prefer?: string;
                /** @description Your key for this request, in addition to its transaction_id. It must not contain a card number. The same key with another body is rejected, and so are two keys. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "transaction_id": "order-1768435200",
                 *       "card": {
                 *         "number": "4111111111111111"
                 *       },
                 *       "amount": {
                 *         "minor": 1299,
                 *         "currency": "EUR"
                 *       },
                 *       "occurred_at": "2026-01-14T23:59:00.000Z",
                 *       "terminal_id": "t-42",
                 *       "device_id": "8f14e45f-ceea-467f-a0f6-7b1d5c2e9a10",
                 *       "ip_address": "203.0.113.7",
                 *       "email": "ada@example.com",
                 *       "cardholder": "Ada Lovelace",
                 *       "card_country": "BE",
                 *       "merchant_country": "BE",
                 *       "ip_country": "BE",
                 *       "location": {
                 *         "latitude": 50.84673,
                 *         "longitude": 4.35247
                 *       },
                 *       "merchant_id": "m-1024",
                 *       "mcc": "5732",
                 *       "channel": "ecommerce",
                 *       "entry_mode": "keyed",
                 *       "initiator": "customer",
                 *       "is_test": false,
                 *       "card_funding": "debit",
                 *       "card_brand": "visa",
                 *       "account_id": "user-7301",
                 *       "account_age_days": 412,
                 *       "email_age_days": 1280,
                 *       "phone": "+32470123456",
                 *       "device_fingerprint": "fp-9c1185a5c5e9fc54",
                 *       "billing_country": "BE",
                 *       "billing_postal_code": "1000",
                 *       "shipping_country": "BE",
                 *       "shipping_postal_code": "9000",
                 *       "three_ds_version": "2.2.0",
                 *       "three_ds_result": "authenticated",
                 *       "eci": "05",
                 *       "liability_shift": true,
                 *       "exemption": "low_value",
                 *       "avs_result": "full_match",
                 *       "cvc_result": "match",
                 *       "authorisation_code": "A1B2C3",
                 *       "acquirer_reference": "24692164001000123456789",
                 *       "attributes": {
                 *         "loyalty_tier": "gold",
                 *         "basket_items": 3,
                 *         "is_gift": false
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["Transaction"];
            };
        };
        responses: {
            /** @description The decision */
            200: {
                headers: {
                    /** @description The wait that was applied */
                    "Preference-Applied"?: string;
                    /** @description true if this request had already been accepted */
                    "Idempotent-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Decision"];
                };
            };
            /** @description Accepted; the caller did not wait, or the wait timed out */
            202: {
                headers: {
                    /** @description The wait that was applied */
                    "Preference-Applied"?: string;
                    /** @description true if this request had already been accepted */
                    "Idempotent-Replayed"?: "true";
                    /** @description URL of the decision */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pending"];
                };
            };
            /** @description `malformed-json`: The body is not valid JSON. `invalid-header`: A header is missing or invalid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `token-missing`: An access token is required. `token-invalid`: The access token is not valid. `token-expired`: The access token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `scope-missing`: The access token lacks a required scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-conflict`: The idempotency key was used for a different request */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The content type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid-field`: A field is missing, unknown or invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate-limited`: The caller has exceeded its rate limit. `too-many-requests`: The service is receiving too many requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `keys-unavailable`: The signing keys cannot be fetched. `kafka-unavailable`: Kafka is unavailable; try again. `redis-unavailable`: Redis is unavailable; try again. `queue-full`: The queue is full. `shutting-down`: This instance is shutting down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    sendTransactions: {
        parameters: {
            query?: never;
            header?: {
                /** @description wait=<seconds> (RFC 7240), including fractions, from 0.001 to 30: respond when the result is available. Numbers in other formats are rejected. */
                Prefer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /** @example {"transaction_id":"order-1768435200","card":{"number":"4111111111111111"},"amount":{"minor":1299,"currency":"EUR"},"occurred_at":"2026-01-14T23:59:00.000Z","terminal_id":"t-42","device_id":"8f14e45f-ceea-467f-a0f6-7b1d5c2e9a10","ip_address":"203.0.113.7","email":"ada@example.com","cardholder":"Ada Lovelace","card_country":"BE","merchant_country":"BE","ip_country":"BE","location":{"latitude":50.84673,"longitude":4.35247},"merchant_id":"m-1024","mcc":"5732","channel":"ecommerce","entry_mode":"keyed","initiator":"customer","is_test":false,"card_funding":"debit","card_brand":"visa","account_id":"user-7301","account_age_days":412,"email_age_days":1280,"phone":"+32470123456","device_fingerprint":"fp-9c1185a5c5e9fc54","billing_country":"BE","billing_postal_code":"1000","shipping_country":"BE","shipping_postal_code":"9000","three_ds_version":"2.2.0","three_ds_result":"authenticated","eci":"05","liability_shift":true,"exemption":"low_value","avs_result":"full_match","cvc_result":"match","authorisation_code":"A1B2C3","acquirer_reference":"24692164001000123456789","attributes":{"loyalty_tier":"gold","basket_items":3,"is_gift":false}} */
                "application/x-ndjson": components["schemas"]["Transaction"];
            };
        };
        responses: {
            /** @description One result per line */
            200: {
                headers: {
                    /** @description The wait that was applied */
                    "Preference-Applied"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": components["schemas"]["TransactionLine"];
                };
            };
            /** @description `malformed-json`: The body is not valid JSON. `invalid-header`: A header is missing or invalid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `token-missing`: An access token is required. `token-invalid`: The access token is not valid. `token-expired`: The access token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `scope-missing`: The access token lacks a required scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The content type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid-field`: A field is missing, unknown or invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate-limited`: The caller has exceeded its rate limit. `too-many-requests`: The service is receiving too many requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `keys-unavailable`: The signing keys cannot be fetched. `kafka-unavailable`: Kafka is unavailable; try again. `redis-unavailable`: Redis is unavailable; try again. `queue-full`: The queue is full. `shutting-down`: This instance is shutting down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    readDecision: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The decision */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Decision"];
                };
            };
            /** @description Accepted, but not yet decided */
            202: {
                headers: {
                    /** @description Seconds */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pending"];
                };
            };
            /** @description `token-missing`: An access token is required. `token-invalid`: The access token is not valid. `token-expired`: The access token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `scope-missing`: The access token lacks a required scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `decision-not-found`: Decision not found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid-field`: A field is missing, unknown or invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate-limited`: The caller has exceeded its rate limit */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `keys-unavailable`: The signing keys cannot be fetched. `redis-unavailable`: Redis is unavailable; try again */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    sendLabel: {
        parameters: {
            query?: never;
            header?: {
                /** @description wait=<seconds> (RFC 7240), including fractions, from 0.001 to 30: respond when the result is available. Numbers in other formats are rejected. */
                Prefer?: string;
                /** @description Your key for this request, in addition to its transaction_id. It must not contain a card number. The same key with another body is rejected, and so are two keys. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "transaction_id": "order-1768435200",
                 *       "card": {
                 *         "number": "4111111111111111"
                 *       },
                 *       "terminal_id": "t-42",
                 *       "occurred_at": "2026-01-14T23:59:00.000Z",
                 *       "fraud": true,
                 *       "source": "chargeback"
                 *     }
                 */
                "application/json": components["schemas"]["Label"];
            };
        };
        responses: {
            /** @description The label was applied to the features */
            200: {
                headers: {
                    /** @description The wait that was applied */
                    "Preference-Applied"?: string;
                    /** @description true if this request had already been accepted */
                    "Idempotent-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AppliedLabel"];
                };
            };
            /** @description Accepted; the caller did not wait, or the wait timed out */
            202: {
                headers: {
                    /** @description The wait that was applied */
                    "Preference-Applied"?: string;
                    /** @description true if this request had already been accepted */
                    "Idempotent-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pending"];
                };
            };
            /** @description `malformed-json`: The body is not valid JSON. `invalid-header`: A header is missing or invalid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `token-missing`: An access token is required. `token-invalid`: The access token is not valid. `token-expired`: The access token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `scope-missing`: The access token lacks a required scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-conflict`: The idempotency key was used for a different request */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The content type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid-field`: A field is missing, unknown or invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate-limited`: The caller has exceeded its rate limit. `too-many-requests`: The service is receiving too many requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `keys-unavailable`: The signing keys cannot be fetched. `kafka-unavailable`: Kafka is unavailable; try again. `redis-unavailable`: Redis is unavailable; try again. `queue-full`: The queue is full. `shutting-down`: This instance is shutting down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    sendLabels: {
        parameters: {
            query?: never;
            header?: {
                /** @description wait=<seconds> (RFC 7240), including fractions, from 0.001 to 30: respond when the result is available. Numbers in other formats are rejected. */
                Prefer?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /** @example {"transaction_id":"order-1768435200","card":{"number":"4111111111111111"},"terminal_id":"t-42","occurred_at":"2026-01-14T23:59:00.000Z","fraud":true,"source":"chargeback"} */
                "application/x-ndjson": components["schemas"]["Label"];
            };
        };
        responses: {
            /** @description One result per line */
            200: {
                headers: {
                    /** @description The wait that was applied */
                    "Preference-Applied"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": components["schemas"]["LabelLine"];
                };
            };
            /** @description `malformed-json`: The body is not valid JSON. `invalid-header`: A header is missing or invalid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `token-missing`: An access token is required. `token-invalid`: The access token is not valid. `token-expired`: The access token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `scope-missing`: The access token lacks a required scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The content type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid-field`: A field is missing, unknown or invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate-limited`: The caller has exceeded its rate limit. `too-many-requests`: The service is receiving too many requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `keys-unavailable`: The signing keys cannot be fetched. `kafka-unavailable`: Kafka is unavailable; try again. `redis-unavailable`: Redis is unavailable; try again. `queue-full`: The queue is full. `shutting-down`: This instance is shutting down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    sendPaymentUpdate: {
        parameters: {
            query?: never;
            header?: {
                /** @description Your key for this request, in addition to its transaction_id. It must not contain a card number. The same key with another body is rejected, and so are two keys. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "transaction_id": "order-1768435200",
                 *       "update_id": "authorisation-1",
                 *       "card": {
                 *         "number": "4111111111111111"
                 *       },
                 *       "kind": "declined",
                 *       "issuer_code": "51",
                 *       "occurred_at": "2026-01-14T23:59:30.000Z"
                 *     }
                 */
                "application/json": components["schemas"]["PaymentUpdate"];
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    /** @description true if this request had already been accepted */
                    "Idempotent-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pending"];
                };
            };
            /** @description `malformed-json`: The body is not valid JSON. `invalid-header`: A header is missing or invalid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `token-missing`: An access token is required. `token-invalid`: The access token is not valid. `token-expired`: The access token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `scope-missing`: The access token lacks a required scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-conflict`: The idempotency key was used for a different request */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The content type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid-field`: A field is missing, unknown or invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate-limited`: The caller has exceeded its rate limit. `too-many-requests`: The service is receiving too many requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `keys-unavailable`: The signing keys cannot be fetched. `kafka-unavailable`: Kafka is unavailable; try again. `redis-unavailable`: Redis is unavailable; try again. `queue-full`: The queue is full. `shutting-down`: This instance is shutting down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    sendPaymentUpdates: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /** @example {"transaction_id":"order-1768435200","update_id":"authorisation-1","card":{"number":"4111111111111111"},"kind":"declined","issuer_code":"51","occurred_at":"2026-01-14T23:59:30.000Z"} */
                "application/x-ndjson": components["schemas"]["PaymentUpdate"];
            };
        };
        responses: {
            /** @description One result per line */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": components["schemas"]["PaymentUpdateLine"];
                };
            };
            /** @description `malformed-json`: The body is not valid JSON. `invalid-header`: A header is missing or invalid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `token-missing`: An access token is required. `token-invalid`: The access token is not valid. `token-expired`: The access token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `scope-missing`: The access token lacks a required scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The content type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid-field`: A field is missing, unknown or invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate-limited`: The caller has exceeded its rate limit. `too-many-requests`: The service is receiving too many requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `keys-unavailable`: The signing keys cannot be fetched. `kafka-unavailable`: Kafka is unavailable; try again. `redis-unavailable`: Redis is unavailable; try again. `queue-full`: The queue is full. `shutting-down`: This instance is shutting down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    sendFraudReport: {
        parameters: {
            query?: never;
            header?: {
                /** @description Your key for this request, in addition to its transaction_id. It must not contain a card number. The same key with another body is rejected, and so are two keys. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "report_id": "dispute-1",
                 *       "version": 1,
                 *       "transaction_id": "order-1768435200",
                 *       "card": {
                 *         "number": "4111111111111111"
                 *       },
                 *       "terminal_id": "t-42",
                 *       "occurred_at": "2026-01-14T23:59:00.000Z",
                 *       "kind": "chargeback",
                 *       "stage": "received",
                 *       "reason_code": "10.4",
                 *       "amount": {
                 *         "minor": 1299,
                 *         "currency": "EUR"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["FraudReport"];
            };
        };
        responses: {
            /** @description Accepted */
            202: {
                headers: {
                    /** @description true if this request had already been accepted */
                    "Idempotent-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Pending"];
                };
            };
            /** @description `malformed-json`: The body is not valid JSON. `invalid-header`: A header is missing or invalid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `token-missing`: An access token is required. `token-invalid`: The access token is not valid. `token-expired`: The access token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `scope-missing`: The access token lacks a required scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `idempotency-conflict`: The idempotency key was used for a different request */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The content type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid-field`: A field is missing, unknown or invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate-limited`: The caller has exceeded its rate limit. `too-many-requests`: The service is receiving too many requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `keys-unavailable`: The signing keys cannot be fetched. `kafka-unavailable`: Kafka is unavailable; try again. `redis-unavailable`: Redis is unavailable; try again. `queue-full`: The queue is full. `shutting-down`: This instance is shutting down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    sendFraudReports: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /** @example {"report_id":"dispute-1","version":1,"transaction_id":"order-1768435200","card":{"number":"4111111111111111"},"terminal_id":"t-42","occurred_at":"2026-01-14T23:59:00.000Z","kind":"chargeback","stage":"received","reason_code":"10.4","amount":{"minor":1299,"currency":"EUR"}} */
                "application/x-ndjson": components["schemas"]["FraudReport"];
            };
        };
        responses: {
            /** @description One result per line */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": components["schemas"]["FraudReportLine"];
                };
            };
            /** @description `malformed-json`: The body is not valid JSON. `invalid-header`: A header is missing or invalid */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `token-missing`: An access token is required. `token-invalid`: The access token is not valid. `token-expired`: The access token has expired */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `scope-missing`: The access token lacks a required scope */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body-too-large`: The body is too large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported-media-type`: The content type is not supported */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid-field`: A field is missing, unknown or invalid */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `rate-limited`: The caller has exceeded its rate limit. `too-many-requests`: The service is receiving too many requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `keys-unavailable`: The signing keys cannot be fetched. `kafka-unavailable`: Kafka is unavailable; try again. `redis-unavailable`: Redis is unavailable; try again. `queue-full`: The queue is full. `shutting-down`: This instance is shutting down */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
