import { currentFeatureSpec } from "@tripline/contracts/feature-spec";
import { compileEngine } from "../apply/compile-engine.js";
import { distanceKm, meanPlace } from "../testing/brute-force-places.js";
import { DAY_MS, TestStates } from "../testing/states.js";
import { addPlace, distanceFromHomeKm, noHome } from "./home-place.js";

type Place = readonly [latitude: number, longitude: number];

const BERLIN: Place = [52.52, 13.405];
const PARIS: Place = [48.8566, 2.3522];
const HALF_AROUND_KM = Math.PI * 6371.0088;

function homeOf(places: readonly Place[]) {
  const home = noHome();
  for (const place of places) addPlace(home, ...place);
  return home;
}

function fromHome(places: readonly Place[], place: Place): number | undefined {
  return distanceFromHomeKm(homeOf(places), ...place);
}

/** The oracle's result: without rounding, and with another formula. */
function expectedKm(places: readonly Place[], [latitude, longitude]: Place): number {
  const home = meanPlace(
    places.map(([oneLatitude, oneLongitude]) => ({ latitude: oneLatitude, longitude: oneLongitude })),
  );
  if (home === undefined) throw new Error("the places cancel out");
  return distanceKm(home, { latitude, longitude }) ?? Number.NaN;
}

/** Locations as `latitude longitude`, comma-separated. */
function parsePlaces(text: string): Place[] {
  return text.split(", ").map((place) => {
    const [latitude = Number.NaN, longitude = Number.NaN] = place.split(" ").map(Number);
    return [latitude, longitude];
  });
}

describe("distance from home", () => {
  test.each([
    ["at home", "52.52 13.405", "52.52 13.405", 0],
    ["from Berlin to Paris", "52.52 13.405", "48.8566 2.3522", 877.4645],
    ["a degree along the equator", "0 0", "0 1", HALF_AROUND_KM / 180],
    ["a degree along a meridian", "10 20", "11 20", HALF_AROUND_KM / 180],
    ["a degree of longitude at 60° is half as long", "60 0", "60 1", 55.597],
    ["across the date line", "-17.7 179.9", "-17.7 -179.9", 21.1863],
    // The home is 3 m further south, because the great circle between the two locations bends south.
    ["from a home on the date line, which both sides have", "-17.7 179.9, -17.7 -179.9", "-17.7 180", 0.0031],
    ["at the North Pole, whatever the longitude", "90 0", "90 123", 0],
    ["at the South Pole, whatever the longitude", "-90 -50", "-90 50", 0],
    ["over the pole", "89 0", "89 180", HALF_AROUND_KM / 90],
    ["from a home all around a pole", "80 0, 80 90, 80 180, 80 -90", "80 45", HALF_AROUND_KM / 18],
    ["at the other end of the world", "52.52 13.405", "-52.52 -166.595", HALF_AROUND_KM],
    ["from between two places", "0 0, 0 2", "0 1", 0],
    // Not exactly a third of the way, because a chord runs below the surface.
    ["from nearer to where it pays more often", "0 0, 0 0, 0 3", "0 1", 0.0112],
  ])("is measured correctly: %s", (_name, placesText, placeText, km) => {
    const places = parsePlaces(placesText);
    const [place = BERLIN] = parsePlaces(placeText);
    // Vectors are rounded to 10^-7, 0.6 m. At the antipode, a shift of hundreds of metres is needed to change the chord
    // by that much.
    const toleranceKm = km > 20_000 ? 0.5 : 0.001;
    expect(Math.abs((fromHome(places, place) ?? Number.NaN) - km)).toBeLessThan(toleranceKm);
    expect(Math.abs(expectedKm(places, place) - km)).toBeLessThan(toleranceKm);
  });

  test("is unknown if there is no home or the home has no direction", () => {
    expect(distanceFromHomeKm(noHome(), 0, 0)).toBeUndefined();
    expect(
      fromHome(
        [
          [0, 0],
          [0, 180],
        ],
        [0, 0],
      ),
    ).toBeUndefined();
    expect(
      fromHome(
        [
          [90, 0],
          [-90, 0],
        ],
        BERLIN,
      ),
    ).toBeUndefined();
    expect(fromHome([BERLIN, [-52.52, 13.405 - 180]], BERLIN)).toBeUndefined();
  });

  test("does not depend on the order of the payments", () => {
    const places = [BERLIN, PARIS, [-33.9, 151.2], [40.7, -74], [1.3, 103.8]] as const;
    expect(homeOf([...places].reverse())).toEqual(homeOf(places));
  });
});

