// Ours: who comes back. A row a cohort, a column a period, each cell the share of the cohort that was there.
import { useState } from 'react';
import { css } from '@emotion/css';
import { dateTimeFormat, FieldType, type GrafanaTheme2, type PanelProps } from '@grafana/data';
import { useStyles2, useTheme2 } from '@grafana/ui';
import { textOf } from '../kit/frame';
import { NoData, panel } from '../kit/Panel';
import { Tip } from '../kit/Tip';
import { cellColors } from '../kit/contrast';
import { type Cohort, matrix, type RetentionFields } from './matrix';

export interface RetentionOptions extends RetentionFields {
  show: 'share' | 'people';
  color: string;
  periodName: string;
  showAverages: boolean;
}

const percent = (share: number | null | undefined) => (share == null ? '–' : `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)}%`);

export const RetentionPanel = panel<RetentionOptions>((props: PanelProps<RetentionOptions>) => {
  const theme = useTheme2();
  const styles = useStyles2(retentionStyles);
  const { data, options, width, height, title, timeZone } = props;
  const [hover, setHover] = useState<{ cohort: Cohort; period: number; x: number; y: number } | null>(null);
  const found = matrix(data.series, options);
  if (!found) {
    return <NoData title={title} frames={data.series} needs="a cohort field (a date), a period number (0, 1, 2 …) and the people or their share" noValue={props.fieldConfig?.defaults?.noValue} />;
  }
  const accent = theme.visualization.getColorByName(options.color || 'blue');
  const name = (cohort: Cohort) => {
    if (found.cohort.type !== FieldType.time || /^(time:|dateTime)/.test(found.cohort.config.unit ?? '')) {
      return textOf(found.cohort, cohort.key);
    }
    const whole = found.cohorts.every((one) => Number(one.key) % 86_400_000 === 0);
    return dateTimeFormat(Number(cohort.key), { timeZone: whole ? 'utc' : timeZone, format: whole ? 'YYYY-MM-DD' : 'YYYY-MM-DD HH:mm' });
  };
  const people = (n: number | null) => (n === null ? '–' : found.people ?? found.size ? textOf((found.people ?? found.size)!, n) : String(n));
  const word = options.periodName || 'Period';
  // Short heads where the columns are narrow.
  const head = (p: number) => (width / (found.periods.length + 2) > 64 ? `${word} ${p}` : String(p));
  const cell = (share: number | null | undefined, text: string) => {
    const { background, text: ink } = cellColors(share ?? 0, accent, theme.colors.background.primary);
    return <span className={styles.fill} style={{ background, color: ink }}>{text}</span>;
  };
  return (
    <div className={styles.box} style={{ width, height }} role="group" aria-label={title || 'Retention'} tabIndex={0} onMouseLeave={() => setHover(null)} onScroll={() => setHover(null)}>
      <table className={styles.table}>
        <caption className={styles.unseen}>{title || 'Retention'}: average {found.averages.slice(0, 12).map((share, p) => `${word} ${p} ${percent(share)}`).join(', ')}</caption>
        <thead>
          <tr>
            <th scope="col" className={styles.corner}>Cohort</th>
            <th scope="col" className={styles.number}>Size</th>
            {found.periods.map((p) => <th key={p} scope="col" aria-label={`${word} ${p}`}>{head(p)}</th>)}
          </tr>
        </thead>
        <tbody>
          {options.showAverages !== false && (
            <tr className={styles.average}>
              <th scope="row" className={styles.corner}>Average</th>
              <td className={styles.number} />
              {found.averages.map((share, p) => <td key={p} className={styles.cell}>{share === null ? null : cell(share, percent(share))}</td>)}
            </tr>
          )}
          {found.cohorts.map((cohort, c) => (
            <tr key={c}>
              <th scope="row" className={styles.corner}>{name(cohort)}</th>
              <td className={styles.number}>{people(cohort.size)}</td>
              {cohort.cells.map((one, p) => (
                <td key={p} className={styles.cell} onMouseMove={one ? (event) => setHover({ cohort, period: p, x: event.clientX, y: event.clientY }) : () => setHover(null)}>
                  {one && cell(one.share, options.show === 'people' && one.people !== null ? people(one.people) : one.share === null ? people(one.people) : percent(one.share))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {hover && (
        <Tip at={hover} head={`${name(hover.cohort)}, ${word} ${hover.period}`}
          items={[
            { label: 'Came back', value: percent(hover.cohort.cells[hover.period]?.share) },
            { label: 'People', value: `${people(hover.cohort.cells[hover.period]?.people ?? null)} of ${people(hover.cohort.size)}` },
            { label: 'Average', value: percent(found.averages[hover.period]) },
          ]} />
      )}
    </div>
  );
});

const retentionStyles = (theme: GrafanaTheme2) => ({
  box: css({ overflow: 'auto', '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}`, outlineOffset: -2 } }),
  unseen: css({ position: 'absolute', width: 1, height: 1, overflow: 'hidden', clipPath: 'inset(50%)', whiteSpace: 'nowrap' }),
  table: css({
    borderCollapse: 'separate', borderSpacing: 1, fontSize: 12, width: '100%', fontVariantNumeric: 'tabular-nums',
    'th, td': { whiteSpace: 'nowrap', height: 24 },
    'thead th': { position: 'sticky', top: 0, zIndex: 1, background: theme.colors.background.primary, color: theme.colors.text.secondary, fontWeight: 500, textAlign: 'center', padding: '0 6px' },
  }),
  corner: css({ textAlign: 'left !important' as 'left', fontWeight: 500, padding: '0 8px 0 4px', position: 'sticky', left: 0, background: theme.colors.background.primary, 'thead &': { zIndex: '2 !important' as never } }),
  number: css({ textAlign: 'right', padding: '0 8px', color: theme.colors.text.secondary }),
  cell: css({ padding: 0, minWidth: 42, textAlign: 'center' }),
  fill: css({ display: 'block', lineHeight: '24px', padding: '0 4px', borderRadius: 2 }),
  average: css({ '& th, & td': { borderBottom: `1px solid ${theme.colors.border.strong}` } }),
});
