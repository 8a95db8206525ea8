// Stands where a dashboard has a panel of a type that this page cannot draw.
import type { PanelProps } from '@grafana/data';
import { usePluginContext } from '@grafana/data';
import { css } from '@emotion/css';

export function UnsupportedPanel({ width, height }: PanelProps) {
  const type = usePluginContext()?.meta.id ?? 'unknown';
  return (
    <div className={box} style={{ width, height }} role="note">
      <div>
        The panel type <code>{type}</code> is not drawn by Millrace.
        <br />A Grafana with that panel shows it; the file keeps it unchanged.
      </div>
    </div>
  );
}

const box = css({ display: 'grid', placeContent: 'center', textAlign: 'center', overflow: 'auto' });
