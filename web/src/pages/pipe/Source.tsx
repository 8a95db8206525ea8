// The source: its slot, the log it keeps for us, and our own log on disk for when the store is away.
import type { ReactNode } from 'react';
import { Facts } from '../kit/Facts';
import { readReport } from '../kit/report';
import { Section } from '../kit/Section';
import { StateBadge, type Tone } from '../kit/StateBadge';
import { ProblemCard } from '../kit/States';
import type { PipeStatus, SourceStatus, SpoolStatus } from '../kit/status';
import { When } from '../kit/When';
import { bytesText, percentText } from '../kit/words';

export function Source({ status }: { status: PipeStatus }) {
  const { source, spool } = status;
  const problem = source.last_error === null ? null : readReport(source.last_error);
  return (
    <Section title="Postgres" note={source.slot && `slot ${source.slot}`}>
      {problem && <ProblemCard problem={problem} severity={source.connected ? 'warning' : 'error'} />}
      <Facts
        facts={[
          ['Connection', <Connection key="connection" status={status} />],
          ['Log status of the slot', <WalStatus key="wal" status={source.wal_status} />],
          ['Log kept for us', bytesText(source.retained_bytes)],
          ['Until it may be lost', source.until_lost_bytes === null && source.retained_bytes !== null ? 'no limit set' : bytesText(source.until_lost_bytes)],
          ['Received', <code key="received">{source.received_lsn}</code>],
          ['Visible', <code key="visible">{source.applied_lsn}</code>],
          ['Confirmed', <code key="confirmed">{source.confirmed_lsn}</code>],
          ...(spool ? spoolFacts(spool) : []),
        ]}
      />
      {spool?.full_for && <ProblemCard severity="warning" problem={{ error: 'The log on disk takes no more', detail: spool.full_for }} />}
    </Section>
  );
}

function Connection({ status: { paused_since, source } }: { status: PipeStatus }) {
  if (paused_since !== null) {
    return (
      <>
        <StateBadge tone="warn">paused</StateBadge> <When ms={paused_since * 1000} />
      </>
    );
  }
  if (source.waiting_for) {
    return <StateBadge tone="busy">{`waits for ${source.waiting_for}`}</StateBadge>;
  }
  return <StateBadge tone={source.connected ? 'good' : 'bad'}>{source.connected ? 'connected' : 'not connected'}</StateBadge>;
}

const WAL: Record<string, { tone: Tone; words: string }> = {
  reserved: { tone: 'good', words: 'reserved' },
  extended: { tone: 'warn', words: 'extended: more is kept than Postgres plans for' },
  unreserved: { tone: 'bad', words: 'unreserved: about to be lost' },
  lost: { tone: 'bad', words: 'lost: the tables have to be copied again' },
};

function WalStatus({ status }: { status: SourceStatus['wal_status'] }) {
  const { tone, words } = WAL[status ?? ''] ?? { tone: 'quiet' as const, words: status ?? 'not known' };
  return <StateBadge tone={tone}>{words}</StateBadge>;
}

function spoolFacts(spool: SpoolStatus): Array<[string, ReactNode]> {
  const tone: Tone = spool.is_full ? 'bad' : spool.is_filled ? 'warn' : 'good';
  const words = spool.is_full ? 'full' : spool.is_filled ? 'taking the log: the store does not' : 'empty and ready';
  return [
    ['Log on our disk', <StateBadge key="spool" tone={tone}>{words}</StateBadge>],
    ['Of it used', `${bytesText(spool.bytes)} of ${bytesText(spool.max_bytes)} (${percentText(spool.max_bytes > 0 ? spool.bytes / spool.max_bytes : 0)})`],
    ...(spool.since === null ? [] : ([['Since', <When key="since" ms={spool.since * 1000} />]] as Array<[string, ReactNode]>)),
  ];
}
