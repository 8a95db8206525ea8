// Ours: how many go on from step to step. Upright: a column a step, the part that was lost hatched above.
// Lying: a table with a bar in each row. A screen reader finds a table either way.
import { css } from '@emotion/css';
import { type GrafanaTheme2, type PanelProps } from '@grafana/data';
import { useStyles2, useTheme2, VizLayout } from '@grafana/ui';
import { textOf } from '../kit/frame';
import { legendOf } from '../kit/legend';
import { NoData, panel } from '../kit/Panel';
import { funnel, type Funnel, type FunnelFields, percent, span, type Step } from './funnel';

export interface FunnelOptions extends FunnelFields {
  orientation: 'auto' | 'vertical' | 'horizontal';
  showTime: boolean;
}

export const FunnelPanel = panel<FunnelOptions>((props: PanelProps<FunnelOptions>) => {
  const theme = useTheme2();
  const { data, options, width, height, title } = props;
  const found = funnel(data.series, options);
  if (!found) {
    return <NoData title={title} frames={data.series} needs="a field with the steps' names and a number field with the people" noValue={props.fieldConfig?.defaults?.noValue} />;
  }
  const palette = theme.visualization.palette;
  const single = found.groups.length === 1;
  const colors = found.groups.map((_, i) => (single && found.people.config.color?.mode === 'fixed' && found.people.config.color.fixedColor
    ? theme.visualization.getColorByName(found.people.config.color.fixedColor)
    : single ? theme.visualization.getColorByName('blue') : theme.visualization.getColorByName(palette[i % palette.length])));
  const roomy = width / found.names.length >= 90 && height >= 180;
  const upright = options.orientation === 'vertical' || ((options.orientation ?? 'auto') === 'auto' && roomy);
  const legend = single || (!upright && height < 200) ? null : legendOf(found.groups.map((group, i) => ({ label: group.name, color: colors[i] })), { showLegend: true }, true);
  const Kind = upright ? Upright : Lying;
  return (
    <VizLayout width={width} height={height} legend={legend}>
      {(w, h) => <Kind found={found} colors={colors} width={w} height={h} title={title} times={options.showTime !== false} />}
    </VizLayout>
  );
});

interface Shown { found: Funnel; colors: string[]; width: number; height: number; title: string; times: boolean }

const hasTimes = ({ groups }: Funnel) => groups.some((group) => group.steps.some((step) => step.seconds !== null));

