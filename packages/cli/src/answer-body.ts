/** The longest response that is read; more than any response of a front end. */
const LONGEST_BYTES = 4 * 1024 * 1024;

/** Reads a response as text and cuts it after {@link LONGEST_BYTES}. */
export async function answerText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= LONGEST_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Parses a JSON object; null if `text` is not JSON or not an object. */
export function jsonObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}
