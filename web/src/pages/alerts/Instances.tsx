// The instances of a rule: one for each set of labels that its query answers.
import { Button } from '@grafana/ui';
import type { AlertInstance, AlertRule } from '../../api';
import { DataTable, type Column } from '../kit/DataTable';
import { StateBadge } from '../kit/StateBadge';
import { toneOfAlert } from '../kit/tones';
import { When } from '../kit/When';
import { shortText } from '../kit/words';
import { LabelList } from './LabelList';
import { labelsText } from './labels';


interface Props {
  rule: AlertRule;
  onSilence: ((labels: Record<string, string>) => void) | null;
}

export function Instances({ rule, onSilence }: Props) {
  const columns: Array<Column<AlertInstance>> = [
    { head: 'Instance', wide: true, cell: (instance) => <LabelList labels={instance.labels} /> },
    { head: 'State', cell: (instance) => <StateBadge tone={toneOfAlert(instance.state)}>{instance.state}</StateBadge> },
    { head: 'Values', cell: (instance) => valuesText(instance.values) },
    { head: 'Since', cell: (instance) => <When ms={instance.since_ms} /> },
  ];
  if (onSilence) {
    columns.push({
      head: 'What can be done',
      silent: true,
      cell: (instance) => (
        <Button size="sm" variant="secondary" fill="text" icon="bell-slash" aria-label={`Silence ${rule.title} ${labelsText(instance.labels)}`} onClick={() => onSilence(instance.labels)}>
          Silence
        </Button>
      ),
    });
  }
  return <DataTable caption={`Instances of ${rule.title}`} columns={columns} rows={rule.instances} keyOf={(instance) => JSON.stringify(instance.labels)} more={(instance) => <Annotations annotations={instance.annotations} />} />;
}

function Annotations({ annotations }: { annotations: Record<string, string> }) {
  const { summary, description } = annotations;
  if (!summary && !description) {
    return null;
  }
  return (
    <div style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>
      {summary}
      {summary && description && '\n'}
      {description}
    </div>
  );
}

const valuesText = (values: Record<string, number | null>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} = ${value === null ? 'none' : shortText(value)}`)
    .join(', ') || '–';
