import { HttpProblem, sendJson, sendText } from '@cloud-mirror/http-service';
import type { RequestContext } from '@cloud-mirror/http-service';
import { programVersion } from '@cloud-mirror/program';
import { endpointLines } from '../instances/endpoint-lines.ts';
import { jsonBody } from '../http/request-body.ts';
import type { EventStream } from '../http/event-stream.ts';
import type { Route, RoutesParts } from '../http/route.ts';
import type { ShownDeployment } from '../scaling/deployments.ts';
import type { Deployment } from '../scaling/fleet-document.ts';
import { marathonApps, marathonTask, type MarathonApp } from './marathon-apps.ts';
import { MarathonEvents, type MarathonEvent } from './marathon-events.ts';
import { parseScaling } from './scale-body.ts';

/** The calls of Marathon's API that its tools use: `/ping` and `/v2/…`. */
export function marathonRoutes(parts: RoutesParts): readonly Route[] {
  const { registry, driver, deployments, operatorCall, address } = parts;
  const apps = (): MarathonApp[] => marathonApps(registry.list().instances, driver.apps());
  const appOf = (id: string): MarathonApp => {
    const found = apps().find((app) => app.id === `/${id}`);
    if (found === undefined) throw new HttpProblem(404, 'app_unknown', `App '/${id}' does not exist`);
    return found;
  };
  const begin = (ctx: RequestContext, app: string, instances: () => Promise<number | null>) =>
    operatorCall('scale', ctx, async () => {
      const force = new URLSearchParams(ctx.querystring).get('force') === 'true';
      appOf(app);
      const count = await instances();
      return async () => {
        const by = ctx.state.record.operator ?? 'unknown';
        const deployment = await deployments.begin({ app, instances: count, by, reason: null, force });
        sendJson(ctx, 200, { version: deployment.startedAt, deploymentId: deployment.id });
      };
    });
  const { otherWay } = driver;
  const refuse: Route['handle'] = () => {
    throw new HttpProblem(
      405,
      'method_not_allowed',
      `Apps are not created, changed or deleted here: ${otherWay}.`,
      {
        headers: { Allow: 'GET, HEAD' },
      },
    );
  };

  return [
    {
      name: 'ping',
      method: 'get',
      path: '/ping',
      handle: (ctx) => sendText(ctx, 200, 'pong\n', { 'Content-Type': 'text/plain; charset=utf-8' }),
    },
    {
      name: 'v2-info',
      method: 'get',
      path: '/v2/info',
      handle: (ctx) => sendJson(ctx, 200, info(address())),
    },
    {
      name: 'v2-apps',
      method: 'get',
      path: '/v2/apps',
      handle: (ctx) => sendJson(ctx, 200, { apps: apps().filter(filterOf(ctx)) }),
    },
    {
      name: 'v2-app',
      method: 'get',
      path: '/v2/apps/:id',
      handle: (ctx, { id }) => sendJson(ctx, 200, { app: appOf(id) }),
    },
    {
      name: 'v2-tasks',
      method: 'get',
      path: '/v2/apps/:id/tasks',
      handle(ctx, { id }) {
        const { tasks } = appOf(id);
        const members = registry.list().instances.filter(({ app }) => app === id);
        if (wantsText(ctx)) return sendLines(ctx, endpointLines(members, '\t'));
        sendJson(ctx, 200, { tasks });
      },
    },
    {
      name: 'v2-tasks',
      method: 'get',
      path: '/v2/tasks',
      handle(ctx) {
        const { instances } = registry.list();
        if (wantsText(ctx)) return sendLines(ctx, endpointLines(instances, '\t'));
        sendJson(ctx, 200, { tasks: instances.map(marathonTask) });
      },
    },
    {
      name: 'v2-scale',
      method: 'put',
      path: '/v2/apps/:id',
      handle: (ctx, { id }) => begin(ctx, id, async () => parseScaling(await jsonBody(ctx.req), otherWay)),
    },
    {
      name: 'v2-restart',
      method: 'post',
      path: '/v2/apps/:id/restart',
      handle: (ctx, { id }) => begin(ctx, id, async () => null),
    },
    { name: 'v2-apps', method: 'post', path: '/v2/apps', handle: refuse },
    { name: 'v2-apps', method: 'put', path: '/v2/apps', handle: refuse },
    { name: 'v2-apps', method: 'patch', path: '/v2/apps', handle: refuse },
    { name: 'v2-app', method: 'delete', path: '/v2/apps/:id', handle: refuse },
    { name: 'v2-app', method: 'patch', path: '/v2/apps/:id', handle: refuse },
    { name: 'v2-app', method: 'post', path: '/v2/apps/:id', handle: refuse },
    {
      name: 'v2-deployments',
      method: 'get',
      path: '/v2/deployments',
      handle: async (ctx) => sendJson(ctx, 200, (await deployments.list()).map(shownDeployment)),
    },
    { name: 'v2-events', method: 'get', path: '/v2/events', handle: eventsRoute(parts) },
  ];
}

