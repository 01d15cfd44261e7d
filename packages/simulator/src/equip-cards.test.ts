import { holdsCardNumber } from "@tripline/contracts/find-card-number";
import { normalAddress } from "@tripline/contracts/identifiers";
import { createSimulation } from "./create-simulation.js";
import { equipCard } from "./equip-cards.js";
import { mapDegrees } from "./map-degrees.js";
import { DAY_MS } from "./payment-times.js";
import type { SimulatedPayment } from "./simulated-payment.js";

const startMs = Date.UTC(2026, 0, 5);
const options = { seed: 7, cards: 1_000, terminals: 1_000, startMs };

function take(days: number): SimulatedPayment[] {
  const found: SimulatedPayment[] = [];
  for (const payment of createSimulation(options)) {
    if (payment.occurredAtMs >= startMs + days * DAY_MS) return found;
    found.push(payment);
  }
  return found;
}

/** The distinct values of `value` per `key`, without nulls. */
function groups(
  payments: readonly SimulatedPayment[],
  key: (payment: SimulatedPayment) => string | null,
  value: (payment: SimulatedPayment) => string | null,
): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const payment of payments) {
    const [name, member] = [key(payment), value(payment)];
    if (name === null || member === null) continue;
    found.set(name, (found.get(name) ?? new Set()).add(member));
  }
  return found;
}

const byThief = ({ scenario }: SimulatedPayment): boolean =>
  ["stolen-card", "testing-burst", "bin-testing"].includes(scenario);
const shareOf = (payments: readonly SimulatedPayment[], test: (payment: SimulatedPayment) => boolean): number =>
  payments.filter(test).length / payments.length;

