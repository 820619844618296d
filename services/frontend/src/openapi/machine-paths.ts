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
  ETag: header('Of the bytes.'),
  'Last-Modified': header('When the copy was stored.'),
  'Accept-Ranges': header('`bytes`'),
  'Repr-Digest': header('RFC 9530, where the SHA-256 is known.'),
};

const bytes = { '*/*': { schema: { type: 'string', format: 'binary' } } };

const objects = {
  operationId: 'object',
  tags: ['clients'],
  summary: 'A copy of a `filesystem` back end',
  parameters: [
    SERVICE,
    REGION,
    pathParameter('name', 'SHA-256 that names the copy, as `Location` has it.'),
    { name: 'Range', in: 'header', description: 'One range of bytes.', schema: { type: 'string' } },
    { name: 'If-None-Match', in: 'header', schema: { type: 'string' } },
  ],
  responses: {
    200: { description: 'All of it.', headers: objectHeaders, content: bytes },
    206: {
      description: 'A part of it.',
      headers: { ...objectHeaders, 'Content-Range': header('RFC 9110.') },
      content: bytes,
    },
    304: { description: 'The client has it.' },
    404: problem('No such copy.'),
    412: problem('Another object than the client named.'),
    416: {
      ...problem('The range begins after the end.'),
      headers: { 'Content-Range': header('The length.') },
    },
  },
};

function get(operationId: string, summary: string, responses: object) {
  return { get: { operationId, tags, summary, responses } };
}

const NOT_READY = {
  ...problem('Draining, or no store can be reached; the failing part is named.'),
  headers: RETRY_AFTER,
};

export const machinePaths = {
  '/': get('frontPage', 'What this is', { 200: { description: 'A page.', content: { 'text/html': {} } } }),
  '/v1/objects/{service}/{region}/{name}': { get: objects },
  '/v1/backends': get('backends', 'Services and regions, their state and queue depth', {
    200: jsonAnswer('Every back end.', {
      type: 'object',
      required: ['backends'],
      properties: { backends: { type: 'array', items: ref('Backend') } },
    }),
  }),
  '/v1/ping': get('ping', 'Whether the process answers', {
    200: jsonAnswer('It does.', {
      type: 'object',
      required: ['alive', 'uptime'],
      properties: { alive: { const: true }, uptime: { type: 'number', description: 'Seconds.' } },
    }),
  }),
  '/livez': get('livez', 'Whether the process answers; looks at nothing else', {
    200: jsonAnswer('It does.', {
      type: 'object',
      required: ['status'],
      properties: { status: { const: 'alive' } },
    }),
  }),
  '/readyz': get('readyz', 'Whether a load balancer should send clients here', {
    200: jsonAnswer('It should; what is lost is named.', ref('Readiness')),
    503: NOT_READY,
  }),
  '/metrics': get('metrics', 'Prometheus text', {
    200: { description: 'Metrics.', content: { 'text/plain': {} } },
  }),
  '/v1/openapi.json': get('openApi', 'This description', {
    200: { description: 'OpenAPI 3.1.', content: { 'application/json': {} } },
  }),
};
