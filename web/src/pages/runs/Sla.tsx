// Whether a run kept within the time it was given.
import { StateBadge } from '../kit/StateBadge';
import { durationText } from '../kit/words';

export function Sla({ seconds, sla }: { seconds: number | null; sla: number | null }) {
  if (!sla) {
    return <span>none set</span>;
  }
  if (seconds === null) {
    return <span>{durationText(sla)}</span>;
  }
  return seconds > sla ? (
    <StateBadge tone="bad">{`over ${durationText(sla)} by ${durationText(seconds - sla)}`}</StateBadge>
  ) : (
    <StateBadge tone="good">{`within ${durationText(sla)}`}</StateBadge>
  );
}