/** `GET /v2/events`. The stream ends if the registry lost changes, so that the reader reads everything again. */
function eventsRoute({ registry, readers }: RoutesParts): Route['handle'] {
  return (ctx) => {
    // As Marathon, which takes */* for a request of another kind.
    if (!/(?:^|[,\s])text\/event-stream(?:$|[;,\s])/i.test(ctx.get('Accept')))
      throw new HttpProblem(
        405,
        'method_not_allowed',
        'Events are sent only to requests with Accept: text/event-stream.',
        { headers: { Allow: 'GET' } },
      );
    const { revision, instances } = registry.list();
    const stream = readers.open(ctx.req, ctx.res);
    ctx.respond = false;
    sendEvent(stream, {
      eventType: 'event_stream_attached',
      remoteAddress: ctx.req.socket.remoteAddress ?? '',
    });
    void follow(stream, new MarathonEvents(instances), registry.watch(revision, stream.signal));
  };
}

async function follow(
  stream: EventStream,
  events: MarathonEvents,
  changes: ReturnType<RoutesParts['registry']['watch']>,
): Promise<void> {
  using reader = stream;
  for await (const change of changes) {
    const told = events.of(change);
    if (told === null) return;
    for (const event of told) sendEvent(reader, event);
  }
}

function sendEvent(stream: EventStream, event: MarathonEvent): void {
  stream.send(event.eventType, null, { ...event, timestamp: new Date().toISOString() });
}

function wantsText(ctx: RequestContext): boolean {
  return ctx.accepts(['json', 'text']) === 'text';
}

function sendLines(ctx: RequestContext, lines: string): void {
  sendText(ctx, 200, lines, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' });
}

/** `?id=` is a part of the app's id, and `?label=` a label or `label==value`, as in Marathon. */
function filterOf(ctx: RequestContext): (app: MarathonApp) => boolean {
  const query = new URLSearchParams(ctx.querystring);
  const id = query.get('id');
  const [label, value] = (query.get('label') ?? '').split('==');
  return ({ id: appId, labels }) => {
    const own = (labels as Readonly<Record<string, string>>)[label ?? ''];
    return (
      (id === null || appId.includes(id)) &&
      (label === '' || (own !== undefined && (value === undefined || own === value)))
    );
  };
}

function info(address: string): Record<string, unknown> {
  const { host, port } = new URL(address);
  return {
    name: 'cloud-mirror',
    // The version of Marathon whose shapes these are: its tools read it.
    version: '1.5.0',
    cloudMirrorVersion: programVersion(),
    frameworkId: 'cloud-mirror',
    leader: host,
    elected: true,
    http_config: { http_port: Number(port) },
    event_subscriber: { type: 'http_callback', http_endpoints: null },
    marathon_config: { framework_name: 'cloud-mirror', features: [] },
  };
}

function shownDeployment({
  id,
  app,
  kind,
  from,
  to,
  by,
  reason,
  startedAt,
  waitsFor,
}: ShownDeployment): Record<string, unknown> {
  const action = { action: ACTIONS[kind], app: `/${app}` };
  return {
    id,
    version: startedAt,
    affectedApps: [`/${app}`],
    affectedPods: [],
    steps: [{ actions: [action] }],
    currentActions: [{ ...action, readinessCheckResults: [] }],
    currentStep: 1,
    totalSteps: 1,
    from,
    to,
    by,
    reason,
    waitsFor,
  };
}

const ACTIONS: Readonly<Record<Deployment['kind'], string>> = {
  scale: 'ScaleApplication',
  restart: 'RestartApplication',
};
