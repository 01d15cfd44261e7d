/**
 * The usual location of an entity: the mean of unit vectors, which has no discontinuity at the date line or the poles.
 * Sums are integers, so the order of payments does not matter until the sums are halved.
 */
export interface HomePlace {
  /** Number of payments in the sums. */
  count: number;
  /** Sums of the vector components, each shifted by one to be positive and rounded to ten-millionths (0.6 m). */
  x: number;
  y: number;
  z: number;
}

/** When the count reaches this number, all sums are halved, so that a card's home follows a holder who moves. */
const PAYMENTS_MAX = 256;
const SCALE = 10_000_000;
/** Mean radius of the Earth, R1 of the IUGG (https://doi.org/10.1007/s001900050278). */
const EARTH_RADIUS_KM = 6371.0088;
const RADIANS = Math.PI / 180;

export function noHome(): HomePlace {
  return { count: 0, x: 0, y: 0, z: 0 };
}

/** @param latitude, longitude degrees, WGS 84, treated as if on a sphere */
export function addPlace(home: HomePlace, latitude: number, longitude: number): void {
  const across = Math.cos(latitude * RADIANS);
  home.count += 1;
  home.x += Math.round((1 + across * Math.cos(longitude * RADIANS)) * SCALE);
  home.y += Math.round((1 + across * Math.sin(longitude * RADIANS)) * SCALE);
  home.z += Math.round((1 + Math.sin(latitude * RADIANS)) * SCALE);
  if (home.count < PAYMENTS_MAX) return;
  home.count = PAYMENTS_MAX / 2;
  home.x = Math.floor(home.x / 2);
  home.y = Math.floor(home.y / 2);
  home.z = Math.floor(home.z / 2);
}

/** Location of an entity's newest payment. */
export interface LastPlace {
  /** Distance from the South Pole and from 180° W in 0.00001° (about a metre), plus 1; 0 if the location is unknown. */
  north: number;
  east: number;
}

const STEPS_PER_DEGREE = 100_000;

export function noPlace(): LastPlace {
  return { north: 0, east: 0 };
}

export function keepPlace(place: LastPlace, latitude: number | undefined, longitude: number | undefined): void {
  const isKnown = latitude !== undefined && longitude !== undefined;
  place.north = isKnown ? Math.round((latitude + 90) * STEPS_PER_DEGREE) + 1 : 0;
  place.east = isKnown ? Math.round((longitude + 180) * STEPS_PER_DEGREE) + 1 : 0;
}

/** Great-circle distance in km by the haversine formula; undefined if the last location is unknown. */
export function distanceFromLastKm(
  { north, east }: LastPlace,
  latitude: number,
  longitude: number,
): number | undefined {
  if (north === 0) return undefined;
  const lastLatitude = (north - 1) / STEPS_PER_DEGREE - 90;
  const lastLongitude = (east - 1) / STEPS_PER_DEGREE - 180;
  return distanceKm(lastLatitude, lastLongitude, latitude, longitude);
}

/** Great-circle distance in km between two locations in degrees, by the haversine formula. */
export function distanceKm(fromLatitude: number, fromLongitude: number, latitude: number, longitude: number): number {
  const half = (degrees: number): number => Math.sin((degrees * RADIANS) / 2) ** 2;
  const across = Math.cos(latitude * RADIANS) * Math.cos(fromLatitude * RADIANS);
  const share = half(latitude - fromLatitude) + across * half(longitude - fromLongitude);
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(share)));
}

/** Great-circle distance in km; undefined if no home is known. */
export function distanceFromHomeKm(home: HomePlace, latitude: number, longitude: number): number | undefined {
  if (home.count === 0) return undefined;
  const x = home.x / SCALE / home.count - 1;
  const y = home.y / SCALE / home.count - 1;
  const z = home.z / SCALE / home.count - 1;
  const length = Math.sqrt(x * x + y * y + z * z);
  // Locations on opposite sides of the globe cancel out, so their mean has no direction.
  if (length < 1e-6) return undefined;
  const across = Math.cos(latitude * RADIANS);
  const chord = Math.hypot(
    x / length - across * Math.cos(longitude * RADIANS),
    y / length - across * Math.sin(longitude * RADIANS),
    z / length - Math.sin(latitude * RADIANS),
  );
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, chord / 2));
}
