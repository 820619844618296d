import { STORE_KIND_NAMES } from '@cloud-mirror/mirror';
const text = { type: 'string' } as const;
const count = { type: 'integer', minimum: 0 } as const;
const nullable = (type: string) => ({ type: [type, 'null'] });

const partState = {
  type: 'object',
  required: ['status'],
  properties: {
    status: { enum: ['ok', 'failing'] },
    cause: { ...text, description: 'A stable word; present if the part fails.' },
    detail: { ...text, description: 'Why a part that answers refuses, and the remedy: `WRONGPASS: …`.' },
  },
};

const sourceDigest = {
  ...text,
  description: 'SHA-256 of the normal form of the origin URL, lower-case hex.',
};

export const schemas = {
  Problem: {
    type: 'object',
    description: 'RFC 9457. Programs tell problems apart by `code`.',
    required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
    properties: {
      type: { type: 'string', format: 'uri-reference' },
      title: text,
      status: { type: 'integer' },
      detail: text,
      code: { ...text, pattern: '^[a-z0-9_]+$' },
      requestId: text,
      originStatus: { type: 'integer', description: "The origin's status, if `code` is `origin_status`." },
      known: {
        type: 'array',
        items: text,
        description: 'The known back ends, if `code` is `unknown_backend`.',
      },
      results: {
        type: 'array',
        items: { $ref: '#/components/schemas/PurgeResult' },
        description: 'The result of each region, if `code` is `purge_incomplete`.',
      },
    },
  },
  Redirect: {
    type: 'object',
    required: ['status', 'url'],
    properties: {
      status: { enum: ['present', 'pending', 'error'] },
      url: { type: 'string', format: 'uri' },
      message: text,
    },
  },
  PurgeResult: {
    type: 'object',
    required: ['backend', 'purged', 'error'],
    properties: {
      backend: text,
      purged: { type: 'boolean' },
      error: nullable('string'),
      found: { const: false, description: 'Present if there was neither a copy nor an entry.' },
    },
  },
  ObjectStatus: {
    type: 'object',
    required: ['service', 'region', 'url', 'sha256', 'entry', 'object', 'redirect', 'unavailable'],
    properties: {
      service: text,
      region: text,
      url: { type: 'string', format: 'uri' },
      sha256: sourceDigest,
      entry: {
        type: 'object',
        description: 'The entry; null if there is none. Contains the stack of the last error.',
        required: ['state'],
        properties: { state: { enum: ['pending', 'present', 'error'] } },
      },
      ageSeconds: nullable('number'),
      leaseSeconds: nullable('number'),
      generation: nullable('string'),
      key: nullable('string'),
      object: {
        type: ['object', 'null'],
        description: 'The copy in the store; null if there is none.',
        properties: {
          sizeBytes: count,
          storedAt: { type: 'string', format: 'date-time' },
          expiresAt: { type: ['string', 'null'], format: 'date-time' },
          etag: nullable('string'),
          sha256: nullable('string'),
        },
      },
      redirect: {
        type: 'object',
        required: ['to', 'location', 'why'],
        properties: {
          to: { enum: ['copy', 'origin', 'wait', 'origin_status', 'refused'] },
          location: nullable('string'),
          why: text,
        },
      },
      unavailable: {
        type: 'array',
        items: {
          type: 'object',
          required: ['part', 'cause'],
          properties: { part: { enum: ['entries', 'store'] }, cause: text },
        },
      },
    },
  },
  Backend: {
    type: 'object',
    required: ['name', 'service', 'region', 'kind', 'access', 'state', 'store', 'queue'],
    properties: {
      name: { ...text, description: 'service/region' },
      service: text,
      region: text,
      kind: { enum: STORE_KIND_NAMES },
      access: { enum: ['public', 'signed'] },
      lifespanDays: nullable('integer'),
      state: { enum: ['ok', 'degraded'] },
      store: partState,
      capabilities: {
        type: ['object', 'null'],
        description: 'The known capabilities of the store; absent for kind filesystem. See docs/stores.md.',
        additionalProperties: { enum: ['yes', 'no', 'unknown'] },
      },
      queue: {
        ...partState,
        properties: { ...partState.properties, waiting: count, inFlight: count, deadLetters: count },
      },
    },
  },
  DeadLetter: {
    type: 'object',
    required: ['id', 'body', 'sentAt', 'receiveCount', 'reason'],
    properties: {
      id: text,
      body: { ...text, description: 'The job as it was sent.' },
      sentAt: { type: 'string', format: 'date-time' },
      receiveCount: count,
      reason: nullable('string'),
    },
  },
  Readiness: {
    type: 'object',
    required: ['status', 'failing', 'parts'],
    properties: {
      status: { enum: ['ready', 'degraded'] },
      failing: { type: 'array', items: text },
      parts: { type: 'object', additionalProperties: partState },
    },
  },
};
