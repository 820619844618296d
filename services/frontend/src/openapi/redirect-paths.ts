import {
  header,
  jsonAnswer,
  pathParameter,
  problem,
  ref,
  RETRY_AFTER,
} from '@cloud-mirror/http-service/openapi';
import { ORIGIN_URL, REGION, SERVICE } from './parameters.ts';

const FILE_NAME = pathParameter('filename', 'A name with a `.` in it, for clients that need one. Ignored.');

const PREFERENCES = [
  {
    name: 'Prefer',
    in: 'header',
    description: 'RFC 7240: `wait=N` (seconds from arrival) and `respond-async`.',
    schema: { type: 'string' },
  },
  {
    name: 'Cache-Control',
    in: 'header',
    description: '`no-cache`: check that the copy exists before redirecting to it.',
    schema: { type: 'string' },
  },
  {
    name: 'wait',
    in: 'query',
    description: 'Like `Prefer: wait=N`, which takes precedence.',
    schema: { type: 'integer', minimum: 0 },
  },
  { name: 'async', in: 'query', description: 'Like `Prefer: respond-async`.', schema: { enum: ['1'] } },
];

const responses = {
  302: {
    ...jsonAnswer('To the copy, or to the origin if there is no copy within the wait.', ref('Redirect')),
    headers: {
      Location: header('The URL of the copy, or the origin URL.'),
      'Cache-Control': header('`private, no-cache`, `private, max-age=N` or `no-store`.'),
      'Cache-Status': header('The outcome of the request (RFC 9211).'),
      'Cloud-Mirror-Sha256': header("The SHA-256 of the copy's bytes in hex, if it is known."),
    },
  },
  202: {
    ...jsonAnswer(
      'The copy is in progress, and the client asked not to be redirected to the origin. A client that does not check the status (`curl -f`) saves this body as if it were the artifact.',
      ref('Redirect'),
    ),
    headers: { ...RETRY_AFTER, 'Preference-Applied': header('RFC 7240.') },
  },
  400: problem('The parameter cannot be decoded, or is not an http(s) URL.'),
  403: problem('The URL, or one that it redirects to, is not allowed.'),
  404: problem('There is no such service or region, or the origin answers 404.'),
  405: problem('The method is neither GET nor HEAD.'),
  414: problem('The origin URL is too long.'),
  429: {
    ...problem('This client sends too many requests, or the origin answers 429.'),
    headers: RETRY_AFTER,
  },
  502: problem('The origin redirects too often, or answers with a status that cannot be passed on.'),
  default: problem(
    "The origin's own error, passed on; `originStatus` is its status. A 503 has the origin's `Retry-After`, if there is one.",
  ),
};

function redirect(method: 'Get' | 'Head', extra: readonly object[]) {
  return {
    operationId: `redirect${method}${extra.length > 0 ? 'Named' : ''}`,
    tags: ['clients'],
    summary: 'Redirects to the copy of an origin object, and makes that copy if there is none',
    parameters: [SERVICE, REGION, ORIGIN_URL, ...extra, ...PREFERENCES],
    responses,
  };
}

export const redirectPaths = {
  '/v1/redirect/{service}/{region}/{b64url}': { get: redirect('Get', []), head: redirect('Head', []) },
  '/v1/redirect/{service}/{region}/{b64url}/{filename}': {
    get: redirect('Get', [FILE_NAME]),
    head: redirect('Head', [FILE_NAME]),
  },
};
