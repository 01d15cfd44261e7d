export interface PersonRef {
  readonly id: string;
  readonly name: string;
}
