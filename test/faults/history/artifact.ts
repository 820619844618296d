import type { Found } from './history.ts';

const HEADER_BYTES = 64;

/** The bytes of a version of an object: they name themselves, and every one of them is determined. */
export function artifactBytes(object: string, version: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes, `${object} ${version} `);
  bytes.fill(0x20, 0, HEADER_BYTES);
  bytes.write(JSON.stringify([object, version, sizeBytes]), 0);
  return bytes;
}

/** What bytes that came from a copy's address are. */
export function recognize(bytes: Buffer): Found {
  let header: unknown;
  try {
    header = JSON.parse(bytes.subarray(0, HEADER_BYTES).toString());
  } catch {
    return { kind: 'wrong', what: `${bytes.length} bytes that begin with none of ours` };
  }
  const [object, version, sizeBytes] = header as [string, number, number];
  if (bytes.length !== sizeBytes)
    return { kind: 'wrong', what: `${bytes.length} bytes of the ${sizeBytes} of ${object} ${version}` };
  if (!bytes.equals(artifactBytes(object, version, sizeBytes)))
    return { kind: 'wrong', what: `bytes of ${object} ${version} with others among them` };
  return { kind: 'whole', object, version };
}
