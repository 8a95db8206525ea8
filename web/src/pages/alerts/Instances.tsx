// The instances of a rule: one for each set of labels that its query answers. What fires stands first.
import { Button } from '@grafana/ui';
import { useState } from 'react';
import type { AlertInstance } from '../../api';
import { DataTable, type Column } from '../kit/DataTable';
import { StateBadge } from '../kit/StateBadge';
import { toneOfAlert } from '../kit/tones';
import { When } from '../kit/When';
import { countText, shortText } from '../kit/words';
import type { Rule } from './document';
import { LabelList } from './LabelList';
import { labelsText, ownLabels } from './labels';

const FIRST = 8;
const RANK = { bad: 0, warn: 1, busy: 2, quiet: 3, good: 4 };

interface Props {
  rule: Rule;
  onSilence: ((labels: Record<string, string>) => void) | null;
}

export function Instances({ rule, onSilence }: Props) {
  const [all, setAll] = useState(false);
  const rank = (instance: AlertInstance) => RANK[toneOfAlert(instance.state)];
  const sorted = [...rule.instances].sort((a, b) => rank(a) - rank(b) || labelsText(a.labels).localeCompare(labelsText(b.labels)));
  const total = Math.max(rule.instances.length, rule.instances_total ?? 0);
  const columns: Array<Column<AlertInstance>> = [
    { head: 'Instance', wide: true, cell: (instance) => <LabelList labels={ownLabels(instance.labels, rule.labels)} none="the rule as a whole" /> },
    { head: 'State', cell: (instance) => <StateBadge tone={toneOfAlert(instance.state)}>{instance.state}</StateBadge> },
    { head: 'Values', cell: (instance) => valuesText(instance.values) },
    { head: 'Since', cell: (instance) => <When ms={instance.since_ms} /> },
  ];
  if (onSilence) {
    columns.push({
      head: 'What can be done',
      silent: true,
      cell: (instance) => (
        <Button size="sm" variant="secondary" fill="text" icon="bell-slash" aria-label={`Silence ${rule.title} ${labelsText(instance.labels, rule.labels)}`} onClick={() => onSilence(instance.labels)}>
          Silence
        </Button>
      ),
    });
  }
  return (
    <>
      <DataTable caption={`Instances of ${rule.title}`} columns={columns} rows={all ? sorted : sorted.slice(0, FIRST)} keyOf={(instance) => JSON.stringify(instance.labels)} more={(instance) => said(instance, rule)} />
      {!all && sorted.length > FIRST && (
        <Button size="sm" variant="secondary" fill="text" onClick={() => setAll(true)}>
          {`Show all ${countText(sorted.length)}`}
        </Button>
      )}
      {total > rule.instances.length && <p>The gravest {countText(rule.instances.length)} of {countText(total)} are here.</p>}
    </>
  );
}

/** What is normal needs no words, and what the rule says already is not said again. */
function said({ state, annotations: { summary, description } }: AlertInstance, rule: Rule) {
  const texts = [summary, description].filter((text) => text && text !== rule.annotations.summary && text !== rule.annotations.description);
  if (toneOfAlert(state) === 'good' || texts.length === 0) {
    return null;
  }
  return <div style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>{texts.join('\n')}</div>;
}

export const valuesText = (values: Record<string, number | null>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} = ${value === null ? 'none' : shortText(value)}`)
    .join(', ') || '–';
