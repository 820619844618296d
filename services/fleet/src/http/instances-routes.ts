import { HttpProblem, requireScope, sendJson, sendText } from '@cloud-mirror/http-service';
import type { RequestContext } from '@cloud-mirror/http-service';
import type { Instance } from '@cloud-mirror/registry';
import { endpointLines } from '../instances/endpoint-lines.ts';
import { prometheusTargets } from '../instances/prometheus-targets.ts';
import { parseInstance } from '../instances/sent-instance.ts';
import { jsonBody } from './request-body.ts';
import type { Route, RoutesParts } from './route.ts';

const STATES = ['starting', 'running', 'draining'];
const MOST_INSTANCES = 20_000;

/** `/v1/instances` and `/v1/instances/:id`. */
export function instancesRoutes({ registry, auth, operatorCall }: RoutesParts): readonly Route[] {
  /** Renewals arrive each second, so accepted calls have no audit line; refused ones have. */
  const asRegistrar = async (ctx: RequestContext, call: () => Promise<void>): Promise<void> => {
    try {
      const operator = auth.identify(ctx.req.headers.authorization);
      requireScope(operator, 'register');
      ctx.state.record.operator = operator.name;
    } catch {
      return operatorCall('register', ctx, () => call);
    }
    return call();
  };
  const find = (id: string): Instance | undefined =>
    registry.list().instances.find((instance) => instance.id === id);

  return [
    { name: 'instances', method: 'get', path: '/v1/instances', handle: list },
    {
      name: 'instance',
      method: 'get',
      path: '/v1/instances/:id',
      handle(ctx, { id }) {
        const instance = find(id);
        if (instance === undefined) throw unknownInstance();
        sendJson(ctx, 200, instance);
      },
    },
    {
      name: 'register',
      method: 'put',
      path: '/v1/instances/:id',
      handle: (ctx, { id }) =>
        asRegistrar(ctx, async () => {
          const known = find(id);
          const { instance, leaseMs } = parseInstance(id, await jsonBody(ctx.req), known);
          if (known === undefined && registry.list().instances.length >= MOST_INSTANCES)
            throw new HttpProblem(
              503,
              'too_many_instances',
              `The registry has ${MOST_INSTANCES} instances and takes no more.`,
              { headers: { 'Retry-After': '60' } },
            );
          await registry.announce(instance, leaseMs);
          sendJson(ctx, 200, instance);
        }),
    },
    {
      name: 'deregister',
      method: 'delete',
      path: '/v1/instances/:id',
      handle: (ctx, { id }) =>
        asRegistrar(ctx, async () => {
          await registry.leave(id);
          ctx.status = 204;
        }),
    },
  ];

  function list(ctx: RequestContext): void {
    const { revision, ageMs, instances } = registry.list();
    const query = new URLSearchParams(ctx.querystring);
    const found = instances.filter(filterOf(query));
    const format = query.get('format') ?? (ctx.accepts(['json', 'text']) === 'text' ? 'text' : 'json');
    switch (format) {
      case 'json':
        return sendJson(ctx, 200, { revision, ageMs: Math.round(ageMs), instances: found });
      case 'text':
        return sendText(ctx, 200, endpointLines(found, ''), {
          'Content-Type': 'text/plain; charset=utf-8',
          'Cache-Control': 'no-store',
        });
      case 'prometheus':
        return sendJson(ctx, 200, prometheusTargets(found));
      default:
        throw new HttpProblem(400, 'format_unknown', 'The format must be json, text or prometheus.');
    }
  }
}

function filterOf(query: URLSearchParams): (instance: Instance) => boolean {
  const [app, region, state] = [query.get('app'), query.get('region'), query.get('state')];
  if (state !== null && !STATES.includes(state))
    throw new HttpProblem(400, 'state_unknown', `The state must be ${STATES.join(', ')}.`);
  return (instance) =>
    (app === null || instance.app === app.replace(/^\//, '')) &&
    (region === null || instance.region === region) &&
    (state === null || instance.state === state);
}

function unknownInstance(): HttpProblem {
  return new HttpProblem(404, 'instance_unknown', 'No instance with this id is announced.');
}