describe("a home of many payments", () => {
  test("is halved at 256, so that sums stay bounded and old locations lose weight", () => {
    const home = homeOf(Array.from({ length: 255 }, () => BERLIN));
    const before = { ...home };
    expect(home.count).toBe(255);
    addPlace(home, ...PARIS);
    expect(home.count).toBe(128);
    for (const part of ["x", "y", "z"] as const) expect(home[part]).toBeLessThan(before[part] * 0.51);
    for (let index = 0; index < 100_000; index += 1) addPlace(home, index % 90, index % 180);
    expect(home.count).toBeLessThan(256);
    for (const part of ["x", "y", "z"] as const) expect(home[part]).toBeLessThanOrEqual(256 * 20_000_000);
  });

  test("equals the oracle's after many halvings", () => {
    const places: Place[] = [];
    const home = noHome();
    for (let index = 0; index < 2_000; index += 1) {
      const place: Place = [40 + ((index * 7) % 20), -10 + ((index * 13) % 40)];
      places.push(place);
      addPlace(home, ...place);
      if (index % 97 > 0) continue;
      const km = distanceFromHomeKm(home, 0, 0) ?? Number.NaN;
      expect(Math.abs(km - expectedKm(places, [0, 0]))).toBeLessThan(0.01);
    }
  });

  test("follows a card that moves", () => {
    const stayed = Array.from({ length: 1_000 }, () => BERLIN);
    const moved = Array.from({ length: 600 }, () => PARIS);
    expect(fromHome(stayed, PARIS)).toBeGreaterThan(870);
    expect(fromHome([...stayed, ...moved], PARIS)).toBeLessThan(50);
  });
});

describe("the distance_from_home feature", () => {
  const START_MS = Date.UTC(2024, 1, 28, 22);
  const fresh = () => new TestStates(compileEngine(currentFeatureSpec()));
  const at = ([latitude, longitude]: Place) => ({ latitude, longitude });

  test("measures a payment's distance from the earlier ones, and then moves the home", () => {
    const states = fresh();
    expect(states.pay(START_MS, at([0, 0]))).toMatchObject({ card_distance_from_home: -1 });
    const degree = expect.closeTo(HALF_AROUND_KM / 180, 2);
    expect(states.pay(START_MS, at([0, 1]))).toMatchObject({ card_distance_from_home: degree });
    states.store();
    expect(states.pay(START_MS, at([0, 0.5])).card_distance_from_home).toBeCloseTo(0, 2);
  });

  test("a payment without complete coordinates has no distance and does not move the home", () => {
    const states = fresh();
    states.pay(START_MS, at(BERLIN));
    for (const place of [{}, { latitude: 10 }, { longitude: 10 }]) {
      expect(states.pay(START_MS, place)).toMatchObject({ card_distance_from_home: -1 });
    }
    expect(states.pay(START_MS, at(BERLIN)).card_distance_from_home).toBeCloseTo(0, 2);
    expect(states.of("card", "c").home?.count).toBe(2);
  });

  test("a payment that is too late does not move the home", () => {
    const states = fresh();
    states.pay(START_MS, at(BERLIN));
    states.pay(START_MS - 60 * DAY_MS, at(PARIS));
    expect(states.of("card", "c").home?.count).toBe(1);
  });

  test("measures a payment's distance from the previous one if both have coordinates and are in order", () => {
    const states = fresh();
    const fromLast = (atMs: number, place: object) => states.pay(START_MS + atMs, place).card_distance_from_last;
    expect(fromLast(0, at(BERLIN))).toBe(-1);
    expect(fromLast(1_000, at(PARIS))).toBeCloseTo(877.5, 0);
    states.store();
    // The date line makes no difference.
    fromLast(2_000, at([-17.7, 179.9]));
    expect(fromLast(3_000, at([-17.7, -179.9]))).toBeCloseTo(21.2, 1);
    // For a late payment the distance is unknown, and it does not become the card's last location.
    expect(fromLast(2_500, at(BERLIN))).toBe(-1);
    expect(fromLast(3_000, at([-17.7, -179.9]))).toBeCloseTo(0, 2);
    expect(fromLast(4_000, {})).toBe(-1);
    expect(fromLast(5_000, at(PARIS))).toBe(-1);
    expect(fromLast(40 * 86_400_000, at(PARIS))).toBe(-1);
  });
});
