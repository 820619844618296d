import { errors } from 'undici';
import { causeChain, codeOf } from './cause-chain.ts';

/** Explains error codes of Node and OpenSSL to clients, who do not know the mirror's network. Names no address. */
const MEANINGS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name does not exist',
  EAI_NODATA: 'its name has no address',
  EAI_NONAME: 'its name does not exist',
  EAI_AGAIN: 'its name could not be looked up',
  ECONNREFUSED: 'it refused the connection',
  ECONNRESET: 'it reset the connection',
  EPIPE: 'it closed the connection',
  UND_ERR_SOCKET: 'it closed the connection',
  ETIMEDOUT: 'it did not answer in time',
  EHOSTUNREACH: 'no network path leads to it',
  ENETUNREACH: 'no network path leads to it',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  CERT_REVOKED: 'its certificate was revoked',
  CERT_SIGNATURE_FAILURE: 'the signature of its certificate is wrong',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  CERT_UNTRUSTED: 'its certificate is not trusted',
  CERT_REJECTED: 'its certificate is not trusted',
  INVALID_CA: 'its certificate is not trusted',
  INVALID_PURPOSE: 'its certificate is not one of a server',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an authority that the mirror does not trust',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate comes from an authority that the mirror does not trust',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from an authority that the mirror does not trust',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate comes from an authority that the mirror does not trust, or a certificate between them is missing',
};

/**
 * The rough cause of a failed connection, for clients; `null` if no error in the chain has a known code. The innermost
 * known error counts, because it comes from the operating system or OpenSSL.
 */
export function roughCause(error: unknown): string | null {
  const known = causeChain(error).flatMap((each) => MEANINGS[codeOf(each) ?? ''] ?? []);
  return known.at(-1) ?? null;
}

/** Error codes of Node's parser (llhttp) in the terms of RFC 9112. */
const PARSER_FAULTS: Readonly<Record<string, string>> = {
  HPE_UNEXPECTED_CONTENT_LENGTH: 'has more than one Content-Length',
  HPE_INVALID_CONTENT_LENGTH: 'has a Content-Length that is not one number',
  HPE_INVALID_TRANSFER_ENCODING: 'has a Transfer-Encoding that does not end with chunked',
  HPE_INVALID_CONSTANT: 'does not begin with HTTP/',
  HPE_INVALID_VERSION: 'is of no known version of HTTP',
  HPE_INVALID_STATUS: 'has a status that is not a number of three digits',
  HPE_INVALID_HEADER_TOKEN: 'has a header line that is not name, colon and value',
  HPE_INVALID_CHUNK_SIZE: 'has a chunk without a valid size',
  HPE_HEADER_OVERFLOW: 'has headers that are too large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'has chunk extensions that are too large',
};

/** Why an answer could not be parsed, for clients; `null` if the error is not a parsing error. */
export function answerFault(error: unknown): string | null {
  for (const each of causeChain(error)) {
    if (each instanceof UnreadableAnswerError) return each.message;
    if (each instanceof errors.HeadersOverflowError) return 'has headers that are too large';
    const code = codeOf(each);
    if (code?.startsWith('HPE_') === true) return PARSER_FAULTS[code] ?? 'is not HTTP/1.1';
    if (each instanceof errors.HTTPParserError) return 'is not HTTP/1.1';
  }
  return null;
}

/** An answer that the parser accepts but that is unsafe to use. The message continues "its answer …". */
export class UnreadableAnswerError extends Error {
  override readonly name = 'UnreadableAnswerError';
}
