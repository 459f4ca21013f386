import { commandLine } from './advice.ts';
import { apiFailure } from './api-failure.ts';
import { connectToHub, type HubClient } from './client.ts';

const adviceToOperators = (address: string) =>
  `Whether it took effect is unknown. What is not delivered: ${commandLine(['deliveries'], address)}`;

/**
 * Makes a call of an operator and ends the connection after it.
 *
 * @throws Failure in words, whatever the call throws
 */
export async function callHub<Answer>(address: string, call: (hub: HubClient) => Promise<Answer>): Promise<Answer> {
  const hub = connectToHub(address);
  try {
    return await call(hub);
  } catch (error) {
    throw apiFailure(error, address, adviceToOperators(address));
  } finally {
    hub.close();
  }
}
