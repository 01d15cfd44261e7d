/** Side of the square on which cards live and terminals stand, in the grid's own unit of length. */
export const GRID_SIDE = 100;

/** A place on the Earth in degrees (WGS 84). */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

/** Where the middle of the grid lies: in Germany, so far from the poles and from the date line. */
const CENTRE: Place = { latitude: 50, longitude: 10 };
/** Kilometres of one degree of latitude on a sphere with the Earth's mean radius of 6,371 km. */
const KM_PER_DEGREE = 111.195;
/** Five decimals of a degree are about a metre. */
const DECIMALS = 1e5;

/**
 * A point of the grid on the Earth, its unit of length taken as a kilometre: x grows to the east, y to the north. A
 * degree of longitude is taken as long as it is in the middle of the grid, so distances are right to 1 %.
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
