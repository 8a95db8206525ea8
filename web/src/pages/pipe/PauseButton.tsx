// Stops the pipe, and lets it go on.
import { Asking } from '../kit/Asking';
import { ops } from '../kit/ops';
import type { PipeStatus } from '../kit/status';
import { bytesText } from '../kit/words';

export function PauseButton({ status, onDone }: { status: PipeStatus; onDone: () => void }) {
  if (status.paused_since !== null) {
    return (
      <Asking
        label="Resume"
        icon="play"
        title="Resume the pipe?"
        body="It goes on where it stopped; nothing was lost as long as Postgres kept its log."
        confirm="Resume"
        onDo={async () => {
          await ops.resume();
          onDone();
          return 'The pipe goes on';
        }}
      />
    );
  }
  const limit = status.source.until_lost_bytes;
  return (
    <Asking
      label="Pause"
      icon="pause"
      title="Pause the pipe?"
      body={`Nothing new arrives until it is resumed. Meanwhile Postgres keeps its log for us, ${limit === null ? 'without a limit: watch its disk' : `and may give it up after ${bytesText(limit)} more`}.${status.kafka ? ' Topics are read on.' : ''}`}
      confirm="Pause"
      destroys
      onDo={async () => {
        await ops.pause();
        onDone();
        return 'The pipe is paused';
      }}
    />
  );
}
