import { median } from './statistics.ts';

/** One of the compared programs. A turn measures it once. */
export interface Competitor<Values extends Readonly<Record<string, number>>> {
  readonly what: string;
  readonly turn: () => Promise<Values>;
}

export type Medians<Values> = { readonly what: string; readonly values: Values };

/**
 * Runs the competitors in turns, A B A B, so that a slow phase of the machine affects all of them.
 * @returns the median of each value, for each competitor
 */
export async function interleaved<Values extends Readonly<Record<string, number>>>(
  competitors: readonly Competitor<Values>[],
  rounds: number,
  say: (text: string) => void,
): Promise<Medians<Values>[]> {
  const turns = new Map<string, Values[]>(competitors.map(({ what }) => [what, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const { what, turn } of competitors) {
      const values = await turn();
      turns.get(what)?.push(values);
      say(`  ${round}/${rounds} ${what}: ${describe(values)}`);
    }
  }
  return [...turns].map(([what, values]) => ({ what, values: mediansOf(values) }));
}

/** @throws {Error} if there is no competitor with that name */
export function valuesOf<Values>(medians: readonly Medians<Values>[], what: string): Values {
  const found = medians.find((one) => one.what === what);
  if (found === undefined) throw new Error(`there is no measurement called ${what}`);
  return found.values;
}

function mediansOf<Values extends Readonly<Record<string, number>>>(turns: readonly Values[]): Values {
  const names = Object.keys(turns[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, median(turns.map((turn) => turn[name] ?? Number.NaN))]),
  ) as Values;
}

function describe(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
    .join(', ');
}
