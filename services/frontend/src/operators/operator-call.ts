import type { Scope } from '@cloud-mirror/mirror';
import type * as http from '@cloud-mirror/http-service';

export type OperatorCall = http.OperatorCall<Scope>;
