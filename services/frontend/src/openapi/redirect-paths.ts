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
    description: 'RFC 7240: `wait=N`, seconds from arrival, and `respond-async`.',
    schema: { type: 'string' },
  },
  {
    name: 'Cache-Control',
    in: 'header',
    description: '`no-cache`: look whether the copy is there before redirecting to it.',
    schema: { type: 'string' },
  },
  {
    name: 'wait',
    in: 'query',
    description: 'As `Prefer: wait=N`, which wins.',
    schema: { type: 'integer', minimum: 0 },
  },
  { name: 'async', in: 'query', description: 'As `Prefer: respond-async`.', schema: { enum: ['1'] } },
];

const responses = {
  302: {
    ...jsonAnswer('To the copy, or to the origin where there is none within the wait.', ref('Redirect')),
    headers: {
      Location: header('The copy or the origin URL.'),
      'Cache-Control': header('`private, no-cache`, `private, max-age=N` or `no-store`.'),
      'Cache-Status': header('RFC 9211: what became of the request.'),
      'Cloud-Mirror-Sha256': header("SHA-256 of the copy's bytes in hex, where it is known."),
    },
  },
  202: {
    ...jsonAnswer(
      'The copy is being made and the client asked not to be sent to the origin. A client that does not look at the status (`curl -f`) would save this body as if it were the artifact.',
      ref('Redirect'),
    ),
    headers: { ...RETRY_AFTER, 'Preference-Applied': header('RFC 7240.') },
  },
  400: problem('The parameter cannot be decoded, or is no http(s) URL.'),
  403: problem('The URL, or one that it redirects to, is not allowed.'),
  404: problem('No such service or region; also where the origin says 404.'),
  405: problem('Another method than GET and HEAD.'),
  414: problem('The origin URL is too long.'),
  429: { ...problem('This address asks too often; also where the origin says 429.'), headers: RETRY_AFTER },
  502: problem('The origin redirects without end, or answers with a status that cannot be passed on.'),
  default: problem(
    "The origin's own error, passed on; `originStatus` has its status. A 503 has the origin's `Retry-After`, where it gave one.",
  ),
};

function redirect(method: 'Get' | 'Head', extra: readonly object[]) {
  return {
    operationId: `redirect${method}${extra.length > 0 ? 'Named' : ''}`,
    tags: ['clients'],
    summary: 'Where the copy of an origin object is; makes that copy if there is none',
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
