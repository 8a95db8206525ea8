// The rules by folder and group: what fires stands open, the rest opens on demand.
import type { GrafanaTheme2 } from '@grafana/data';
import { FilterInput, Icon, RadioButtonGroup, useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { useEffect, useRef, useState } from 'react';
import type { AlertGroup } from '../../api';
import { Section } from '../kit/Section';
import { StateBadge } from '../kit/StateBadge';
import { Nothing } from '../kit/States';
import { toneOfAlert } from '../kit/tones';
import { Way } from '../kit/Way';
import { When } from '../kit/When';
import { durationText, plural } from '../kit/words';
import type { Rule as RuleShown } from './document';
import { Instances } from './Instances';
import { LabelList } from './LabelList';
import { isWhole, ownLabels, panelOf } from './labels';
import { isUpset, matches, type Which } from './which';

const WHICH = [
  { label: 'All', value: 'all' as Which },
  { label: 'Firing or pending', value: 'upset' as Which },
  { label: 'With errors', value: 'errors' as Which },
];

interface Props {
  groups: AlertGroup[];
  /** The rule that a link named. */
  named: string | null;
  onSilence: ((labels: Record<string, string>) => void) | null;
}

export function Rules({ groups, named, onSilence }: Props) {
  const styles = useStyles2(getStyles);
  const [words, setWords] = useState('');
  const [which, setWhich] = useState<Which>('all');
  const rules = groups.reduce((sum, group) => sum + group.rules.length, 0);
  const shown = groups.map((group) => ({ ...group, rules: group.rules.filter((rule) => matches(rule, group, words, which)) })).filter((group) => group.rules.length > 0);
  return (
    <Section
      title="Rules"
      note={plural(rules, 'rule')}
      actions={
        rules > 0 && (
          <>
            <RadioButtonGroup aria-label="Which rules" size="sm" options={WHICH} value={which} onChange={setWhich} />
            <FilterInput value={words} onChange={setWords} placeholder="Name or label" aria-label="Search rules" escapeRegex={false} width={22} />
          </>
        )
      }
    >
      {rules === 0 ? (
        <Nothing title="There are no alert rules yet" icon="bell-slash">
          Put Grafana’s YAML files (rules, contact points, policies) into the folder <code>alerting/</code> of the project. They count as soon as they are there.
        </Nothing>
      ) : shown.length === 0 ? (
        <Nothing title="No rule matches" />
      ) : (
        shown.map((group) => (
          <section key={`${group.folder}/${group.name}`} className={styles.group}>
            <h3 className={styles.name}>
              {group.folder && <span>{group.folder} / </span>}
              {group.name} <span>every {durationText(group.interval_s)}</span>
            </h3>
            {group.rules.map((rule) => (
              <Rule key={rule.uid} rule={rule} opened={rule.uid === named} onSilence={onSilence} />
            ))}
          </section>
        ))
      )}
    </Section>
  );
}

function Rule({ rule, opened, onSilence }: { rule: RuleShown; opened: boolean; onSilence: Props['onSilence'] }) {
  const styles = useStyles2(getStyles);
  const [choice, setChoice] = useState<boolean>();
  const open = choice ?? (opened || isUpset(rule));
  const place = useRef<HTMLElement>(null);
  useEffect(() => {
    if (opened) {
      place.current?.scrollIntoView({ block: 'nearest' });
    }
  }, [opened]);
  const panel = panelOf(rule);
  const texts = [rule.annotations.summary, rule.annotations.description].filter(isWhole);
  const id = `rule-${rule.uid}`;
  return (
    <article className={styles.rule} ref={place}>
      <div className={styles.head}>
        <button type="button" className={styles.title} aria-expanded={open} aria-controls={id} onClick={() => setChoice(!open)}>
          <Icon name={open ? 'angle-down' : 'angle-right'} /> {rule.title}
        </button>
        <StateBadge tone={rule.paused ? 'quiet' : toneOfAlert(rule.state)}>{rule.paused ? 'paused' : rule.state}</StateBadge>
        <span className={styles.times}>
          asked <When ms={rule.last_evaluation_ms} />
          {rule.next_evaluation_ms !== null && !rule.paused && (
            <>
              , next <When ms={rule.next_evaluation_ms} />
            </>
          )}
          {rule.missed > 0 && <span className={styles.missed}>, {plural(rule.missed, 'evaluation')} missed</span>}
        </span>
      </div>
      {rule.error && (
        <p className={styles.error}>
          <Icon name="exclamation-triangle" size="sm" /> {rule.error}
        </p>
      )}
      {open && (
        <div id={id} className={styles.body}>
          {texts.length > 0 && <p className={styles.text}>{texts.join('\n')}</p>}
          <p className={styles.facts}>
            {rule.for_s > 0 ? `fires after ${durationText(rule.for_s)}` : 'fires at once'}; health: {rule.health}
            {panel && (
              <>
                ; <Way to={panel}>its panel</Way>
              </>
            )}
            {Object.keys(ownLabels(rule.labels)).length > 0 && (
              <>
                {' '}
                <LabelList labels={ownLabels(rule.labels)} />
              </>
            )}
          </p>
          {rule.instances.length === 0 ? <Nothing title={rule.last_evaluation_ms === null ? 'Not evaluated yet' : 'Its query answered no instance'} /> : <Instances rule={rule} onSilence={onSilence} />}
        </div>
      )}
    </article>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  group: css({ marginTop: theme.spacing(1.5) }),
  name: css({ ...theme.typography.h6, margin: 0, '& span': { color: theme.colors.text.secondary, fontWeight: 400 } }),
  rule: css({ padding: theme.spacing(0.75, 0), borderTop: `1px solid ${theme.colors.border.weak}` }),
  head: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(0.5, 2) }),
  title: css({ display: 'inline-flex', alignItems: 'center', gap: theme.spacing(0.5), padding: 0, border: 0, background: 'none', color: theme.colors.text.maxContrast, fontWeight: 500, textAlign: 'left', cursor: 'pointer' }),
  times: css({ marginLeft: 'auto', color: theme.colors.text.secondary, fontSize: theme.typography.bodySmall.fontSize }),
  missed: css({ color: theme.colors.warning.text }),
  error: css({ margin: theme.spacing(0.5, 0), color: theme.colors.error.text, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }),
  body: css({ padding: theme.spacing(0.5, 0, 0.5, 3), [theme.breakpoints.down('md')]: { paddingLeft: 0 } }),
  text: css({ margin: 0, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', maxWidth: '100ch' }),
  facts: css({ margin: theme.spacing(0.25, 0, 0.5), color: theme.colors.text.secondary }),
});
