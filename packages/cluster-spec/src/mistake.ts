/** What is wrong with a declaration, and where. */
export interface Mistake {
  readonly path: readonly (string | number)[];
  readonly message: string;
}
