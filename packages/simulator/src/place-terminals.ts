import type { Place } from "./map-degrees.js";
import { GRID_SIDE, mapDegrees } from "./map-degrees.js";
import { below, logNormal, normal, STREAM, seedRandom } from "./seed-random.js";

/** Average number of terminals near a card's home. */
const NEARBY_MEAN = 20;
/** Maximum number of nearby terminals per card, so that memory grows with cards and not with cards times terminals. */
const NEARBY_MAX = 40;
/** Share of terminals whose payments have no location, such as online shops. */
const PLACELESS_SHARE = 0.05;

/** All terminals: locations and price levels. */
export interface TerminalMap {
  readonly count: number;
  /** Factor applied to a card's typical amount: above 1 for a jeweller, below 1 for a kiosk. */
  priceLevel(terminal: number): number;
  /** A terminal's location; null if its payments do not contain it. */
  place(terminal: number): Place | null;
  /** Terminals near a point, at least one, nearest first. */
  nearby(x: number, y: number): Uint32Array;
}

/** Places `count` terminals at random, sorted into square cells, so that `nearby` searches only a few. */
export function placeTerminals(seed: number, count: number): TerminalMap {
  const xs = new Float32Array(count);
  const ys = new Float32Array(count);
  const levels = new Float32Array(count);
  const placeless = new Uint8Array(count);
  const radius = Math.min(GRID_SIDE, GRID_SIDE * Math.sqrt(NEARBY_MEAN / (Math.PI * count)));
  const cellsPerSide = Math.max(1, Math.floor(GRID_SIDE / radius));
  const cells: number[][] = Array.from({ length: cellsPerSide * cellsPerSide }, () => []);
  const column = (at: number): number => Math.min(cellsPerSide - 1, Math.floor((at / GRID_SIDE) * cellsPerSide));
  for (let terminal = 0; terminal < count; terminal += 1) {
    const random = seedRandom(seed, STREAM.terminal, terminal, 0);
    const x = random() * GRID_SIDE;
    const y = random() * GRID_SIDE;
    xs[terminal] = x;
    ys[terminal] = y;
    levels[terminal] = logNormal(random, 1, 0.3);
    placeless[terminal] = random() < PLACELESS_SHARE ? 1 : 0;
    cells[column(y) * cellsPerSide + column(x)]?.push(terminal);
  }
  const distance = (terminal: number, x: number, y: number): number =>
    Math.hypot((xs[terminal] ?? 0) - x, (ys[terminal] ?? 0) - y);

  const within = (x: number, y: number, reach: number): number[] => {
    const found: number[] = [];
    for (let row = column(y) - reach; row <= column(y) + reach; row += 1) {
      for (let col = column(x) - reach; col <= column(x) + reach; col += 1) {
        if (row < 0 || col < 0 || row >= cellsPerSide || col >= cellsPerSide) continue;
        found.push(...(cells[row * cellsPerSide + col] ?? []));
      }
    }
    return found;
  };

  return {
    count,
    priceLevel: (terminal) => levels[terminal] ?? 1,
    place: (terminal) => (placeless[terminal] === 1 ? null : mapDegrees(xs[terminal] ?? 0, ys[terminal] ?? 0)),
    nearby(x, y) {
      // The search widens ring by ring until it finds a terminal, at the latest when it covers the whole grid.
      let reach = 1;
      let found = within(x, y, reach);
      while (found.length === 0 && reach < cellsPerSide) {
        reach += 1;
        found = within(x, y, reach);
      }
      found.sort((left, right) => distance(left, x, y) - distance(right, x, y) || left - right);
      const near = found.filter((terminal) => distance(terminal, x, y) <= radius);
      return Uint32Array.from((near.length > 0 ? near : found.slice(0, 1)).slice(0, NEARBY_MAX));
    },
  };
}

/** The terminal's public id. */
export function terminalId(terminal: number): string {
  return `term-${String(terminal).padStart(6, "0")}`;
}

/** The inverse of `terminalId`. */
export function terminalOf(id: string): number {
  return Number(id.slice("term-".length));
}

/** A terminal that is unrelated to the card, for a thief or a traveller. */
export function anywhere(map: TerminalMap, random: () => number): number {
  return below(random, map.count);
}

/** One of the nearby terminals; squaring the uniform number favours the nearest. */
export function favourite(nearby: Uint32Array, random: () => number): number {
  return nearby[Math.floor(random() ** 2 * nearby.length)] ?? 0;
}

/** A home coordinate: normally distributed, because homes are denser in the centre, and clipped at the edge. */
export function homeCoordinate(random: () => number): number {
  return Math.min(GRID_SIDE - 0.001, Math.max(0, GRID_SIDE * (0.5 + 0.22 * normal(random))));
}
