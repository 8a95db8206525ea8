// What happened: a strip for each instance over the last day, and below it the transitions in words.
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, Tooltip, useStyles2, useTheme2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { useState } from 'react';
import { api, type AlertGroup } from '../../api';
import type { Span } from '../kit/ask';
import { DataTable } from '../kit/DataTable';
import { Section } from '../kit/Section';
import { StateBadge, toneColor } from '../kit/StateBadge';
import { Loaded, Nothing } from '../kit/States';
import { toneOfAlert } from '../kit/tones';
import { usePolled } from '../kit/usePolled';
import { When } from '../kit/When';
import { durationText, localTime } from '../kit/words';
import type { Transition } from './document';
import { valuesText } from './Instances';
import { labelsText } from './labels';
import { strips, type Strip } from './strips';

const EVERY_MS = 5000;
const DAY_MS = 86_400_000;
const LEAST_MS = 10 * 60_000;
const STRIPS_MAX = 12;
const FIRST = 20;

export function Timeline({ groups }: { groups: AlertGroup[] }) {
  const history = usePolled(() => api.alertHistory() as Promise<Transition[]>, EVERY_MS);
  const [all, setAll] = useState(false);
  const ofRules = new Map(groups.flatMap((group) => group.rules).map((rule) => [rule.uid, rule.labels]));
  const labelsOf: LabelsOf = ({ rule, labels }) => labelsText(labels, ofRules.get(rule));
  return (
    <Section title="History">
      <Loaded from={history}>
        {(list) =>
          list.length === 0 ? (
            <Nothing title="No rule has changed its state yet" icon="history">
              What becomes pending, fires or ends is written down here.
            </Nothing>
          ) : (
            <>
              <Strips history={list} now={history.at} labelsOf={labelsOf} />
              <Transitions list={all ? list : list.filter(tells).slice(0, FIRST)} labelsOf={labelsOf} />
              {list.length > list.filter(tells).slice(0, FIRST).length && !all && (
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

type LabelsOf = (transition: Transition) => string;

function Strips({ history, now, labelsOf }: { history: Transition[]; now: number; labelsOf: LabelsOf }) {
  const styles = useStyles2(getStyles);
  const span = spanOf(history, now);
  const shown = strips(history, span, labelsOf)
    .filter((strip) => strip.pieces.some(({ state }) => toneOfAlert(state) !== 'good'))
    .slice(0, STRIPS_MAX);
  if (shown.length === 0) {
    return null;
  }
  return (
    <div className={styles.strips} role="group" aria-label={`States since ${localTime(span.from)}`}>
      {shown.map((strip) => (
        <StripRow key={strip.key} strip={strip} span={span} />
      ))}
      <div className={styles.axis} aria-hidden="true">
        <span>{localTime(span.from)}</span>
        <span>{localTime(span.to)}</span>
      </div>
    </div>
  );
}

/** An instance that came or went while all was well changed nothing for anybody. */
const tells = ({ from, to }: Transition): boolean => toneOfAlert(from) !== 'good' || toneOfAlert(to) !== 'good';

/** A day, or less if less is known: the first transitions stand a tenth from the left. */
function spanOf(history: Transition[], now: number): Span {
  const first = Math.min(...history.map((transition) => transition.at_ms));
  const from = Math.max(now - DAY_MS, Math.min(now - LEAST_MS, first - (now - first) / 10));
  return { from, to: now };
}

function StripRow({ strip, span }: { strip: Strip; span: Span }) {
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

function Transitions({ list, labelsOf }: { list: Transition[]; labelsOf: LabelsOf }) {
  return (
    <DataTable
      caption="Transitions, the latest first"
      rows={list}
      keyOf={(transition) => `${transition.at_ms} ${transition.rule} ${JSON.stringify(transition.labels)} ${transition.to}`}
      columns={[
        { head: 'When', cell: (transition) => <When ms={transition.at_ms} exact /> },
        { head: 'Rule', cell: (transition) => transition.title ?? transition.rule },
        { head: 'Instance', wide: true, cell: (transition) => labelsOf(transition) || '–' },
        { head: 'From', cell: (transition) => <StateBadge tone={toneOfAlert(transition.from)}>{transition.from}</StateBadge> },
        { head: 'To', cell: (transition) => <StateBadge tone={toneOfAlert(transition.to)}>{transition.to}</StateBadge> },
        { head: 'Values', cell: (transition) => valuesText(transition.values) },
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
