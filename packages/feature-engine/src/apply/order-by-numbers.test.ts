import fc from "fast-check";
import { orderByNumbers } from "./order-by-numbers.js";

interface Event {
  readonly name: string;
  readonly card: [string, number];
  readonly terminal: [string, number];
}

const order = (events: readonly Event[]) =>
  orderByNumbers(events, ({ card, terminal }) => [
    { key: `c${card[0]}`, number: card[1] },
    { key: `t${terminal[0]}`, number: terminal[1] },
  ]).map(({ name }) => name);

test("unordered events keep their order of arrival", () => {
  const events = ["a", "b", "c"].map((name): Event => ({ name, card: [name, 1], terminal: [name, 1] }));
  expect(order(events)).toEqual(["a", "b", "c"]);
  expect(order([])).toEqual([]);
});

test("an entity's numbers increase, even if only one of two numbers is known", () => {
  expect(
    order([
      { name: "third", card: ["x", 2], terminal: ["q", 1] },
      { name: "second", card: ["x", 1], terminal: ["p", 8] },
      { name: "first", card: ["y", 5], terminal: ["p", 7] },
    ]),
  ).toEqual(["first", "second", "third"]);
});

test("sequentially counted events are returned in an order that gives the same numbers", () => {
  const counted = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })), { maxLength: 40 });
  fc.assert(
    fc.property(counted, fc.infiniteStream(fc.nat()), (pairs, random) => {
      const numbers = new Map<string, number>();
      const next = (key: string): number => {
        numbers.set(key, (numbers.get(key) ?? 0) + 1);
        return numbers.get(key) ?? 0;
      };
      const events = pairs.map(
        ([card, terminal], index): Event => ({
          name: `${index}`,
          card: [`${card}`, next(`c${card}`)],
          terminal: [`${terminal}`, next(`t${terminal}`)],
        }),
      );
      const shuffled = events
        .map((event) => ({ event, at: random.next().value ?? 0 }))
        .sort((a, b) => a.at - b.at)
        .map(({ event }) => event);
      const byName = new Map(events.map((event) => [event.name, event]));
      const seen = new Map<string, number>();
      const isNext = (key: string, number: number) => {
        seen.set(key, (seen.get(key) ?? 0) + 1);
        return seen.get(key) === number;
      };
      const ordered = order(shuffled).map((name) => byName.get(name));
      expect(ordered).toHaveLength(events.length);
      for (const event of ordered) {
        expect(event && isNext(`c${event.card[0]}`, event.card[1])).toBe(true);
        expect(event && isNext(`t${event.terminal[0]}`, event.terminal[1])).toBe(true);
      }
    }),
  );
});

test("no event is lost if numbers contradict each other", () => {
  expect(
    order([
      { name: "a", card: ["x", 2], terminal: ["p", 1] },
      { name: "b", card: ["x", 1], terminal: ["p", 2] },
      { name: "c", card: ["y", 1], terminal: ["q", 1] },
    ]),
  ).toEqual(["c", "a", "b"]);
});
