/** Makes text from the network safe to print: one line without control characters. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
}
