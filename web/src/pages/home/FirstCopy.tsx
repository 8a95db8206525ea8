// The first minutes: what is being copied, and how far that is.
import { Progress } from '../kit/Progress';
import { Section } from '../kit/Section';
import type { PipeStatus } from '../kit/status';
import { Way } from '../kit/Way';
import { countText, plural } from '../kit/words';
import { copiedRatio } from './story';

export function FirstCopy({ status }: { status: PipeStatus }) {
  const left = status.tables.filter((table) => table.state === 'copying' || table.state === 'waiting');
  if (left.length === 0) {
    return null;
  }
  const rows = status.tables.reduce((sum, table) => sum + table.copied_rows, 0);
  return (
    <Section title="Copying what is there" note={`${countText(rows)} rows so far`}>
      <Progress ratio={copiedRatio(status.tables)} label="Tables copied" />
      <p style={{ margin: '8px 0 0' }}>
        {plural(left.length, 'table')} to go: {left.slice(0, 5).map((table) => table.name).join(', ')}
        {left.length > 5 && ' …'}. What changes meanwhile arrives beside it. <Way to="/pipe">Each table’s progress</Way>
      </p>
    </Section>
  );
}
