/** What came over the network on one line that cannot steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
}
