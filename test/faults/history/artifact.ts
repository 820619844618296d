import type { Found } from './history.ts';

const HEADER_BYTES = 64;

/** The bytes of a version of an object. They begin with its name and version, and all of them are deterministic. */
export function artifactBytes(object: string, version: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes, `${object} ${version} `);
  bytes.fill(0x20, 0, HEADER_BYTES);
  bytes.write(JSON.stringify([object, version, sizeBytes]), 0);
  return bytes;
}

/** Recognizes the bytes from a copy's address. */
export function recognize(bytes: Buffer): Found {
  let header: unknown;
  try {
    header = JSON.parse(bytes.subarray(0, HEADER_BYTES).toString());
  } catch {
    return { kind: 'wrong', what: `${bytes.length} bytes that begin like no artifact` };
  }
  const [object, version, sizeBytes] = header as [string, number, number];
  if (bytes.length !== sizeBytes)
    return { kind: 'wrong', what: `${bytes.length} of the ${sizeBytes} bytes of ${object} ${version}` };
  if (!bytes.equals(artifactBytes(object, version, sizeBytes)))
    return { kind: 'wrong', what: `bytes of ${object} ${version} mixed with others` };
  return { kind: 'whole', object, version };
}
