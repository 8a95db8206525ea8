// The document of `GET api/status`, as `crates/flow/src/status.rs` writes it.

export type TableState = 'waiting' | 'copying' | 'streaming' | 'failed' | 'removed';

export interface SchemaChange {
  at: number;
  change: string;
  followed_by: string;
}

export interface TableStatus {
  name: string;
  /** How its rows come in. */
  way: 'stream' | 'topics';
  mode: string;
  target: string;
  state: TableState;
  rows: number | null;
  copied_ratio: number;
  copied_rows: number;
  streamed_rows: number;
  rows_per_second: number;
  rejected_rows: number;
  clamped_columns: Record<string, number>;
  nulled_columns: Record<string, number>;
  defaulted_columns: Record<string, number>;
  ignored_updates: number;
  ignored_deletes: number;
  last_error: string | null;
  schema_change: SchemaChange | null;
  verified: { rows: number; differences: number; at: number | null };
}

export interface SourceStatus {
  slot: string;
  connected: boolean;
  waiting_for: string | null;
  received_lsn: string;
  applied_lsn: string;
  confirmed_lsn: string;
  lag_bytes: number;
  retained_bytes: number | null;
  until_lost_bytes: number | null;
  lag_seconds: number;
  wal_status: string | null;
  last_error: string | null;
}

export interface PartitionStatus {
  topic: string;
  partition: number;
  /** The next message to apply, and the end of the partition. */
  offset: number;
  end: number;
  lag_messages: number;
  lag_seconds: number;
}

export interface KafkaStatus {
  brokers: string;
  group: string;
  connected: boolean;
  lag_messages: number;
  lag_seconds: number;
  /** Those that are ours. */
  partitions: PartitionStatus[];
  poison_messages: number;
  missed_messages: number;
  last_error: string | null;
}

export interface SpoolStatus {
  bytes: number;
  max_bytes: number;
  since: number | null;
  is_filled: boolean;
  is_full: boolean;
  full_for: string | null;
}

/** What a schedule of dbt came to in a week. */
export interface ScheduleStatus {
  schedule: string;
  command: string;
  last_status: string;
  last_started: number;
  last_seconds: number;
  last_success: number | null;
  last_error: string;
  sla_seconds: number | null;
  ended: number;
  good: number;
  over_sla: number;
}

export interface PipeStatus {
  paused_since: number | null;
  tables: TableStatus[];
  source: SourceStatus;
  spool: SpoolStatus | null;
  /** Of topics alone `source` says the same, and has no slot. */
  kafka: KafkaStatus | null;
  freshness_ms: { p50: number | null; p99: number | null };
  runs: ScheduleStatus[];
}
