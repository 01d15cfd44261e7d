import type { OpenedPersonal } from "#contract/personal";

/** Data as the control plane decrypts it. One of the payments used the email address of an erased person. */
export function openPersonal({ transactionIds }: { readonly transactionIds: readonly string[] }): OpenedPersonal {
  const erased = transactionIds.length > 1 ? 1 : 0;
  const opened = transactionIds.length - erased;
  return {
    fields: [
      {
        name: "device_id",
        title: "Device",
        values: [{ value: "8f0c2a64-93c1-4f3f-8d6e-d2a5c6a1b0e9", payments: opened }],
      },
      { name: "ip_address", title: "IP address", values: [{ value: "203.0.113.77", payments: opened }] },
      {
        name: "email",
        title: "E-mail",
        values: [
          { value: "maria.ferreira@example.com", payments: opened },
          ...(opened > 1 ? [{ value: "mf.online.orders.2026@example.net", payments: 1 }] : []),
        ],
      },
      { name: "cardholder", title: "Name", values: [{ value: "Maria Ferreira", payments: opened }] },
    ],
    payments: { opened, erased, keyless: 0, empty: 0, missing: 0 },
  };
}
