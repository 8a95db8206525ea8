// A button that does something only after it was asked whether it should, and tells how that went.
import { Button, ConfirmModal, type ButtonProps } from '@grafana/ui';
import { useState, type ReactNode } from 'react';
import { toaster } from '../../host/toaster';

interface Props {
  label: string;
  title: string;
  body: ReactNode;
  confirm: string;
  /** Takes something away that cannot be had back. */
  destroys?: boolean;
  icon?: ButtonProps['icon'];
  disabled?: boolean;
  fill?: ButtonProps['fill'];
  size?: ButtonProps['size'];
  ariaLabel?: string;
  /** What was done, in words, if there is more to say than nothing. */
  onDo: () => Promise<string | void>;
}

export function Asking({ label, title, body, confirm, destroys, icon, disabled, fill, size = 'sm', ariaLabel, onDo }: Props) {
  const [asks, setAsks] = useState(false);
  const [busy, setBusy] = useState(false);
  const act = async () => {
    setAsks(false);
    setBusy(true);
    try {
      toaster.done((await onDo()) || `${confirm}: done`);
    } catch (error) {
      toaster.error(`${confirm}: failed`, error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button size={size} variant="secondary" fill={fill} icon={busy ? 'spinner' : icon} disabled={disabled || busy} aria-label={ariaLabel} onClick={() => setAsks(true)}>
        {label}
      </Button>
      <ConfirmModal
        isOpen={asks}
        title={title}
        body={body}
        confirmText={confirm}
        confirmVariant={destroys ? 'destructive' : 'primary'}
        dismissText="Cancel"
        onConfirm={act}
        onDismiss={() => setAsks(false)}
      />
    </>
  );
}
