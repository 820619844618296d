/** A 32-bit hash of a text: FNV-1a over its UTF-16 units (http://www.isthe.com/chongo/tech/comp/fnv/). */
export function stringHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
