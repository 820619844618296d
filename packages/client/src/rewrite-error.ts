/** What is wrong with an input. The codes are stable. */
export type RewriteFault =
  | 'origin_not_a_url'
  | 'origin_not_http'
  | 'origin_with_credentials'
  | 'origin_with_forbidden_characters'
  | 'mirror_not_a_base_url'
  | 'not_a_path_segment'
  | 'file_name_unusable'
  | 'not_a_mirrored_url';

/**
 * The input cannot be converted to, or from, a mirrored address. The message names the fault and then the remedy, and
 * never contains credentials of the URL.
 */
export class RewriteError extends TypeError {
  override readonly name = 'RewriteError';
  readonly code: RewriteFault;
  readonly remedy: string;

  constructor(code: RewriteFault, fault: string, remedy: string) {
    super(`${fault}; ${remedy}`);
    this.code = code;
    this.remedy = remedy;
  }
}
