import { isCardNumber, normalAddress } from "@tripline/contracts/identifiers";
import { createSimulation } from "@tripline/simulator/create-simulation";
import { cardNumber } from "@tripline/simulator/profile-cards";
import type { SimulatedPayment } from "@tripline/simulator/simulated-payment";
import { PaymentReplicas } from "./replicate-payments.js";

const SIMULATION = { seed: 1, cards: 200, terminals: 50, startMs: Date.UTC(2025, 0, 6) };
const REPLICAS = 5;
const PAYMENTS = 2_000;

function payments(): SimulatedPayment[] {
  const stream = createSimulation(SIMULATION).payments();
  return Array.from({ length: PAYMENTS }, () => stream.next().value);
}

/** Every id of a kind, for all originals and their replicas. */
function idsOf(field: "cardNumber" | "deviceId" | "ipAddress"): { ids: Set<string>; originals: Set<string> } {
  const replicas = new PaymentReplicas(SIMULATION, REPLICAS);
  const [ids, originals] = [new Set<string>(), new Set<string>()];
  for (const payment of payments()) {
    for (let replica = 0; replica < REPLICAS; replica += 1) {
      const [original, id] = [payment[field], replicas.payment(payment, replica)[field]];
      if (original === null || id === null) continue;
      originals.add(original);
      ids.add(id);
    }
  }
  return { ids, originals };
}

test.each(["cardNumber", "deviceId", "ipAddress"] as const)("no two replicas share a %s", (field) => {
  const { ids, originals } = idsOf(field);
  expect(originals.size).toBeGreaterThan(50);
  expect(ids.size).toBe(originals.size * REPLICAS);
});

test("a replica has valid card numbers, the same as in a larger simulation", () => {
  const { ids } = idsOf("cardNumber");
  expect([...ids].every(isCardNumber)).toBe(true);
  const larger = new Set(
    Array.from({ length: SIMULATION.cards * REPLICAS }, (_, card) => cardNumber(SIMULATION.seed, card)),
  );
  expect([...ids].filter((id) => !larger.has(id))).toEqual([]);
});

test("a replica's address has the original's IP version, in ingestion's notation", () => {
  const replicas = new PaymentReplicas(SIMULATION, REPLICAS);
  const { originals } = idsOf("ipAddress");
  expect([...originals].some((address) => address.includes(":"))).toBe(true);
  for (const original of originals) {
    for (let replica = 1; replica < REPLICAS; replica += 1) {
      const address = replicas.ipAddress(original, replica);
      expect(normalAddress(address)).toBe(address);
      expect([address, address.includes(":")]).toEqual([address, original.includes(":")]);
    }
  }
});

test("replica 0 is the payment itself; others always differ in the same way, only in card, payer, device and address", () => {
  const replicas = new PaymentReplicas(SIMULATION, REPLICAS);
  const [payment] = payments().filter(({ deviceId }) => deviceId !== null);
  if (payment === undefined) throw new Error("All payments are without a device.");
  expect(replicas.payment(payment, 0)).toEqual(payment);
  const replica = replicas.payment(payment, 3);
  const { cardNumber, email, deviceId, ipAddress } = replica;
  expect(replica).toEqual({ ...payment, cardNumber, email, deviceId, ipAddress });
  expect(replicas.payment(payment, 3)).toEqual(replica);
});

test("rejects too many replicas for the available numbers and addresses", () => {
  const replicas = new PaymentReplicas(SIMULATION, 2 ** 28);
  expect(() => replicas.cardNumber("4000000000000002", 1)).toThrow("not in the simulation");
  expect(replicas.ipAddress("10.0.0.1", 2 ** 28 - 1)).toBe("255.255.255.255");
  expect(() => replicas.ipAddress("10.0.0.2", 1)).toThrow("too few addresses");
});
