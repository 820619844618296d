import type { FleetSettings } from '@cloud-mirror/mirror';
import type { Environment, Logger } from '@cloud-mirror/program';
import type { Registry } from '@cloud-mirror/registry';
import type { FleetDocument } from './fleet-document.ts';
import type { FleetDriver } from './fleet-driver.ts';
import { NoDriver } from './no-driver.ts';

export interface OpenDriverParts {
  readonly settings: FleetSettings;
  readonly registry: Registry;
  readonly document: FleetDocument;
  readonly environment: Environment;
  readonly logger: Logger;
}

/** Opens the driver that the configuration names, and loads only that one. */
export async function openDriver(parts: OpenDriverParts): Promise<FleetDriver> {
  switch (parts.settings.driver) {
    case 'none':
      return new NoDriver();
    case 'process': {
      const { ProcessDriver } = await import('../process-driver/process-driver.ts');
      return ProcessDriver.open(parts);
    }
  }
}
