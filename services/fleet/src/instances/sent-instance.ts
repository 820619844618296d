import { HttpProblem } from '@cloud-mirror/http-service';
import type { Instance } from '@cloud-mirror/registry';
import { z } from 'zod';

const name = (most: number) => z.string().min(1).max(most);
const label = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'small letters, digits and dashes, at most 63');
const port = z.int().min(1).max(65_535);
const count = z.number().min(0).nullable().default(null);

/** Only these characters, because hosts and names get into lines of load balancers' tools and into DNS answers. */
const instanceSchema = z.object({
  id: z.string().optional(),
  app: label,
  node: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,253}$/, 'the name of a machine')
    .optional(),
  host: z
    .string()
    .regex(
      /^(?:[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45})$/,
      'a host name or an IP address without brackets',
    ),
  ports: z
    .array(z.object({ name: label, port, servicePort: port.optional() }))
    .max(32)
    .default([]),
  region: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,63}$/, 'the name of a region')
    .nullable()
    .default(null),
  version: z.string().max(100).default(''),
  startedAt: z.iso.datetime({ offset: true }).optional(),
  state: z.enum(['starting', 'running', 'draining']).default('running'),
  healthy: z.boolean().default(true),
  why: name(1_000).nullable().default(null),
  labels: z.record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/), z.string().max(1_000)).default({}),
  load: z
    .object({ requestsPerSecond: count, waiting: count, copies: count, slotsFree: count })
    .nullable()
    .default(null),
  metricsPort: port.optional(),
  leaseSeconds: z.number().min(1).max(300).default(5),
});

export interface SentInstance {
  readonly instance: Instance;
  readonly leaseMs: number;
}

/**
 * Parses the body of `PUT /v1/instances/:id`. Unknown members are ignored, so that programs of newer versions can register.
 * @param known the instance with this id, whose start counts if the body names none
 * @throws HttpProblem 422 that names every faulty member
 */
export function parseInstance(id: string, body: unknown, known: Instance | undefined): SentInstance {
  if (!/^[A-Za-z0-9._~-]{1,128}$/.test(id))
    throw new HttpProblem(
      422,
      'instance_invalid',
      'The id of the instance must be 1 to 128 letters, digits, dots, dashes, underscores and tildes.',
    );
  const parsed = instanceSchema.safeParse(body);
  if (!parsed.success)
    throw new HttpProblem(422, 'instance_invalid', `The instance is faulty: ${faultsOf(parsed.error)}.`);
  const { leaseSeconds, ports, node, startedAt, metricsPort, id: sentId, ...rest } = parsed.data;
  if (sentId !== undefined && sentId !== id)
    throw new HttpProblem(422, 'instance_invalid', 'The id in the body is not the one in the path.');
  return {
    instance: {
      id,
      ...rest,
      node: node ?? rest.host,
      ports: ports.map((one) => ({ ...one, servicePort: one.servicePort ?? one.port })),
      startedAt: new Date(startedAt ?? known?.startedAt ?? Date.now()).toISOString(),
      ...(metricsPort === undefined ? {} : { metricsPort }),
    },
    leaseMs: leaseSeconds * 1000,
  };
}

function faultsOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 10)
    .map(({ path, message }) => `${path.length === 0 ? 'the body' : path.join('.')}: ${message}`)
    .join('; ');
}
