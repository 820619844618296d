import {
  header,
  jsonAnswer,
  needsScope,
  OPERATOR_PROBLEMS,
  problem,
  ref,
  RETRY_AFTER,
} from '@cloud-mirror/http-service/openapi';
import { ORIGIN_URL, REGION, REGION_OR_ALL, SERVICE } from './parameters.ts';

const tags = ['operators'];
const UNKNOWN = problem('There is no such service or region.');
const DROPPED = jsonAnswer('The jobs are dropped.', {
  type: 'object',
  required: ['backend', 'dropped'],
  properties: { backend: { type: 'string' }, dropped: { const: true } },
});
const TOO_SOON = { ...problem('The queue allows this once a minute.'), headers: RETRY_AFTER };

function flush(operationId: string, parameters: readonly object[]) {
  return {
    operationId,
    tags,
    summary: 'Drops entries; keeps copies and purge markers',
    security: needsScope('flush'),
    parameters,
    responses: {
      200: jsonAnswer('The number of dropped entries.', {
        type: 'object',
        required: ['forgotten'],
        properties: { forgotten: { type: 'integer', minimum: 0 } },
      }),
      ...OPERATOR_PROBLEMS,
      404: UNKNOWN,
    },
  };
}

function onQueue(operationId: string, summary: string, responses: object) {
  return {
    operationId,
    tags,
    summary,
    security: needsScope('queue'),
    parameters: [SERVICE, REGION],
    responses: { ...responses, ...OPERATOR_PROBLEMS, 404: UNKNOWN },
  };
}

const purge = {
  operationId: 'purge',
  tags,
  summary: 'Removes the copy and its entry; voids a copy in progress',
  security: needsScope('purge'),
  parameters: [SERVICE, REGION_OR_ALL, ORIGIN_URL],
  responses: {
    204: {
      description: 'The copy and its entry are gone.',
      headers: {
        'Cloud-Mirror-Purged': header('`nothing` if there was neither a copy nor an entry.'),
      },
    },
    200: jsonAnswer('Region `all`: the copy and its entry are gone in every region.', {
      type: 'object',
      required: ['results'],
      properties: { results: { type: 'array', items: ref('PurgeResult') } },
    }),
    ...OPERATOR_PROBLEMS,
    400: problem('The parameter cannot be decoded, or is no http(s) URL.'),
    404: problem(
      'There is no such service or region, or no rule allows the URL and nothing of it is stored.',
    ),
    414: problem('The origin URL is too long.'),
  },
};

const status = {
  operationId: 'status',
  tags,
  summary: 'The state of an object; never starts a copy',
  security: needsScope('read'),
  parameters: [SERVICE, REGION_OR_ALL, ORIGIN_URL],
  responses: {
    200: jsonAnswer('The report of one region, or of each region for `all`.', {
      oneOf: [
        ref('ObjectStatus'),
        {
          type: 'object',
          required: ['regions'],
          properties: { regions: { type: 'array', items: ref('ObjectStatus') } },
        },
      ],
    }),
    ...OPERATOR_PROBLEMS,
    400: problem('The parameter cannot be decoded, or is no http(s) URL.'),
    404: UNKNOWN,
    414: problem('The origin URL is too long.'),
  },
};

const deadLetters = onQueue('deadLetters', 'Lists dead letters; counts as a receive', {
  200: jsonAnswer('Up to ten dead letters.', {
    type: 'object',
    required: ['backend', 'deadLetters'],
    properties: { backend: { type: 'string' }, deadLetters: { type: 'array', items: ref('DeadLetter') } },
  }),
});

const redrive = onQueue('redriveDeadLetters', 'Sends dead letters back to the queue', {
  200: jsonAnswer('The number of jobs.', {
    type: 'object',
    required: ['backend', 'redriven'],
    properties: { backend: { type: 'string' }, redriven: { type: 'integer', minimum: 0 } },
  }),
});

export const operatorPaths = {
  '/v1/purge/{service}/{region}/{b64url}': { delete: purge },
  '/v1/status/{service}/{region}/{b64url}': { get: status },
  '/v1/cache': { delete: flush('flushAll', []) },
  '/v1/cache/{service}': { delete: flush('flushService', [SERVICE]) },
  '/v1/cache/{service}/{region}': { delete: flush('flushRegion', [SERVICE, REGION]) },
  '/v1/queue/{service}/{region}': {
    delete: onQueue('dropQueue', 'Drops waiting jobs', { 200: DROPPED, 409: TOO_SOON }),
  },
  '/v1/dead-letters/{service}/{region}': {
    get: deadLetters,
    delete: onQueue('dropDeadLetters', 'Drops dead letters', { 200: DROPPED, 409: TOO_SOON }),
  },
  '/v1/dead-letters/{service}/{region}/redrive': { post: redrive },
};
