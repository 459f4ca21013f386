import { createHash, timingSafeEqual } from 'node:crypto';
import {
  type Metadata,
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
  status,
} from '@grpc/grpc-js';

/** Rejects every call without `authorization: Bearer <token>`, and calls `onShown` for each call with it. */
export function requireBearerToken(token: string, onShown: () => void = () => undefined): ServerInterceptor {
  const expected = digest(`Bearer ${token}`);
  const isAuthorized = (metadata: Metadata): boolean => {
    const [given] = metadata.get('authorization');
    // Digests, because timingSafeEqual requires equal lengths.
    return given !== undefined && timingSafeEqual(digest(String(given)), expected);
  };
  return (_method, call) =>
    new ServerInterceptingCall(
      call,
      new ResponderBuilder()
        .withStart((next) => {
          const listener = new ServerListenerBuilder()
            .withOnReceiveMetadata((metadata, pass) => {
              if (isAuthorized(metadata)) {
                onShown();
                pass(metadata);
              } else call.sendStatus({ code: status.UNAUTHENTICATED, details: 'send the token of this adapter' });
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
