// Keeps instances with these labels from being told, for some time and with a reason.
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, Checkbox, Field, Modal, RadioButtonGroup, TextArea, useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { useState, type FormEvent } from 'react';
import { api, problemFrom, type Problem } from '../../api';
import { toaster } from '../../host/toaster';
import { ProblemCard } from '../kit/States';
import { localTime } from '../kit/words';
import { shownLabels } from './labels';
import { PRESETS } from './when';

interface Props {
  labels: Record<string, string>;
  onClose: () => void;
  onDone: () => void;
}

export function SilenceForm({ labels, onClose, onDone }: Props) {
  const styles = useStyles2(getStyles);
  const all = shownLabels(labels);
  const [chosen, setChosen] = useState(() => new Set(all.map(([name]) => name)));
  const [ms, setMs] = useState(PRESETS[1].ms);
  const [comment, setComment] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const toggle = (name: string) => setChosen((before) => new Set(before.has(name) ? [...before].filter((other) => other !== name) : [...before, name]));

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    const starts_ms = Date.now();
    const matchers = all.filter(([name]) => chosen.has(name)).map(([name, value]) => ({ name, op: '=' as const, value }));
    try {
      await api.silence({ matchers, starts_ms, ends_ms: starts_ms + ms, comment: comment.trim() });
      toaster.done('The silence has begun');
      onDone();
      onClose();
    } catch (error) {
      setProblem(problemFrom(error));
      setBusy(false);
    }
  };
  return (
    <Modal isOpen title="Silence" onDismiss={onClose}>
      <form onSubmit={submit}>
        {problem && <ProblemCard problem={problem} />}
        <fieldset className={styles.labels}>
          <legend className={styles.legend}>What has all of these labels</legend>
          {all.map(([name, value]) => (
            <Checkbox key={name} label={`${name} = ${value}`} value={chosen.has(name)} onChange={() => toggle(name)} />
          ))}
        </fieldset>
        {chosen.size === 0 && <p role="alert">Choose a label at least: else all alerts would be silent.</p>}
        <Field label="For" description={`until ${localTime(Date.now() + ms)}`}>
          <RadioButtonGroup aria-label="For how long" options={PRESETS.map(({ label, ms: value }) => ({ label, value }))} value={ms} onChange={setMs} />
        </Field>
        <Field label="Why">
          <TextArea id="silence-comment" value={comment} onChange={(event) => setComment(event.currentTarget.value)} rows={2} required />
        </Field>
        <Modal.ButtonRow>
          <Button type="button" variant="secondary" fill="outline" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" disabled={busy || chosen.size === 0 || comment.trim() === ''}>
            Silence
          </Button>
        </Modal.ButtonRow>
      </form>
    </Modal>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  labels: css({ display: 'grid', justifyItems: 'start', gap: theme.spacing(0.5), marginBottom: theme.spacing(2), '& label': { overflowWrap: 'anywhere', textAlign: 'left' } }),
  legend: css({ fontSize: theme.typography.bodySmall.fontSize, fontWeight: 500, marginBottom: theme.spacing(0.5) }),
});