function Upright({ found, colors, width, height, title, times }: Shown) {
  const styles = useStyles2(funnelStyles);
  const theme = useTheme2();
  const { groups, names } = found;
  const single = groups.length === 1;
  const timed = times && hasTimes(found);
  const top = 40;
  const bottom = single ? (timed ? 58 : 40) : 24;
  const step = width / names.length;
  const tall = Math.max(20, height - top - bottom);
  const lane = Math.min(120, (step * 0.62) / groups.length);
  return (
    <div style={{ width, height, position: 'relative' }} role="group" aria-label={title || 'Funnel'}>
      <table className={styles.unseen}><Rows found={found} timed={timed} caption={title} /></table>
      <svg width={width} height={height} aria-hidden style={{ display: 'block' }} fontFamily={theme.typography.fontFamily} fontSize={12}>
        <line x1={0} x2={width} y1={top + tall + 0.5} y2={top + tall + 0.5} stroke={theme.colors.border.medium} />
        {names.map((name, s) => {
          const middle = step * (s + 0.5);
          const one = groups[0].steps[s];
          return (
            <g key={s}>
              <text x={middle} y={15} textAnchor="middle" fill={theme.colors.text.primary} fontWeight={500}>{fit(`${s + 1}. ${name}`, step - 8)}<title>{name}</title></text>
              {single && <text x={middle} y={32} textAnchor="middle" fill={theme.colors.text.primary}>{percent(one.ofFirst)}</text>}
              {groups.map((group, g) => {
                const { people, ofFirst, ofPrevious } = group.steps[s];
                const share = Math.min(1, ofFirst ?? 0);
                const before = s === 0 ? share : Math.min(1, group.steps[s - 1].ofFirst ?? 0);
                const x = middle - (lane * groups.length) / 2 + lane * g + 1;
                const w = Math.max(1, lane - 2);
                return (
                  <g key={g}>
                    <rect x={x} width={w} y={top + tall * (1 - before)} height={Math.max(0, tall * (before - share))} fill={colors[g]} opacity={0.14} />
                    <rect x={x} width={w} y={top + tall * (1 - share)} height={tall * share} fill={colors[g]} />
                    <title>{`${group.name ? `${group.name}, ` : ''}${name}: ${textOf(found.people, people)}, ${percent(ofFirst)} of first, ${percent(ofPrevious)} of previous`}</title>
                    {!single && lane > 30 && <text x={x + w / 2} y={Math.max(top - 2, top + tall * (1 - share) - 4)} textAnchor="middle" fontSize={11} fill={theme.colors.text.primary}>{percent(ofFirst)}</text>}
                  </g>
                );
              })}
              {single ? (
                <g textAnchor="middle" fill={theme.colors.text.secondary}>
                  <text x={middle} y={top + tall + 16} fill={theme.colors.text.primary}>{textOf(found.people, one.people)}</text>
                  {s > 0 && <text x={middle} y={top + tall + 33} fontSize={11}>{fit(step > 150 ? `${percent(one.ofPrevious)} of prev., −${textOf(found.people, one.dropped)}` : `−${textOf(found.people, one.dropped)}`, step - 4)}</text>}
                  {s > 0 && timed && <text x={middle} y={top + tall + 50} fontSize={11}>{fit(`median ${span(one.seconds)}`, step - 4)}</text>}
                </g>
              ) : null}
              {s > 0 && single && step > 110 && <Arrow x={step * s} y={top + tall / 2} text={percent(one.ofPrevious)} />}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

/** Between two columns: what part went on. */
function Arrow({ x, y, text }: { x: number; y: number; text: string }) {
  const theme = useTheme2();
  const [w, h] = [46, 20];
  return (
    <g>
      <path d={`M${x - w / 2},${y - h / 2}h${w - 8}l8,${h / 2}l-8,${h / 2}h${8 - w}z`} fill={theme.colors.background.secondary} stroke={theme.colors.border.medium} />
      <text x={x - 3} y={y} textAnchor="middle" dominantBaseline="central" fontSize={11} fill={theme.colors.text.primary}>{text}</text>
    </g>
  );
}

function Lying({ found, colors, width, height, title, times }: Shown) {
  const styles = useStyles2(funnelStyles);
  const timed = times && hasTimes(found);
  return (
    <div className={styles.scroll} style={{ width, height }} role="group" aria-label={title || 'Funnel'} tabIndex={0}>
      <table className={styles.table}><Rows found={found} timed={timed} caption={title} colors={colors} narrow={width < 420} tiny={width < 260} /></table>
    </div>
  );
}

function Rows({ found, timed, caption, colors, narrow, tiny }: { found: Funnel; timed: boolean; caption: string; colors?: string[]; narrow?: boolean; tiny?: boolean }) {
  const styles = useStyles2(funnelStyles);
  const grouped = found.groups.length > 1;
  const line = (step: Step, group: string, g: number, n: number) => (
    <tr key={`${n}/${g}`}>
      {g === 0 && <th scope="row" rowSpan={found.groups.length} className={styles.name}>{n + 1}. {step.name}</th>}
      {grouped && <td>{group}</td>}
      <td className={styles.bar}>
        {colors && <div className={styles.fill} aria-hidden style={{ width: `${Math.min(100, (step.ofFirst ?? 0) * 100)}%`, background: colors[g] }} />}
        <span>{textOf(found.people, step.people)}</span>
      </td>
      <td className={styles.number}>{percent(step.ofFirst)}</td>
      {!tiny && <td className={styles.number}>{n === 0 ? '' : percent(step.ofPrevious)}</td>}
      {!narrow && <td className={styles.number}>{n === 0 ? '' : `−${textOf(found.people, step.dropped)}`}</td>}
      {!narrow && timed && <td className={styles.number}>{n === 0 ? '' : span(step.seconds)}</td>}
    </tr>
  );
  return (
    <>
      <caption className={styles.unseen}>{caption || 'Funnel'}</caption>
      <thead>
        <tr>
          <th scope="col">Step</th>
          {grouped && <th scope="col">Group</th>}
          <th scope="col">People</th>
          <th scope="col" className={styles.number}>{tiny ? '%' : 'Of first'}</th>
          {!tiny && <th scope="col" className={styles.number}>{narrow ? 'Of prev.' : 'Of previous'}</th>}
          {!narrow && <th scope="col" className={styles.number}>Dropped</th>}
          {!narrow && timed && <th scope="col" className={styles.number}>Median time</th>}
        </tr>
      </thead>
      <tbody>{found.names.map((_, n) => found.groups.map((group, g) => line(group.steps[n], group.name, g, n)))}</tbody>
    </>
  );
}

function fit(text: string, width: number): string {
  const most = Math.max(2, Math.floor(width / 6.6));
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

const funnelStyles = (theme: GrafanaTheme2) => ({
  unseen: css({ position: 'absolute', width: 1, height: 1, margin: -1, padding: 0, overflow: 'hidden', clipPath: 'inset(50%)', whiteSpace: 'nowrap', border: 0 }),
  scroll: css({ overflow: 'auto', '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}`, outlineOffset: -2 } }),
  table: css({
    width: '100%', borderCollapse: 'collapse', fontSize: 13,
    'th, td': { padding: '4px 8px', borderBottom: `1px solid ${theme.colors.border.weak}`, textAlign: 'left', whiteSpace: 'nowrap' },
    'thead th': { position: 'sticky', top: 0, zIndex: 1, background: theme.colors.background.primary, color: theme.colors.text.secondary, fontWeight: 500 },
  }),
  name: css({ fontWeight: 500, maxWidth: 180, overflow: 'hidden', textOverflow: 'ellipsis', verticalAlign: 'top' }),
  number: css({ textAlign: 'right !important' as 'right', fontVariantNumeric: 'tabular-nums' }),
  bar: css({ width: '99%', minWidth: 70, '& > span': { fontVariantNumeric: 'tabular-nums' } }),
  fill: css({ height: 8, minWidth: 1, borderRadius: 2, marginBottom: 2 }),
});
