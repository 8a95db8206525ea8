// Topics of Kafka: who reads them, how far each partition is, and what could not be read.
import { DataTable } from '../kit/DataTable';
import { Facts } from '../kit/Facts';
import { readReport } from '../kit/report';
import { Section } from '../kit/Section';
import { StateBadge } from '../kit/StateBadge';
import { Nothing, ProblemCard } from '../kit/States';
import type { KafkaStatus } from '../kit/status';
import { countText, durationText, plural } from '../kit/words';
import { countsOf, shownPartitions } from './partitions';

export function Topics({ kafka }: { kafka: KafkaStatus }) {
  const problem = kafka.last_error === null ? null : readReport(kafka.last_error);
  const { topics, partitions } = countsOf(kafka.partitions);
  return (
    <Section title="Kafka" note={`group ${kafka.group}`}>
      {problem && <ProblemCard problem={problem} severity={kafka.connected ? 'warning' : 'error'} />}
      <Facts
        facts={[
          ['Connection', <StateBadge key="connection" tone={kafka.connected ? 'good' : 'bad'}>{kafka.connected ? 'connected' : 'not connected'}</StateBadge>],
          ['Brokers', <code key="brokers">{kafka.brokers}</code>],
          ['Read here', `${plural(topics, 'topic')}, ${plural(partitions, 'partition')}`],
          ['Behind', kafka.lag_messages > 0 ? plural(kafka.lag_messages, 'message') : 'nothing waits'],
          ['Could not be read', <Trouble key="poison" messages={kafka.poison_messages} />],
          ['Expired unread', <Trouble key="missed" messages={kafka.missed_messages} />],
        ]}
      />
      <Partitions kafka={kafka} />
    </Section>
  );
}

function Trouble({ messages }: { messages: number }) {
  return messages > 0 ? <StateBadge tone="warn">{plural(messages, 'message')}</StateBadge> : 'none';
}

function Partitions({ kafka }: { kafka: KafkaStatus }) {
  const { shown, left } = shownPartitions(kafka.partitions);
  if (shown.length === 0) {
    return (
      <Nothing title="No partition is read here" icon="layer-group">
        {kafka.connected ? 'The group has given them to other processes, or the topics are not there yet.' : 'They are given out once a broker answers.'}
      </Nothing>
    );
  }
  return (
    <div style={{ marginTop: 16 }}>
      <DataTable
        caption="Partitions, the furthest behind first"
        rows={shown}
        keyOf={({ topic, partition }) => `${topic}/${partition}`}
        columns={[
          { head: 'Topic', wide: true, cell: ({ topic }) => topic },
          { head: 'Partition', number: true, cell: ({ partition }) => partition },
          { head: 'Next', number: true, cell: ({ offset }) => countText(offset) },
          { head: 'End', number: true, cell: ({ end }) => countText(end) },
          { head: 'Messages behind', number: true, cell: ({ lag_messages }) => countText(lag_messages) },
          { head: 'Time behind', number: true, cell: ({ lag_messages, lag_seconds }) => (lag_messages > 0 ? durationText(lag_seconds) : '–') },
        ]}
      />
      {left > 0 && <p style={{ margin: '8px 0 0' }}>and {plural(left, 'partition')} that {left === 1 ? 'is' : 'are'} not further behind.</p>}
    </div>
  );
}
