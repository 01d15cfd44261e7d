import { GRID_SIDE, mapDegrees } from "./map-degrees.js";

const EARTH_RADIUS_KM = 6_371;
const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Great-circle distance by the law of cosines. */
function distanceKm([x1, y1]: readonly [number, number], [x2, y2]: readonly [number, number]): number {
  const [one, other] = [mapDegrees(x1, y1), mapDegrees(x2, y2)];
  const [lat1, lat2] = [radians(one.latitude), radians(other.latitude)];
  const east = radians(other.longitude - one.longitude);
  return (
    EARTH_RADIUS_KM * Math.acos(Math.sin(lat1) * Math.sin(lat2) + Math.cos(lat1) * Math.cos(lat2) * Math.cos(east))
  );
}

describe("mapDegrees", () => {
  test("maps the middle of the grid to 50° north, 10° east; x increases eastwards and y northwards", () => {
    expect(mapDegrees(GRID_SIDE / 2, GRID_SIDE / 2)).toEqual({ latitude: 50, longitude: 10 });
    expect(mapDegrees(60, 70).longitude).toBeGreaterThan(10);
    expect(mapDegrees(60, 70).latitude).toBeGreaterThan(50);
  });

  test.each([
    [[0, 0], [0, 100], 100],
    [[0, 0], [100, 0], 100],
    [[0, 100], [100, 100], 100],
    [[0, 0], [100, 100], 141.42],
    [[0, 100], [100, 0], 141.42],
    [[50, 50], [53, 54], 5],
  ] as const)("the distance from %j to %j is %d km, within 1 %%", (one, other, expectedKm) => {
    expect(Math.abs(distanceKm(one, other) / expectedKm - 1)).toBeLessThan(0.01);
  });
});