describe("devices, addresses and locations", () => {
  const payments = take(60);
  const owners = payments.filter((payment) => !byThief(payment));
  const thieves = payments.filter((payment) => byThief(payment));
  const equipment = new Map(
    [
      ...groups(
        payments,
        ({ cardNumber }) => cardNumber,
        () => "",
      ).keys(),
    ].map((number) => {
      // The card's number is its account encrypted with the simulation's seed, see `cardNumber`.
      const account = Number(number.slice(7, 15) + number.charAt(6));
      return [number, equipCard(options.seed, account - options.seed)];
    }),
  );

  test("a fifth of the cards have neither a device nor an address, even if stolen; the others have both", () => {
    const wrong = payments.filter(({ cardNumber, deviceId, ipAddress }) => {
      const isSilent = equipment.get(cardNumber) === null;
      return (deviceId === null) !== isSilent || (ipAddress === null) !== isSilent;
    });
    expect(wrong).toEqual([]);
    const silent = [...equipment.values()].filter((found) => found === null).length;
    expect(silent / equipment.size).toBeGreaterThan(0.15);
    expect(silent / equipment.size).toBeLessThan(0.25);
    expect(thieves.some(({ deviceId }) => deviceId === null)).toBe(true);
  });

  test("an owner pays from one or two devices of their own, rarely from a shared one", () => {
    const spoken = owners.filter(({ deviceId }) => deviceId !== null);
    const isOwn = ({ cardNumber, deviceId }: SimulatedPayment): boolean =>
      equipment.get(cardNumber)?.devices.includes(deviceId ?? "") ?? false;
    expect(shareOf(spoken, isOwn)).toBeGreaterThan(0.99);
    const shared = groups(
      spoken.filter((payment) => !isOwn(payment)),
      ({ deviceId }) => deviceId,
      ({ cardNumber }) => cardNumber,
    );
    expect(shared.size).toBe(options.cards / 50);
    expect(Math.min(...[...shared.values()].map((cards) => cards.size))).toBeGreaterThan(2);
    const counts = [...equipment.values()].flatMap((found) => found?.devices.length ?? []);
    expect(new Set(counts)).toEqual(new Set([1, 2]));
  });

  test("an owner's address is their home's or a mobile carrier's, which several cards share", () => {
    const spoken = owners.filter(({ ipAddress }) => ipAddress !== null);
    const isHome = ({ cardNumber, ipAddress }: SimulatedPayment): boolean =>
      equipment.get(cardNumber)?.homeAddress === ipAddress;
    expect(shareOf(spoken, isHome)).toBeGreaterThan(0.55);
    expect(shareOf(spoken, isHome)).toBeLessThan(0.65);
    const away = spoken.filter((payment) => !isHome(payment));
    expect(new Set(away.map(({ ipAddress }) => ipAddress)).size).toBe(options.cards / 10);
    expect(away.filter(({ ipAddress }) => !/^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(ipAddress ?? ""))).toEqual(
      [],
    );
  });

  test("only some neighbours share devices and a connection", () => {
    const cardsOf = new Map<string, number[]>();
    for (let card = 0; card < options.cards; card += 1) {
      const { devices = [], homeAddress = "" } = equipCard(options.seed, card) ?? {};
      for (const name of [...devices, homeAddress].filter(Boolean))
        cardsOf.set(name, [...(cardsOf.get(name) ?? []), card]);
    }
    const shared = [...cardsOf.values()].filter((cards) => cards.length > 1);
    expect(shared.length).toBeGreaterThan(options.cards * 0.05);
    expect(shared.filter(([first = 1, second, third]) => first % 2 !== 0 || second !== first + 1 || third)).toEqual([]);
  });

  test("a thief uses a device and an address that no owner has, with several cards within days", () => {
    const [deviceOf, addressOf] = [
      (payment: SimulatedPayment) => payment.deviceId,
      (payment: SimulatedPayment) => payment.ipAddress,
    ];
    const cardOf = ({ cardNumber }: SimulatedPayment) => cardNumber;
    const weekOf = ({ occurredAtMs }: SimulatedPayment) => String(Math.floor(occurredAtMs / DAY_MS / 7));
    for (const origin of [deviceOf, addressOf]) {
      const known = new Set(owners.map(origin).filter((value) => value !== null));
      expect(thieves.filter((payment) => known.has(origin(payment) ?? ""))).toEqual([]);
      const cards = [...groups(thieves, origin, cardOf).values()].map((found) => found.size);
      expect(cards.filter((count) => count >= 3).length / cards.length).toBeGreaterThan(0.5);
      expect([...groups(thieves, origin, weekOf).values()].filter((weeks) => weeks.size > 1)).toEqual([]);
    }
  });

  test("frauds at a compromised terminal use the owner's device and address", () => {
    const frauds = owners.filter(({ scenario, deviceId }) => scenario === "compromised-terminal" && deviceId !== null);
    expect(frauds.length).toBeGreaterThan(50);
    const own = shareOf(frauds, ({ cardNumber, deviceId }) => {
      return equipment.get(cardNumber)?.devices.includes(deviceId ?? "") ?? false;
    });
    expect(own).toBeGreaterThan(0.95);
  });

  test("addresses are IPv4 and IPv6 in canonical notation, from reserved ranges", () => {
    const addresses = new Set(payments.flatMap(({ ipAddress }) => ipAddress ?? []));
    expect([...addresses].filter((address) => normalAddress(address) !== address)).toEqual([]);
    const reserved = /^(10\.|100\.|198\.1[89]\.|2001:db8:)/;
    expect([...addresses].filter((address) => !reserved.test(address))).toEqual([]);
    const homes = [...addresses].filter((address) => /^(10\.|2001)/.test(address));
    expect(homes.filter((address) => address.includes(":")).length / homes.length).toBeGreaterThan(0.2);
    // Home lines whose numbers have zeros at positions where an IPv6 address could be shortened.
    const round = Array.from({ length: 100 }, (_, seed) => equipCard(seed, 4_096 - seed)?.homeAddress ?? "::1");
    expect(round.filter((address) => normalAddress(address) !== address)).toEqual([]);
    expect(round.some((address) => address.startsWith("2001:"))).toBe(true);
  });

  test("a payment takes place at its terminal's location; a few terminals have none", () => {
    const placeOf = ({ latitude, longitude }: SimulatedPayment) => JSON.stringify([latitude, longitude]);
    const places = groups(payments, ({ terminalId }) => terminalId, placeOf);
    expect([...places.values()].filter((found) => found.size !== 1)).toEqual([]);
    const silent = [...places.values()].filter((found) => found.has("[null,null]")).length / places.size;
    expect(silent).toBeGreaterThan(0.02);
    expect(silent).toBeLessThan(0.1);
    const distinct = (of: (payment: SimulatedPayment) => number | null) => new Set(payments.map(of)).size;
    expect(distinct(({ latitude }) => latitude)).toBeGreaterThan(places.size * 0.8);
    expect(distinct(({ longitude }) => longitude)).toBeGreaterThan(places.size * 0.8);
    const [low, high] = [mapDegrees(0, 0), mapDegrees(100, 100)];
    const outside = payments.filter(({ latitude, longitude }) => {
      if (latitude === null || longitude === null) return latitude !== longitude;
      const isNorth = latitude >= low.latitude && latitude <= high.latitude;
      return !isNorth || longitude < low.longitude || longitude > high.longitude;
    });
    expect(outside).toEqual([]);
  });

  test("an owner pays near home, a thief anywhere", () => {
    const middleOf = (values: number[]): number =>
      values.sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
    const placed = payments.filter(({ latitude }) => latitude !== null);
    const homes = new Map<string, SimulatedPayment[]>();
    for (const payment of placed) {
      if (byThief(payment)) continue;
      homes.set(payment.cardNumber, [...(homes.get(payment.cardNumber) ?? []), payment]);
    }
    const homeOf = (number: string): [number, number] => {
      const known = homes.get(number) ?? [];
      return [middleOf(known.map((one) => one.latitude ?? 0)), middleOf(known.map((one) => one.longitude ?? 0))];
    };
    const middles = new Map([...homes.keys()].map((number) => [number, homeOf(number)]));
    const away = (payment: SimulatedPayment): number => {
      const [latitude, longitude] = middles.get(payment.cardNumber) ?? [0, 0];
      return Math.hypot((payment.latitude ?? 0) - latitude, ((payment.longitude ?? 0) - longitude) * 0.643);
    };
    const ofOwners = middleOf(placed.filter((payment) => !byThief(payment)).map(away));
    const ofThieves = middleOf(placed.filter(byThief).map(away));
    expect(ofThieves).toBeGreaterThan(4 * ofOwners);
  });
});

test("no device ID looks like a card number, which the API would reject", () => {
  const devices = Array.from({ length: 60_000 }, (_, card) => equipCard(7, card)?.devices ?? []).flat();
  expect(devices.filter((id) => holdsCardNumber(id))).toEqual([]);
  expect(devices.filter((id) => id.includes("x", 4))).not.toEqual([]);
});
