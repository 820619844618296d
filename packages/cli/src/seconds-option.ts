import { InvalidArgumentError } from 'commander';

/** Parses an option whose value is a whole number of seconds, `least` or more. */
export function seconds(least: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least)) throw new InvalidArgumentError(`Give whole seconds, ${least} or more.`);
    return value;
  };
}
