// What the server says of alerts beyond `api.ts`.
import type { AlertRule, AlertTransition, Alerts, Silence } from '../../api';

export type Rule = AlertRule & {
  dashboard?: string | null;
  panel?: number | null;
  /** The server shows the gravest thousand. */
  instances_total?: number;
};

export type Transition = AlertTransition & { title?: string };

export type SilenceShown = Silence & { author?: string; state?: string };

export type Document = Alerts & {
  /** Why the files are not those that are in force. */
  files_error?: string | null;
  /** What in the files has no effect. */
  notes?: string[];
};
