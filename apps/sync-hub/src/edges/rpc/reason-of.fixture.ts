import { ConnectError } from '@connectrpc/connect';
import { ErrorInfoSchema } from '@hms-sync/proto/google/rpc/error_details';

/** The reason for which a call was refused; "none" when it was not. */
export async function reasonOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'none';
  } catch (error) {
    return ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason ?? String(error);
  }
}
