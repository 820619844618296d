import { HttpProblem } from '@cloud-mirror/http-service';
import type { SignedMethod } from '@cloud-mirror/storage-provider';

export type SubResources = Readonly<Record<string, string>>;

const NONE: SubResources = {};

/**
 * The parameters of S3 that may be signed, for each method. Anything else would be signed into an address that means
 * something else, such as `?acl` or `?policy`.
 */
const ALLOWED: Readonly<Record<SignedMethod, RegExp>> = {
  GET: /^(?:versionId|partNumber|uploadId|tagging|response-[a-z-]+)$/,
  HEAD: /^(?:versionId|partNumber)$/,
  PUT: /^(?:partNumber|uploadId|tagging)$/,
  POST: /^(?:uploads|uploadId)$/,
  DELETE: /^(?:uploadId|versionId|tagging)$/,
};

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const MOST_PARTS = 10_000;

/**
 * Parses the query of a request for an object.
 * @returns the parameters, decoded
 * @throws HttpProblem 400 for any parameter that must not be signed
 */
export function parseSubResources(method: SignedMethod, rawQuery: string): SubResources {
  if (rawQuery === '') return NONE;
  const found: Record<string, string> = {};
  for (const [name, value] of parseQuery(rawQuery)) {
    if (!ALLOWED[method].test(name))
      throw refused(`The parameter ${shown(name)} is not signed for ${method}.`);
    checkValue(name, value);
    found[name] = value;
  }
  checkTogether(method, found);
  return found;
}

/**
 * The parameters of a query, decoded as forms are.
 * @throws HttpProblem 400 if it cannot be decoded, or has a parameter twice
 */
export function parseQuery(rawQuery: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const part of rawQuery.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = decodedParameter(equals === -1 ? part : part.slice(0, equals));
    const value = equals === -1 ? '' : decodedParameter(part.slice(equals + 1));
    if (found.has(name)) throw refused(`The parameter ${shown(name)} stands twice in the query.`);
    found.set(name, value);
  }
  return found;
}

function decodedParameter(raw: string): string {
  let text: string;
  try {
    text = decodeURIComponent(raw.replaceAll('+', ' '));
  } catch (cause) {
    throw refused('The query is not percent-encoded UTF-8.', cause);
  }
  if (/[^\x20-\x7e]/.test(raw)) throw refused('The query has a character that must be percent-encoded.');
  return text;
}

/** Some stores take a request with an empty value for one without the parameter, which acts on the whole object. */
function checkValue(name: string, value: string): void {
  if (name === 'partNumber') {
    const number = /^\d{1,5}$/.test(value) ? Number(value) : 0;
    if (number < 1 || number > MOST_PARTS)
      throw refused(`partNumber must be a whole number from 1 to ${MOST_PARTS}.`);
  } else if ((name === 'uploadId' || name === 'versionId') && value === '') {
    throw refused(`The parameter ${name} has no value.`);
  } else if ((name === 'uploads' || name === 'tagging') && value !== '') {
    throw refused(`The parameter ${name} takes no value.`);
  }
}

function checkTogether(method: SignedMethod, found: SubResources): void {
  const has = (name: string): boolean => Object.hasOwn(found, name);
  if (method === 'PUT' && has('partNumber') !== has('uploadId'))
    throw refused('A part of an upload needs both partNumber and uploadId.');
  if (has('uploadId') && (has('tagging') || has('uploads') || has('versionId')))
    throw refused('uploadId stands beside another sub-resource; one request can only have one.');
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 64));
}

function refused(detail: string, cause?: unknown): HttpProblem {
  return new HttpProblem(
    400,
    'parameter_refused',
    `${detail} Signed are S3's versionId, partNumber, uploadId, uploads, tagging and response-*, each for some methods.`,
    { cause },
  );
}
