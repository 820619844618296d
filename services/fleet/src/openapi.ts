import {
  jsonAnswer,
  needsScope,
  OPERATOR_PROBLEMS,
  pathParameter,
  problem,
  ref,
} from '@cloud-mirror/http-service/openapi';

const text = { type: 'string' };
const nullableText = { type: ['string', 'null'] };
const count = { type: ['number', 'null'] };
const integer = { type: 'integer' };
const plain = { 'text/plain': { schema: text } };
const sse = { 'text/event-stream': { schema: text } };
const ID = pathParameter('id', 'The id of an instance.');
const APP = pathParameter('id', 'The name of an app, with or without a slash before it.');
const query = (name: string, description: string) => ({ name, in: 'query', description, schema: text });
const marathonProblem = (description: string) => jsonAnswer(description, ref('MarathonProblem'));
const FORCE = query('force', '`true`: takes the place of a deployment that is under way.');
const DEPLOYED = {
  200: jsonAnswer('The deployment has begun.', ref('Deployed')),
  401: marathonProblem('The token is missing or unknown.'),
  403: marathonProblem('The token lacks the scope.'),
  404: marathonProblem('There is no such app.'),
  409: marathonProblem('A deployment is under way, or the driver does not manage the app.'),
  503: marathonProblem('The StateStore cannot be used now; nothing was changed.'),
};

const instance = {
  type: 'object',
  properties: {
    id: { ...text, description: 'A ULID, new with each start.' },
    app: text,
    node: text,
    host: text,
    ports: {
      type: 'array',
      items: {
        type: 'object',
        properties: { name: text, port: integer, servicePort: integer },
      },
    },
    region: nullableText,
    version: text,
    startedAt: { ...text, format: 'date-time' },
    state: { enum: ['starting', 'running', 'draining'] },
    healthy: { type: 'boolean' },
    why: nullableText,
    labels: { type: 'object', additionalProperties: text },
    load: {
      type: ['object', 'null'],
      properties: { requestsPerSecond: count, waiting: count, copies: count, slotsFree: count },
    },
    metricsPort: { ...integer, description: 'The port of `/metrics`, if it is none of `ports`.' },
  },
};

const schemas = {
  Problem: {
    type: 'object',
    description: 'RFC 9457. Programs tell problems apart by `code`.',
    properties: { type: text, title: text, status: integer, detail: text, code: text, requestId: text },
  },
  MarathonProblem: { type: 'object', required: ['message'], properties: { message: text } },
  Instance: instance,
  Instances: {
    type: 'object',
    properties: {
      revision: integer,
      ageMs: { ...integer, description: 'How long ago the registry was read.' },
      instances: { type: 'array', items: ref('Instance') },
    },
  },
  Deployed: { type: 'object', properties: { version: text, deploymentId: text } },
};

const instances = {
  get: {
    operationId: 'instances',
    summary: 'Who runs where',
    parameters: [
      query('app', 'Only this app.'),
      query('region', 'Only this region.'),
      query('state', '`starting`, `running` or `draining`.'),
      query('format', '`json`, `text`, or `prometheus` for HTTP service discovery.'),
    ],
    responses: {
      200: {
        description: 'As text: one line for each app and port, without draining instances.',
        content: { 'application/json': { schema: ref('Instances') }, ...plain },
      },
      400: problem('An unknown state or format.'),
    },
  },
};

const oneInstance = {
  get: {
    operationId: 'instance',
    summary: 'One instance',
    parameters: [ID],
    responses: { 200: jsonAnswer('It.', ref('Instance')), 404: problem('There is none.') },
  },
  put: {
    operationId: 'register',
    summary: 'Registers an instance of another program, or renews it',
    description: 'The body is an Instance with `leaseSeconds` (1 to 300, default 5).',
    security: needsScope('register'),
    parameters: [ID],
    requestBody: { required: true, content: { 'application/json': { schema: ref('Instance') } } },
    responses: {
      200: jsonAnswer('The instance as it is announced.', ref('Instance')),
      400: problem('The body is not JSON.'),
      422: problem('A member is faulty.'),
      ...OPERATOR_PROBLEMS,
    },
  },
  delete: {
    operationId: 'deregister',
    summary: 'Removes an instance',
    security: needsScope('register'),
    parameters: [ID],
    responses: { 204: { description: 'It is not announced any more.' }, ...OPERATOR_PROBLEMS },
  },
};

/** The OpenAPI 3.1 document of the fleet. */
export const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'Cloud Mirror: fleet',
    version: '1',
    description: 'Who runs where, changes as events, and scaling in the shapes of Marathon’s API.',
    license: { name: 'MPL-2.0', identifier: 'MPL-2.0' },
  },
  paths: {
    '/v1/instances': instances,
    '/v1/instances/{id}': oneInstance,
    '/v1/events': {
      get: {
        operationId: 'events',
        summary: 'Changes, as server-sent events',
        parameters: [{ name: 'Last-Event-ID', in: 'header', schema: text }],
        responses: { 200: { description: 'The stream.', content: sse } },
      },
    },
    '/v2/apps': {
      get: {
        operationId: 'apps',
        summary: 'All apps',
        responses: { 200: { description: 'As Marathon’s.' } },
      },
    },
    '/v2/apps/{id}': {
      get: {
        operationId: 'app',
        summary: 'One app',
        parameters: [APP],
        responses: { 200: { description: 'As Marathon’s.' }, 404: marathonProblem('There is none.') },
      },
      put: {
        operationId: 'scale',
        summary: 'Sets the number of instances: `{"instances": 3}`',
        security: needsScope('scale'),
        parameters: [APP, FORCE],
        responses: {
          ...DEPLOYED,
          422: marathonProblem('Another field than `instances`, or no number that is allowed.'),
        },
      },
    },
    '/v2/apps/{id}/restart': {
      post: {
        operationId: 'restart',
        summary: 'Replaces all instances, each after a new one serves',
        security: needsScope('scale'),
        parameters: [APP, FORCE],
        responses: DEPLOYED,
      },
    },
    '/v2/apps/{id}/tasks': {
      get: {
        operationId: 'appTasks',
        summary: 'The instances of one app',
        parameters: [APP],
        responses: { 200: { description: 'As Marathon’s.', content: plain } },
      },
    },
    '/v2/tasks': {
      get: {
        operationId: 'tasks',
        summary: 'All instances',
        responses: { 200: { description: 'As Marathon’s.', content: plain } },
      },
    },
    '/v2/deployments': {
      get: {
        operationId: 'deployments',
        summary: 'What is under way, and what it waits for',
        responses: { 200: { description: 'As Marathon’s, with `waitsFor`.' } },
      },
    },
    '/v2/events': {
      get: {
        operationId: 'marathonEvents',
        summary: 'Changes as Marathon’s events',
        responses: {
          200: { description: 'The stream.', content: sse },
          405: marathonProblem('The request has no `Accept: text/event-stream`.'),
        },
      },
    },
    '/v2/info': {
      get: { operationId: 'info', summary: 'The server', responses: { 200: { description: 'It.' } } },
    },
    '/ping': {
      get: {
        operationId: 'ping',
        summary: 'pong',
        responses: { 200: { description: '`pong`', content: plain } },
      },
    },
  },
  components: { schemas, securitySchemes: { operatorToken: { type: 'http', scheme: 'bearer' } } },
};
