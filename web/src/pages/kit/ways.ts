// The ways in that there are: the log of a Postgres, topics of Kafka, or both.
import type { PipeStatus } from './status';

export interface Ways {
  stream: boolean;
  topics: boolean;
}

/** Topics may be read alone: then there is no slot. */
export function waysIn({ source, kafka }: PipeStatus): Ways {
  return { stream: !kafka || source.slot !== '', topics: Boolean(kafka) };
}

/** How old the data is at most: as old as the later way in has it. */
export const behindSeconds = ({ source, kafka }: PipeStatus): number => Math.max(source.lag_seconds, kafka?.lag_seconds ?? 0);
