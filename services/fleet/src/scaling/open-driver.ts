import type { FleetDriver, OpenDriverParts } from './fleet-driver.ts';
import { NoDriver } from './no-driver.ts';

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
