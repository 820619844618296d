/** One of the things that discovery does. Disposal ends it. */
export interface DiscoveryPart extends AsyncDisposable {
  /** Addresses of its listeners by name, for the `ready` line. */
  readonly addresses: Readonly<Record<string, string>>;
  /** What does not work at present, by name: `registry`. */
  failing(): string[];
  /**
   * The answer to a GET, as JSON.
   * @returns null for a path that is not of this part
   */
  answer(rawPath: string): Promise<unknown> | null;
}
