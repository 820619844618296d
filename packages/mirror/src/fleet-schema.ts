import { z } from 'zod';
import { host, listOf, port, seconds, section, strictMapping, text, wholeNumber } from '@cloud-mirror/config';

const DRIVERS = ['none', 'process'] as const;
const PLANNED_DRIVERS: readonly unknown[] = ['swarm', 'kubernetes'];

/** Who starts and stops the instances. */
function driver() {
  const known = DRIVERS.join(' or ');
  return z.enum(DRIVERS, {
    error: ({ input }) =>
      PLANNED_DRIVERS.includes(input)
        ? `${known}; the driver ${String(input)} is not there yet: scale with the orchestrator's own tools`
        : known,
  });
}

/** The programs that the driver `process` runs on this machine, by app. */
const programSchema = strictMapping({
  command: listOf(text('a word of the command', /^[^\0]+$/), 'a list of the words of a command', 1),
  /** Until a call sets another number. */
  instances: wholeNumber(0, 10_000).default(1),
});

const appName = () =>
  text(
    'the name of an app: small letters, digits and dashes, at most 63',
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
  );

export const fleetSchema = section({
  host: host().default('127.0.0.1'),
  port: port().default(8090),
  driver: driver().default('none'),
  maxInstances: wholeNumber(1, 10_000).default(100),
  deploymentSeconds: seconds(1, 86_400).default(600),
  process: section({
    programs: z.record(appName(), programSchema, { error: 'a mapping from apps to programs' }).default({}),
  }),
});

export type FleetSettings = z.output<typeof fleetSchema>;
