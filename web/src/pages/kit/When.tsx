// A moment: how long ago, or at which time of the user's day; the exact UTC in the tooltip.
import { Tooltip } from '@grafana/ui';
import { agoText, localTime, utcTime } from './words';

export function When({ ms, exact = false }: { ms: number | null | undefined; exact?: boolean }) {
  if (!ms) {
    return <span>–</span>;
  }
  return (
    <Tooltip content={exact ? utcTime(ms) : `${localTime(ms)} (${utcTime(ms)})`}>
      <time dateTime={new Date(ms).toISOString()}>{exact ? localTime(ms) : agoText(ms)}</time>
    </Tooltip>
  );
}
