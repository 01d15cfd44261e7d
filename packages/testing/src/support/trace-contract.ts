import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import type { ReceivedSpan, ReceivedValue } from "./span-receiver.js";

const FILE = new URL(import.meta.resolve("@tripline/contracts/trace-contract.yaml"));

const value = z.union([z.string(), z.number(), z.boolean()]);
const contractSpan = z.strictObject({
  span: z.string(),
  parent: z.union([z.string(), z.array(z.string())]).optional(),
  kind: z.enum(["internal", "server", "client", "producer", "consumer"]),
  service: z.string(),
  when: z.string().optional(),
  attributes: z.record(z.string(), z.union([value, z.strictObject({ value, when: z.string() })])).default({}),
});
const contractFile = z.strictObject({
  payment: z.array(contractSpan),
  label: z.array(contractSpan),
  update: z.array(contractSpan),
});

export type ContractSpan = z.infer<typeof contractSpan>;

/** The spans that may occur in the trace of a payment, a batch of payments, a label or a payment update. */
export type TraceContract = Readonly<Record<"payment" | "payments" | "label" | "update", readonly ContractSpan[]>>;

export function readTraceContract(): TraceContract {
  const { payment, label, update } = contractFile.parse(parse(readFileSync(FILE, "utf8"), { merge: true }));
  const [first, ...others] = payment;
  if (first === undefined) throw new Error("The contract has no span for a payment.");
  const batch = `${first.span}/batch`;
  const { "tripline.payment.id": _of, ...attributes } = first.attributes;
  const route = `${String(attributes["http.route"])}/batch`;
  return {
    payment,
    payments: [
      { ...first, span: batch, attributes: { ...attributes, "http.route": route, "url.path": route } },
      ...others.map((span) => (span.parent === first.span ? { ...span, parent: batch } : span)),
    ],
    label,
    update,
  };
}

/**
 * The differences between a trace and the contract; empty if there are none.
 *
 * @param spans all spans of one trace
 * @param nameOf the name of one of the contract's services in this trace
 */
export function compareTrace(
  spans: readonly ReceivedSpan[],
  contract: readonly ContractSpan[],
  nameOf: (service: string) => string = (service) => service,
): string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const seen = new Set(spans.map(({ name }) => name));
  const missing = contract.filter(({ span, when }) => when === undefined && !seen.has(span));
  return [
    ...missing.map(({ span }) => `${span}: missing`),
    ...spans.flatMap((span) => {
      const wanted = contract.find((one) => one.span === span.name);
      if (wanted === undefined) return [`${span.name}: not in the contract`];
      const parent = span.parentId === "" ? undefined : (byId.get(span.parentId)?.name ?? "a span that did not arrive");
      return [
        ...(isOneOf(parent, wanted.parent) ? [] : [`is below ${parent}, not ${String(wanted.parent)}`]),
        ...(span.kind === wanted.kind ? [] : [`is of the kind ${span.kind}, not ${wanted.kind}`]),
        ...(span.service === nameOf(wanted.service) ? [] : [`is sent by ${span.service}, not ${wanted.service}`]),
        ...compareAttributes(span, wanted.attributes),
      ].map((fault) => `${span.name}: ${fault}`);
    }),
  ];
}

function isOneOf(name: string | undefined, wanted: string | readonly string[] | undefined): boolean {
  return typeof wanted === "object" ? name !== undefined && wanted.includes(name) : name === wanted;
}

function compareAttributes(span: ReceivedSpan, wanted: ContractSpan["attributes"]): string[] {
  const { attributes: found, isFailed } = span;
  const extra = Object.keys(found).filter((name) => wanted[name] === undefined && !(isFailed && name === "error.type"));
  return [
    ...extra.map((name) => `has ${name}, which is not in the contract`),
    ...Object.entries(wanted).flatMap(([name, form]) => {
      const own = found[name];
      if (own === undefined) return typeof form === "object" ? [] : [`lacks ${name}`];
      const pattern = typeof form === "object" ? form.value : form;
      return fits(own, pattern) ? [] : [`has ${name}=${own}, not ${pattern}`];
    }),
  ];
}

function fits(own: ReceivedValue, form: ReceivedValue): boolean {
  if (form === "<int>") return Number.isInteger(own);
  if (form === "<number>") return typeof own === "number";
  if (typeof form === "string" && form.startsWith("/")) return new RegExp(form.slice(1, -1)).test(String(own));
  return own === form;
}
