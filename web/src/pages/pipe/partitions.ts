// Partitions of topics, the furthest behind first.
import type { PartitionStatus } from '../kit/status';

/** More say nothing more to a person. */
const SHOWN_MOST = 50;

export function shownPartitions(partitions: PartitionStatus[]): { shown: PartitionStatus[]; left: number } {
  const sorted = [...partitions].sort((a, b) => b.lag_messages - a.lag_messages || a.topic.localeCompare(b.topic) || a.partition - b.partition);
  return { shown: sorted.slice(0, SHOWN_MOST), left: Math.max(0, sorted.length - SHOWN_MOST) };
}

/** `3 topics, 12 partitions` */
export function countsOf(partitions: PartitionStatus[]): { topics: number; partitions: number } {
  return { topics: new Set(partitions.map(({ topic }) => topic)).size, partitions: partitions.length };
}
