/** Stands in payloads, where a patient's name would. It must never be seen in a log or an error of the hub. */
export const PAYLOAD_MARKER = 'ZZPHI';
