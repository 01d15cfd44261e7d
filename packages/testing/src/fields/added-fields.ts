/** One field of each type that a team can add to payment.yaml. */
export const ADDED_FIELDS = `
  - { name: loyalty_tier, path: loyalty_tier, number: 101, type: identifier, class: behavioural, title: Loyalty tier, description: A code., example: "5732", uses: [rule, entity_key, console], list: tier }
  - { name: passport_token, path: passport, number: 102, type: token, token: { prefix: xt, word: passport }, sealed: 50, class: personal, title: Passport, description: A number., example: EX123, uses: [rule, entity_key, console] }
  - { name: campaign, path: campaign, number: 103, type: text, class: behavioural, title: Campaign, description: A text., example: spring, uses: [rule, console] }
  - { name: sales_channel, path: sales_channel, number: 104, type: enum, values: [web, shop], class: behavioural, title: Sales channel, description: A choice., example: web, uses: [rule, console] }
  - { name: items, path: items, number: 105, type: integer, class: behavioural, title: Items, description: A count., example: 3, uses: [rule, console] }
  - { name: weight_kg, path: weight_kg, number: 106, type: number, class: behavioural, title: Weight, description: A measure., example: 1.5, uses: [rule, console] }
  - { name: is_gift, path: is_gift, number: 107, type: boolean, class: behavioural, title: Gift, description: A mark., example: true, uses: [rule, console] }
  - { name: account_opened_ms, path: account_opened, number: 108, type: time, class: behavioural, title: Account opened, description: A time., example: "2026-01-01T00:00:00Z", uses: [rule, console] }
  - { name: residence_country, path: residence_country, number: 109, type: country, class: behavioural, title: Residence, description: A country., example: BE, uses: [rule, entity_key, console], list: country }
  - { name: shop, path: shop, type: coordinates, columns: { latitude: 110, longitude: 111 }, class: behavioural, title: Shop, description: A place., example: { latitude: 1, longitude: 2 }, uses: [console] }
`;

/** A list kind that one of these fields uses. */
export const ADDED_KIND = "list_kinds:\n  tier: { value: a tier, noun: loyalty tier }\n";

/** Entities of the fields that can be keys. */
export const ADDED_ENTITIES = `entities:
  tier: { key: loyalty_tier, optional: true }
  passport: { key: passport_token, optional: true }
  residence: { key: card_token/residence_country, optional: true }
`;

/** A feature of each entity. */
export const ADDED_FEATURES = ["tier", "passport", "residence"]
  .map(
    (entity) =>
      `  - { name: ${entity}_count_1d, entity: ${entity}, kind: count, window: 1d, default: 0, sentence: "{value} {value:payment/payments} within a day." }\n`,
  )
  .join("");
