// Asks for the name and the password of one of the door's users.
import type { GrafanaTheme2 } from '@grafana/data';
import { Alert, Button, Field, Input, useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { useState, type FormEvent } from 'react';
import { api, problemFrom, type Problem } from '../api';
import { useSession } from '../host/session';

export function Login() {
  const styles = useStyles2(getStyles);
  const { session, setSession } = useSession();
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    api
      .login(user, password)
      .then(setSession, (error) => setProblem(problemFrom(error)))
      .finally(() => setBusy(false));
  };

  if (session.login === 'proxy') {
    return (
      <main className={styles.page}>
        <Alert severity="warning" title="The proxy in front of Millrace named no user">
          Log in there, then load this page again.
        </Alert>
      </main>
    );
  }
  return (
    <main className={styles.page}>
      <form className={styles.form} onSubmit={submit}>
        <h1 className={styles.title}>{session.project?.name || 'Millrace'}</h1>
        {problem && (
          <Alert severity="error" title={problem.error}>
            {problem.detail}
          </Alert>
        )}
        <Field label="User">
          <Input id="user" value={user} onChange={(event) => setUser(event.currentTarget.value)} autoComplete="username" autoFocus required />
        </Field>
        <Field label="Password">
          <Input
            id="password"
            type="password"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            autoComplete="current-password"
          />
        </Field>
        <Button type="submit" disabled={busy} fullWidth>
          Log in
        </Button>
      </form>
    </main>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  page: css({ minHeight: '100vh', display: 'grid', placeContent: 'center', background: theme.colors.background.canvas, padding: theme.spacing(2) }),
  form: css({
    width: 'min(360px, calc(100vw - 32px))',
    padding: theme.spacing(3),
    background: theme.colors.background.primary,
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
  }),
  title: css({ ...theme.typography.h3, marginBottom: theme.spacing(2) }),
});
