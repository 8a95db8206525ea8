// What happened: a strip for each instance over the last day, and below it the transitions in words.
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, Tooltip, useStyles2, useTheme2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { useState } from 'react';
import { api, type AlertTransition } from '../../api';
import { DataTable } from '../kit/DataTable';
import { Section } from '../kit/Section';
import { StateBadge, toneColor } from '../kit/StateBadge';
import { Loaded, Nothing } from '../kit/States';
import { toneOfAlert } from '../kit/tones';
import { usePolled } from '../kit/usePolled';
import { When } from '../kit/When';
import { durationText, localTime, shortText } from '../kit/words';
import { labelsText } from './labels';
import { strips, type Strip } from './strips';

const EVERY_MS = 5000;
const DAY_MS = 86_400_000;
const STRIPS_MAX = 20;
const FIRST = 20;

export function Timeline() {
  const history = usePolled(() => api.alertHistory(), EVERY_MS);
  const [all, setAll] = useState(false);
  return (
    <Section title="History">
      <Loaded from={history}>
        {(list) =>
          list.length === 0 ? (
            <Nothing title="No rule has changed its state yet" icon="history" />
          ) : (
            <>
              <Strips history={list} now={history.at} />
              <Transitions list={all ? list : list.slice(0, FIRST)} />
              {list.length > FIRST && !all && (
                <Button size="sm" variant="secondary" fill="text" onClick={() => setAll(true)}>
                  Show all {list.length}
                </Button>
              )}
            </>
          )
        }
      </Loaded>
    </Section>
  );
}

function Strips({ history, now }: { history: AlertTransition[]; now: number }) {
  const styles = useStyles2(getStyles);
  const span = { from: now - DAY_MS, to: now };
  const shown = strips(history, span).slice(0, STRIPS_MAX);
  return (
    <div className={styles.strips} role="group" aria-label="States over the last 24 hours">
      {shown.map((strip) => (
        <StripRow key={strip.key} strip={strip} span={span} />
      ))}
      <div className={styles.axis} aria-hidden="true">
        <span>24 h ago</span>
        <span>12 h ago</span>
        <span>now</span>
      </div>
    </div>
  );
}

function StripRow({ strip, span }: { strip: Strip; span: { from: number; to: number } }) {
  const styles = useStyles2(getStyles);
  const theme = useTheme2();
  const words = strip.pieces.map(({ from, to, state }) => `${state} from ${localTime(from)} for ${durationText((to - from) / 1000)}`);
  return (
    <div className={styles.strip}>
      <span className={styles.name}>
        {strip.rule} <span>{strip.labels}</span>
      </span>
      <div className={styles.bar} role="img" tabIndex={0} aria-label={`${strip.rule} ${strip.labels}: ${words.join('; ')}`}>
        {strip.pieces.map(({ from, to, state }, at) => (
          <Tooltip key={from} content={words[at]}>
            <span
              className={styles.piece}
              style={{
                left: `${((from - span.from) / (span.to - span.from)) * 100}%`,
                width: `${((to - from) / (span.to - span.from)) * 100}%`,
                background: toneColor(theme, toneOfAlert(state)),
                opacity: toneOfAlert(state) === 'good' ? 0.28 : 1,
              }}
            />
          </Tooltip>
        ))}
      </div>
    </div>
  );
}

function Transitions({ list }: { list: AlertTransition[] }) {
  return (
    <DataTable
      caption="Transitions, the latest first"
      rows={list}
      keyOf={(transition) => `${transition.at_ms} ${transition.rule} ${JSON.stringify(transition.labels)} ${transition.to}`}
      columns={[
        { head: 'When', cell: (transition) => <When ms={transition.at_ms} exact /> },
        { head: 'Rule', cell: (transition) => transition.rule },
        { head: 'Instance', wide: true, cell: (transition) => labelsText(transition.labels) || '–' },
        { head: 'From', cell: (transition) => <StateBadge tone={toneOfAlert(transition.from)}>{transition.from}</StateBadge> },
        { head: 'To', cell: (transition) => <StateBadge tone={toneOfAlert(transition.to)}>{transition.to}</StateBadge> },
        { head: 'Values', cell: (transition) => Object.entries(transition.values).map(([name, value]) => `${name} = ${value === null ? 'none' : shortText(value)}`).join(', ') || '–' },
      ]}
    />
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  strips: css({ display: 'grid', gap: theme.spacing(0.5), marginBottom: theme.spacing(2) }),
  strip: css({ display: 'grid', gridTemplateColumns: 'minmax(0, 260px) minmax(0, 1fr)', gap: theme.spacing(0.25, 2), alignItems: 'center', [theme.breakpoints.down('md')]: { gridTemplateColumns: '1fr' } }),
  name: css({ overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap', '& span': { color: theme.colors.text.secondary } }),
  bar: css({ position: 'relative', height: 14, background: theme.colors.background.secondary, borderRadius: 2, overflow: 'hidden', '&:focus-visible': { outline: `2px solid ${theme.colors.primary.border}`, outlineOffset: 1 } }),
  piece: css({ position: 'absolute', top: 0, bottom: 0, minWidth: 2 }),
  axis: css({
    display: 'flex',
    justifyContent: 'space-between',
    marginLeft: 276,
    color: theme.colors.text.secondary,
    fontSize: theme.typography.bodySmall.fontSize,
    [theme.breakpoints.down('md')]: { marginLeft: 0 },
  }),
});
