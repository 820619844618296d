import type { IncomingMessage } from 'node:http';
import { HttpProblem } from '@cloud-mirror/http-service';

export type SignedHeaders = Readonly<Record<string, string>>;

const NONE: SignedHeaders = {};

/**
 * What S3 refuses unless it is signed, and what is harmless. Not here: `x-amz-copy-source`, which would read whatever the
 * credentials reach, and `x-amz-acl` and `x-amz-grant-*`, which would open the object to others.
 */
const SIGNABLE =
  /^(?:content-md5|x-amz-(?:checksum-[a-z0-9-]+|sdk-checksum-algorithm|meta-.+|storage-class|tagging|server-side-encryption(?:-(?!customer-).+)?|content-sha256))$/;

/** A payload that is signed in pieces needs the client's own signature. */
const PAYLOAD_HASH = /^(?:[0-9a-f]{64}|UNSIGNED-PAYLOAD)$/;

/**
 * The headers of a request that its signature must cover, with names in lower case.
 * @throws HttpProblem 400 for any other `x-amz-*` header
 */
export function signableHeaders(request: IncomingMessage): SignedHeaders {
  const { headers } = request;
  let signed: Record<string, string> | null = null;
  for (const name in headers) {
    if (!name.startsWith('x-amz-') && name !== 'content-md5') continue;
    signed ??= {};
    signed[name] = checked(name, String(headers[name]));
  }
  if (signed === null) return NONE;
  refuseRepeated(request, signed);
  return signed;
}

function checked(name: string, value: string): string {
  if (!SIGNABLE.test(name))
    throw refused(
      `The header ${name.slice(0, 64)} is not signed. Signed are Content-MD5 and x-amz-checksum-*, -meta-*, -storage-class, -tagging, -server-side-encryption and -content-sha256.`,
    );
  if (name === 'x-amz-content-sha256' && !PAYLOAD_HASH.test(value))
    throw refused(
      'x-amz-content-sha256 must be the SHA-256 of the body in lower-case hex, or UNSIGNED-PAYLOAD.',
    );
  if (!/^[\t\x20-\x7e]*$/.test(value))
    throw refused(
      `The header ${name.slice(0, 64)} has a character outside ASCII, which stores sign differently.`,
    );
  return value;
}

/** Clients, proxies and stores join repeated headers in different ways, so no signature would hold. */
function refuseRepeated({ rawHeaders }: IncomingMessage, signed: Readonly<Record<string, string>>): void {
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    if (!Object.hasOwn(signed, name)) continue;
    if (seen.has(name)) throw refused(`The header ${name.slice(0, 64)} stands twice in the request.`);
    seen.add(name);
  }
}

function refused(detail: string): HttpProblem {
  return new HttpProblem(400, 'header_refused', detail);
}
