/** Side of the square of cards and terminals, in the grid's own unit of length. */
export const GRID_SIDE = 100;

/** A location on Earth in degrees (WGS 84). */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

/** Centre of the grid, in Germany: far from the poles and the date line. */
const CENTRE: Place = { latitude: 50, longitude: 10 };
/** Kilometres per degree of latitude on a sphere with the Earth's mean radius of 6,371 km. */
const KM_PER_DEGREE = 111.195;
/** Five decimals of a degree are about one metre. */
const DECIMALS = 1e5;

/**
 * Maps a grid point to the Earth, one unit per kilometre: x grows to the east, y to the north. A degree of longitude
 * has the length that it has at the centre of the grid, so distances are accurate to 1 %.
 */
export function mapDegrees(x: number, y: number): Place {
  const kmPerDegreeEast = KM_PER_DEGREE * Math.cos((CENTRE.latitude * Math.PI) / 180);
  return {
    latitude: rounded(CENTRE.latitude + (y - GRID_SIDE / 2) / KM_PER_DEGREE),
    longitude: rounded(CENTRE.longitude + (x - GRID_SIDE / 2) / kmPerDegreeEast),
  };
}

function rounded(degrees: number): number {
  return Math.round(degrees * DECIMALS) / DECIMALS;
}
