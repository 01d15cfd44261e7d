/** The oracle's home and distance: vectors in doubles, with sums halved only where the rule requires it. */
interface Place {
  readonly latitude: number | undefined;
  readonly longitude: number | undefined;
}

type Vector = readonly [number, number, number];

const RADIANS = Math.PI / 180;

/** Direction of the mean location; undefined if no location is known or all cancel out. */
export function meanPlace(places: readonly Place[]): Vector | undefined {
  let sum: Vector = [0, 0, 0];
  let count = 0;
  for (const place of places) {
    const vector = vectorOf(place);
    if (vector === undefined) continue;
    sum = [sum[0] + vector[0], sum[1] + vector[1], sum[2] + vector[2]];
    count += 1;
    if (count < 256) continue;
    sum = [sum[0] / 2, sum[1] / 2, sum[2] / 2];
    count = 128;
  }
  const length = Math.hypot(...sum);
  return count === 0 || length / count < 1e-6 ? undefined : [sum[0] / length, sum[1] / length, sum[2] / length];
}

/** Haversine formula on a sphere of 6371.0088 km. */
export function distanceKm(home: Vector, place: Place): number | undefined {
  if (place.latitude === undefined || place.longitude === undefined) return undefined;
  const homeLatitude = Math.asin(home[2]);
  const homeLongitude = Math.atan2(home[1], home[0]);
  const latitude = place.latitude * RADIANS;
  const half = (radians: number) => Math.sin(radians / 2) ** 2;
  const share =
    half(latitude - homeLatitude) +
    Math.cos(latitude) * Math.cos(homeLatitude) * half(place.longitude * RADIANS - homeLongitude);
  return 2 * 6371.0088 * Math.asin(Math.min(1, Math.sqrt(share)));
}

export function vectorOf({ latitude, longitude }: Place): Vector | undefined {
  if (latitude === undefined || longitude === undefined) return undefined;
  const across = Math.cos(latitude * RADIANS);
  return [across * Math.cos(longitude * RADIANS), across * Math.sin(longitude * RADIANS), Math.sin(latitude * RADIANS)];
}
