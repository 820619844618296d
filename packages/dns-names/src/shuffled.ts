/** A copy in random order (Fisher and Yates), so that clients who take the first of a list spread over all of it. */
export function shuffled<Item>(items: readonly Item[]): Item[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    const [one, two] = [result[last], result[other]];
    if (one === undefined || two === undefined) continue;
    result[last] = two;
    result[other] = one;
  }
  return result;
}
