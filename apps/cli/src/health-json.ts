import {
  type AdapterHealth,
  AdapterState,
  type Breaker,
  BreakerState,
  type Health,
} from '@hms-sync/proto/hms/sync/v1/health_service';
import { errorJson } from './ack-json.ts';
import { durationMs, enumName, isoTime } from './words.ts';

/** The health of a hub as one JSON object. Ages and latencies are in milliseconds. */
export function healthJson({ hub, adapters }: Health): Record<string, unknown> {
  return {
    hub: hub && {
      version: hub.version,
      start_time: isoTime(hub.startTime),
      accepting: hub.accepting,
      not_accepting_reason: hub.notAcceptingReason || undefined,
      warnings: hub.warnings.length > 0 ? hub.warnings : undefined,
      journal: hub.journal && {
        location: hub.journal.location,
        size_bytes: Number(hub.journal.sizeBytes),
        commit_latency_ms: hub.journal.commitLatency && durationMs(hub.journal.commitLatency),
      },
    },
    adapters: adapters.map(adapterJson),
  };
}

/** One adapter of it. */
export function adapterJson(adapter: AdapterHealth): Record<string, unknown> {
  return {
    id: adapter.id,
    package: adapter.package,
    version: adapter.version,
    previous_version: adapter.previousVersion || undefined,
    runtime: adapter.runtime,
    state: enumName(AdapterState, adapter.state),
    reason: adapter.reason || undefined,
    notice: adapter.notice || undefined,
    canary: adapter.canary && {
      version: adapter.canary.version,
      percent: adapter.canary.percent,
      attempts: Number(adapter.canary.attempts),
      failures: Number(adapter.canary.failures),
    },
    throttled_until_time: isoTime(adapter.throttledUntilTime),
    breaker: adapter.breaker && breakerJson(adapter.breaker),
    recent: adapter.recent && {
      attempts: Number(adapter.recent.attempts),
      failures: Number(adapter.recent.failures),
      last_error: errorJson(adapter.recent.lastError),
      last_error_time: isoTime(adapter.recent.lastErrorTime),
    },
    waiting: Number(adapter.waiting),
    in_flight: adapter.inFlight,
    oldest_unsettled_age_ms: adapter.oldestUnsettledAge && durationMs(adapter.oldestUnsettledAge),
    dead_letters: Number(adapter.deadLetters),
    waiting_behind_dead_letters: Number(adapter.waitingBehindDeadLetters),
  };
}

function breakerJson(breaker: Breaker): Record<string, unknown> {
  return {
    state: enumName(BreakerState, breaker.state),
    since: isoTime(breaker.since),
    cause: breaker.cause || undefined,
    calls: breaker.calls,
    failures: breaker.failures,
    next_probe_time: isoTime(breaker.nextProbeTime),
    last_error: errorJson(breaker.lastError),
  };
}
