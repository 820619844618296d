/**
 * Error codes with which an AWS service, or a server that speaks its protocol, refuses the credentials themselves, so
 * that other credentials may work. `AccessDenied` is not among them: it is about the permissions of valid credentials.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
 */
const CODES: ReadonlySet<string> = new Set([
  'AuthFailure',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSecurity',
  'InvalidSignatureException',
  'InvalidToken',
  'RequestExpired',
  'SignatureDoesNotMatch',
  'TokenRefreshRequired',
  'UnrecognizedClientException',
]);

export function namesRefusedCredentials(code: string): boolean {
  return CODES.has(code);
}
