import { createHash, timingSafeEqual } from 'node:crypto';
import {
  type Metadata,
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  ServerListenerBuilder,
  status,
} from '@grpc/grpc-js';
import { subjectAltNames } from '../host/subject-alt-names.ts';

/** Rejects every call without `authorization: Bearer <token>`, and calls `onShown` for each call with one of the tokens. */
export function requireBearerToken(
  tokens: readonly string[],
  onShown: () => void = () => undefined,
): ServerInterceptor {
  const expected = tokens.map((token) => digest(`Bearer ${token}`));
  return checkCalls((_call, metadata) => {
    const [given = ''] = metadata.get('authorization');
    // Digests, because timingSafeEqual requires equal lengths.
    const shown = digest(String(given));
    if (!expected.some((one) => timingSafeEqual(shown, one))) return WRONG_TOKEN;
    onShown();
    return undefined;
  });
}

/**
 * Rejects every call over a connection whose certificate has none of these names among its subject alternative names: URIs
 * such as SPIFFE IDs, or DNS names. The common name does not count, and a wildcard is not expanded.
 *
 * @param hubNames what is accepted at the time of a call. Undefined: every certificate
 */
export function requireHubName(hubNames: () => readonly string[] | undefined): ServerInterceptor {
  return checkCalls((call) => {
    const accepted = hubNames();
    if (accepted === undefined) return undefined;
    const names = new Set(subjectAltNames(call.getAuthContext().sslPeerCertificate?.subjectaltname));
    return accepted.some((name) => names.has(name.includes('://') ? `URI:${name}` : `DNS:${name}`))
      ? undefined
      : WRONG_NAME;
  });
}

interface Rejection {
  readonly code: status;
  readonly details: string;
}

const WRONG_TOKEN: Rejection = { code: status.UNAUTHENTICATED, details: 'send the token of this adapter' };
const WRONG_NAME: Rejection = {
  code: status.PERMISSION_DENIED,
  details: 'the certificate has none of the names that this adapter accepts (tls.hubNames)',
};

/** Rejects calls before any of their messages is read. */
function checkCalls(
  rejectionOf: (call: ServerInterceptingCallInterface, metadata: Metadata) => Rejection | undefined,
): ServerInterceptor {
  return (_method, call) =>
    new ServerInterceptingCall(
      call,
      new ResponderBuilder()
        .withStart((next) => {
          const listener = new ServerListenerBuilder()
            .withOnReceiveMetadata((metadata, pass) => {
              const rejection = rejectionOf(call, metadata);
              if (rejection === undefined) pass(metadata);
              else call.sendStatus(rejection);
            })
            .build();
          next(listener);
        })
        .build(),
    );
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
