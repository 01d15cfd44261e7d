/** The rows of a block, grouped by entity. Within a group, rows keep the order of the block. */
export class RowsByEntity {
  /** For each entity of this share, the index of its first row, followed by the total number of rows. */
  readonly starts: Int32Array;
  rows = new Int32Array(0);

  /** @param entities number of entities in this share; entity n has the number `share + n * shares` */
  constructor(
    private readonly entities: number,
    private readonly share: number,
    private readonly shares: number,
  ) {
    this.starts = new Int32Array(entities + 1);
  }

  /**
   * Replaces the rows with another block's rows.
   *
   * @param numbers entity numbers by row, -1 for rows without an entity
   * @param length rows of the block
   */
  group(numbers: Int32Array, length: number): void {
    const { starts, entities, share, shares } = this;
    starts.fill(0);
    for (let row = 0; row < length; row += 1) {
      const number = numbers[row] ?? -1;
      if (number < 0 || number % shares !== share) continue;
      const entity = (number - share) / shares;
      starts[entity] = (starts[entity] ?? 0) + 1;
    }
    let end = 0;
    for (let entity = 0; entity < entities; entity += 1) {
      end += starts[entity] ?? 0;
      starts[entity] = end;
    }
    starts[entities] = end;
    if (end > this.rows.length) this.rows = new Int32Array(end);
    const { rows } = this;
    // Iterates backwards, so that the end of each group becomes its start.
    for (let row = length - 1; row >= 0; row -= 1) {
      const number = numbers[row] ?? -1;
      if (number < 0 || number % shares !== share) continue;
      const entity = (number - share) / shares;
      const at = (starts[entity] ?? 0) - 1;
      starts[entity] = at;
      rows[at] = row;
    }
  }
}
