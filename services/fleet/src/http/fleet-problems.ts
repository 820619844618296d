import { HttpProblem } from '@cloud-mirror/http-service';
import { RegistryError } from '@cloud-mirror/registry';
import { StateError } from '@cloud-mirror/state-store';
import { DeploymentError, type DeploymentErrorCode } from '../scaling/deployment-error.ts';

const STATUSES: Readonly<Record<DeploymentErrorCode, number>> = {
  app_unknown: 404,
  app_unmanaged: 409,
  app_locked: 409,
  instances_invalid: 422,
};

/** Converts a thrown value to the answer. */
export function fleetProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof DeploymentError) {
    const { code, message, deployments } = error;
    const extensions = deployments.length === 0 ? {} : { deployments: deployments.map((id) => ({ id })) };
    return new HttpProblem(STATUSES[code], code, message, { extensions });
  }
  const again = { headers: { 'Retry-After': '5' }, cause: error };
  if (error instanceof RegistryError)
    return new HttpProblem(
      503,
      'registry_unavailable',
      'The registry cannot be reached now. Try again.',
      again,
    );
  if (error instanceof StateError)
    return new HttpProblem(
      503,
      'state_unavailable',
      'The StateStore, which keeps the numbers of instances, cannot be used now. Nothing was changed. Try again.',
      again,
    );
  return new HttpProblem(500, 'internal_error', 'The fleet failed. See its log.', { cause: error });
}
