import {
  header,
  jsonAnswer,
  pathParameter,
  problem,
  ref,
  RETRY_AFTER,
} from '@cloud-mirror/http-service/openapi';
import { REGION, SERVICE } from './parameters.ts';

const tags = ['machines'];

const objectHeaders = {
  ETag: header('The entity tag of the bytes.'),
  'Last-Modified': header("The origin's Last-Modified, or the time at which the copy was stored."),
  'Accept-Ranges': header('`bytes`'),
  'Repr-Digest': header('The SHA-256 (RFC 9530), if it is known.'),
};

const bytes = { '*/*': { schema: { type: 'string', format: 'binary' } } };

const objects = {
  operationId: 'object',
  tags: ['clients'],
  summary: 'A copy of a `filesystem` back end',
  parameters: [
    SERVICE,
    REGION,
    pathParameter('name', 'The SHA-256 that names the copy, as in `Location`.'),
    { name: 'Range', in: 'header', description: 'A single byte range.', schema: { type: 'string' } },
    { name: 'If-None-Match', in: 'header', schema: { type: 'string' } },
  ],
  responses: {
    200: { description: 'The whole copy.', headers: objectHeaders, content: bytes },
    206: {
      description: 'The requested range.',
      headers: { ...objectHeaders, 'Content-Range': header('RFC 9110.') },
      content: bytes,
    },
    304: { description: 'The copy matches the validators of the client.' },
    404: problem('There is no such copy.'),
    412: problem('The copy does not match the precondition.'),
    416: {
      ...problem('The range begins after the end of the copy.'),
      headers: { 'Content-Range': header('The length of the copy.') },
    },
  },
};

function get(operationId: string, summary: string, responses: object) {
  return { get: { operationId, tags, summary, responses } };
}

const NOT_READY = {
  ...problem('Draining, or no store can be reached. Names the failing parts.'),
  headers: RETRY_AFTER,
};

export const machinePaths = {
  '/': get('frontPage', 'Explains the service', {
    200: { description: 'An HTML page.', content: { 'text/html': {} } },
  }),
  '/v1/objects/{service}/{region}/{name}': { get: objects },
  '/v1/backends': get('backends', 'Services and regions, their state and queue depth', {
    200: jsonAnswer('All back ends.', {
      type: 'object',
      required: ['backends'],
      properties: { backends: { type: 'array', items: ref('Backend') } },
    }),
  }),
  '/v1/ping': get('ping', 'Whether the process answers', {
    200: jsonAnswer('The process answers.', {
      type: 'object',
      required: ['alive', 'uptime'],
      properties: { alive: { const: true }, uptime: { type: 'number', description: 'Seconds.' } },
    }),
  }),
  '/livez': get('livez', 'Whether the process answers; checks no part', {
    200: jsonAnswer('The process answers.', {
      type: 'object',
      required: ['status'],
      properties: { status: { const: 'alive' } },
    }),
  }),
  '/readyz': get('readyz', 'Whether a load balancer should send clients here', {
    200: jsonAnswer('Ready or degraded. Names the failing parts.', ref('Readiness')),
    503: NOT_READY,
  }),
  '/metrics': get('metrics', 'Metrics in the Prometheus text format', {
    200: { description: 'Metrics.', content: { 'text/plain': {} } },
  }),
  '/v1/openapi.json': get('openApi', 'This document', {
    200: { description: 'An OpenAPI 3.1 document.', content: { 'application/json': {} } },
  }),
};
