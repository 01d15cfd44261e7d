import type { Place } from "./map-degrees.js";
import { GRID_SIDE, mapDegrees } from "./map-degrees.js";
import { below, logNormal, normal, STREAM, seedRandom } from "./seed-random.js";

/** Average number of terminals near a card's home. */
const NEARBY_MEAN = 20;
/** Terminals that a card keeps in mind at most, so that memory grows with cards and not with cards times terminals. */
const NEARBY_MAX = 40;
/** Share of terminals whose payments do not say where they take place, for instance shops without a counter. */
const PLACELESS_SHARE = 0.05;

/** All terminals: their location and their price level. */
export interface TerminalMap {
  readonly count: number;
  /** Factor on a card's usual amount: a jeweller's is above 1, a kiosk's below. */
  priceLevel(terminal: number): number;
  /** Where a terminal stands; null for one whose payments do not say so. */
  place(terminal: number): Place | null;
  /** Terminals near a place, at least one, nearest first. */
  nearby(x: number, y: number): Uint32Array;
}

/** Places `count` terminals at random. They are sorted into square cells, so that `nearby` looks at a few of them only. */
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
      // The search widens ring by ring until something is found, at the latest when it covers the whole grid.
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

/** A terminal with no relation to the card: what a thief or a traveller uses. */
export function anywhere(map: TerminalMap, random: () => number): number {
  return below(random, map.count);
}

/** One of the nearby terminals; squaring the uniform makes the nearest ones favourites. */
export function favourite(nearby: Uint32Array, random: () => number): number {
  return nearby[Math.floor(random() ** 2 * nearby.length)] ?? 0;
}

/** A home on the grid: towns are denser in the middle, so it is normal around the centre and clipped at the edge. */
export function homeCoordinate(random: () => number): number {
  return Math.min(GRID_SIDE - 0.001, Math.max(0, GRID_SIDE * (0.5 + 0.22 * normal(random))));
}
