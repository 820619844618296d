export type DeploymentErrorCode = 'app_unknown' | 'app_unmanaged' | 'app_locked' | 'instances_invalid';

/** Why a deployment does not begin. */
export class DeploymentError extends Error {
  override readonly name = 'DeploymentError';
  readonly code: DeploymentErrorCode;
  /** The deployments that lock the app. */
  readonly deployments: readonly string[];

  constructor(code: DeploymentErrorCode, message: string, deployments: readonly string[] = []) {
    super(message);
    this.code = code;
    this.deployments = deployments;
  }
}
