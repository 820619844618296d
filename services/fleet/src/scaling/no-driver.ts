import { DriverError, type AppCounts, type FleetDriver } from './fleet-driver.ts';

/** For fleets whose instances are started and stopped by something that the fleet does not know. */
export class NoDriver implements FleetDriver {
  readonly name = 'none';
  readonly otherWay = 'use the tools of whatever runs the programs, or set fleet.driver';

  apps(): ReadonlyMap<string, number> {
    return new Map();
  }

  async scale(): Promise<void> {
    throw new DriverError('the driver none starts nothing');
  }

  async restart(): Promise<void> {
    throw new DriverError('the driver none starts nothing');
  }

  async counts(): Promise<AppCounts> {
    throw new DriverError('the driver none starts nothing');
  }

  owns(): null {
    return null;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
